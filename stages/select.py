"""Cut one printed table out of a suite: `python -m stages.select params/paper.yaml mia_pruning "Table 6"`.

Writes params.yaml with the cells that stand for the table's rows, what they are trained on from, their attacks, and
nothing else, under the same name of the suite: what has run once counts for all tables and for the whole suite.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from privprune.errors import UserError
from privprune.files import write_text
from privprune.published import Paper, load
from privprune.settings import at
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import PARAMS, report_mistakes

MAKING = ("train", "prune", "harden")
KINDS = {"membership": "methods", "inversion": "inversions"}  # a paper's threat -> key of its attacks
Entries = dict[str, dict[str, Any]]


def main() -> None:
    """Read the command line, write params.yaml."""
    if len(sys.argv) != 4:
        sys.exit("usage: python -m stages.select SUITE_FILE PAPER TABLE")
    file, name, table = sys.argv[1:]
    made = report_mistakes(lambda: selected(load_yaml(Path(file)), file, load(name), table))
    told = f"# {table} of {name}, cut out of {file}; the comments are there.\n"
    report_mistakes(lambda: write_text(PARAMS, told + yaml.safe_dump(made, sort_keys=False, width=120)))
    print(f"{PARAMS}: {len(made['attack'])} cells are attacked; now `uv run dvc repro`")


def selected(suite: Mapping[str, Any], file: str, paper: Paper, table: str) -> dict[str, Any]:
    """Return the part of a suite that a printed table needs.

    Args:
        suite: the whole suite, as plain data.
        file: its name, for messages.
        paper: whose table it is.
        table: as it is called in print.

    Raises:
        UserError: the paper has no such table, or the suite no cell for any of its rows.

    """
    section = at(suite, "evaluate", paper.paper, file=file)
    makers: Entries = {cell: entry for part in MAKING for cell, entry in suite[part].items()}
    keys = _keys(paper, table)
    rows = [
        row
        for row in section["rows"]
        if (row["dataset"], row["model"], row["defence"]) in keys and _protocol(makers, row["cell"]) == paper.protocol
    ]
    if not rows:
        raise UserError(f"{file}: evaluate.{paper.paper}.rows: found none of {table}, allowed a suite that has some")
    shown = {row["cell"] for row in rows}
    data = {makers[cell]["data"] for cell in shown}
    recognise = _of(suite, "recognise", lambda entry: entry["paper"] == paper.paper and entry["data"] in data)
    cells = _with_origins(makers, {*shown, *(entry["judge"] for entry in recognise.values())})
    kind = KINDS[paper.threat]
    parts = {
        "datasets": {name: entry for name, entry in suite["datasets"].items() if name in data},
        **{part: {cell: entry for cell, entry in suite[part].items() if cell in cells} for part in MAKING},
        "attack": _of(suite, "attack", lambda entry: entry["target"] in shown and kind in entry),
        "recognise": recognise,
        "deploy": _of(suite, "deploy", lambda entry: entry["cell"] in shown),
        "evaluate": {paper.paper: {**section, "rows": rows, "controls": [], "curves": []}},
    }
    return {key: parts.get(key, found) for key, found in suite.items()}


def _keys(paper: Paper, name: str) -> set[tuple[str, str, str]]:
    """Return data set, model and defence of a table's rows; for an average, of the rows that it averages."""
    found = [table for table in paper.tables if table.name == name]
    if not found:
        raise UserError(f"found table {name!r}, allowed {', '.join(table.name for table in paper.tables)}")
    return {
        (row.dataset, row.model, defence)
        for row in found[0].rows
        for defence in paper.averages.get(row.defence, (row.defence,))
    }


def _of(suite: Mapping[str, Any], section: str, wanted: Any) -> Entries:
    return {name: entry for name, entry in suite[section].items() if wanted(entry)}


def _with_origins(makers: Entries, cells: Collection[str]) -> set[str]:
    return {one for cell in cells for one in _line(makers, cell)}


def _line(makers: Entries, cell: str) -> list[str]:
    """Return a cell and those that it was trained on from."""
    origin = makers[cell].get("from", "")
    return [cell, *(_line(makers, origin.removeprefix("models/")) if origin.startswith("models/") else ())]


def _protocol(makers: Entries, cell: str) -> str:
    """Return how the records of a cell's networks are divided, which it may have from where it started."""
    return str(next(makers[one]["network"]["protocol"] for one in _line(makers, cell) if makers[one].get("network")))


if __name__ == "__main__":
    main()
