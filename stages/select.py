"""Select from a suite what one printed table needs: `python -m stages.select params/paper.yaml mia_pruning "Table 6"`.

Writes params.yaml with the cells that stand for the table's rows, the cells from which their training starts, and their
attacks. The suite keeps its name, so that a cell that has run once counts for all tables and for the whole suite.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from privprune.errors import UserError
from privprune.files import write_text
from privprune.published import Paper, load
from privprune.settings import at
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import PARAMS, report_mistakes

CELL_SECTIONS = ("train", "prune", "harden")
KINDS = {"membership": "methods", "inversion": "inversions"}  # a paper's threat -> the key that its attacks have
Entries = dict[str, dict[str, Any]]


def main() -> None:
    """Read the command line, write params.yaml."""
    if len(sys.argv) != 4:
        sys.exit("usage: python -m stages.select SUITE_FILE PAPER TABLE")
    file, name, table = sys.argv[1:]
    selection = report_mistakes(lambda: selected(_valid(file), file, load(name), table))
    comment = f"# {table} of {name}, cut out of {file}; the comments are there.\n"
    report_mistakes(lambda: write_text(PARAMS, comment + _text(selection)))
    print(f"{PARAMS}: {len(selection['attack'])} cells are attacked; now `uv run dvc repro`")


def _valid(file: str) -> Mapping[str, Any]:
    """Read a suite, without mistakes: UserError about the first one, in one line."""
    suite = load_yaml(Path(file))
    check_suite(suite, file)
    return suite


class _WithoutAnchors(yaml.SafeDumper):
    """Writes each value where it is used, so that a change of one key changes no other."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return that nothing becomes an anchor."""
        return True


def _text(suite: Mapping[str, Any]) -> str:
    return str(yaml.dump(suite, Dumper=_WithoutAnchors, sort_keys=False, width=120))


def selected(suite: Mapping[str, Any], file: str, paper: Paper, table: str) -> dict[str, Any]:
    """Return the part of a suite that a printed table needs.

    Args:
        suite: the whole suite, as plain data.
        file: its name, for messages.
        paper: that prints the table.
        table: its name in the paper.

    Raises:
        UserError: the paper has no such table, or the suite has no cell for any of its rows.

    """
    section = at(suite, "evaluate", paper.paper, file=file)
    trained: Entries = {cell: entry for part in CELL_SECTIONS for cell, entry in suite[part].items()}
    keys = _keys(paper, table)
    rows = [
        row
        for row in section["rows"]
        if (row["dataset"], row["model"], row["defence"]) in keys and _protocol(trained, row["cell"]) == paper.protocol
    ]
    if not rows:
        raise UserError(f"{file}: evaluate.{paper.paper}.rows: found none of {table}, allowed a suite that has some")
    shown = {row["cell"] for row in rows}
    data = {trained[cell]["data"] for cell in shown}
    recognise = _filtered(suite, "recognise", lambda entry: entry["paper"] == paper.paper and entry["data"] in data)
    kind = KINDS[paper.threat]
    attack = _filtered(suite, "attack", lambda entry: entry["target"] in shown and kind in entry)
    beside = {entry["released_with"] for entry in attack.values()} - {None}
    cells = _with_origins(trained, {*shown, *beside, *(entry["judge"] for entry in recognise.values())})
    parts = {
        "datasets": {name: entry for name, entry in suite["datasets"].items() if name in data},
        **{part: {cell: entry for cell, entry in suite[part].items() if cell in cells} for part in CELL_SECTIONS},
        "attack": attack,
        "recognise": recognise,
        "deploy": _filtered(suite, "deploy", lambda entry: entry["cell"] in shown),
        "evaluate": {paper.paper: {**section, "rows": rows, "controls": [], "curves": []}},
    }
    return {key: parts.get(key, content) for key, content in suite.items()}


def _keys(paper: Paper, name: str) -> set[tuple[str, str, str]]:
    """Return dataset, model and defence of a table's rows; for an average, of the rows that it averages."""
    named = [table for table in paper.tables if table.name == name]
    if not named:
        raise UserError(f"found table {name!r}, allowed {', '.join(table.name for table in paper.tables)}")
    return {
        (row.dataset, row.model, defence)
        for row in named[0].rows
        for defence in paper.averages.get(row.defence, (row.defence,))
    }


def _filtered(suite: Mapping[str, Any], section: str, is_needed: Callable[[dict[str, Any]], bool]) -> Entries:
    return {name: entry for name, entry in suite[section].items() if is_needed(entry)}


def _with_origins(trained: Entries, cells: Collection[str]) -> set[str]:
    return {one for cell in cells for one in _lineage(trained, cell)}


def _lineage(trained: Entries, cell: str) -> list[str]:
    """Return a cell and those from which its training starts, directly or through others."""
    origin = trained[cell].get("from", "")
    return [cell, *(_lineage(trained, origin.removeprefix("models/")) if origin.startswith("models/") else ())]


def _protocol(trained: Entries, cell: str) -> str:
    """Return how the records of a cell's networks are divided; the cell or the nearest of its origins says so."""
    return str(
        next(trained[one]["network"]["protocol"] for one in _lineage(trained, cell) if trained[one].get("network"))
    )


if __name__ == "__main__":
    main()
