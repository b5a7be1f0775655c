"""The table of `reports/reliability.md`: what was tried, where and when, and what came of it."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from pathlib import Path

from benchmarks.writing import conditions
from privprune.files import write_text
from tests.faults.bench import Outcome

_HEAD = """# Reliability

What came of faults, each in a fresh clone of the repository with the suite `tests/suites/faults.yaml`. Written by
`python -m tests.faults` ([what it does](../docs/troubleshooting.md#faults-that-were-tried)), never by hand. CI tries
each kind in miniature (`tests/faults/test_faults.py`). "The same bytes" means that no file in `data/` and `reports/`
differs from that of an undisturbed run, but for the page and the times of stages.

{summary}

| kind | fault | what was done | what must come | what came | as it must | date | on |
|---|---|---|---|---|---|---|---|
{rows}

{machines}
"""


@dataclass(frozen=True)
class Row:
    """One row of the table; its fields are the columns, as texts."""

    kind: str
    fault: str
    done: str
    expected: str
    found: str
    result: str
    date: str
    machine: str

    @classmethod
    def of(cls, kind: str, outcome: Outcome) -> Row:
        """Return the row of an outcome that was found here and now."""
        here = conditions()
        versions = ", ".join(f"{name} {here['versions'][name]}" for name in ("python", "torch", "dvc"))
        result = {True: "yes", False: "no", None: "not tried"}[outcome.passed]
        texts = (outcome.fault, outcome.done, outcome.expected, outcome.found)
        return cls(
            kind,
            *(" ".join(text.replace("|", "/").split()) for text in texts),
            result,
            here["date"],
            f"{here['machine']}; {versions}",
        )


def read_rows(page: Path) -> list[Row]:
    """Return the rows of a page that was written before; none where there is no page."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    machines = dict(re.findall(r"^- (\w+): (.+)$", text, re.MULTILINE))
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| (?!kind )\w", line)]
    return [Row(*cells[:-1], machines[cells[-1]]) for cells in lines]


def write_page(page: Path, rows: list[Row]) -> None:
    """Write the page."""
    machines = list(dict.fromkeys(row.machine for row in rows))
    letters = {machine: chr(ord("A") + number) for number, machine in enumerate(machines)}
    lines = [" | ".join([*astuple(row)[:-1], letters[row.machine]]) for row in rows]
    counts = {result: sum(row.result == result for row in rows) for result in ("yes", "no", "not tried")}
    summary = ", ".join(
        f"{count} {said}" for count, said in zip(counts.values(), ("as they must", "not", "not tried"), strict=True)
    )
    named = "\n".join(f"- {letter}: {machine}" for machine, letter in letters.items())
    table = "\n".join(f"| {line} |" for line in lines)
    write_text(page, _HEAD.format(summary=f"{len(rows)} faults: {summary}.", rows=table, machines=named))
