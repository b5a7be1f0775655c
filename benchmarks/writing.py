"""Write results as a Markdown page with figures and as JSON; a run replaces its own rows and keeps the others."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import draw
from benchmarks.result import Result
from benchmarks.units import aimed, with_unit
from privprune.cores import cores
from privprune.files import write_json, write_text
from privprune.records import versions

SHOWN = ("python", "torch", "dvc")  # versions on the page; the JSON has all
FIGURES = "benchmarks"  # folder of the figures, next to the page


def conditions() -> dict[str, Any]:
    """Return the conditions of a measurement: machine, load, versions and date."""
    return {
        "machine": f"{processor()}, {cores()} cores, {memory()}",
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {**versions(), "dvc": importlib.metadata.version("dvc")},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def processor() -> str:
    """Return the processor's name."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def memory() -> str:
    """Return the size of the machine's memory."""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def as_rows(results: Sequence[Result], measured_under: dict[str, Any]) -> list[dict[str, Any]]:
    """Return results as rows, together with the conditions they were measured under."""
    return [{**asdict(result), "reached": result.reached, **measured_under} for result in results]


def merged(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all rows, where those of the benchmarks that ran now replace the old ones."""
    ran = {row["benchmark"] for row in now}
    return [row for row in before if row["benchmark"] not in ran] + list(now)


def as_markdown(rows: Sequence[dict[str, Any]], figures: Sequence[tuple[str, str]] = ()) -> str:
    """Return the table, with a line per row; below it the machines, the figures, and a note on each number.

    Args:
        rows: results with their conditions.
        figures: (path relative to the page, caption).

    """
    lines = [
        "| benchmark | measured | result | aim | reached | on | load before | date | behind it |",
        "|---|---|---:|---:|---|---|---:|---|---:|",
    ]
    places = {place: letter(number) for number, place in enumerate(dict.fromkeys(_place(row) for row in rows))}
    for number, row in enumerate(rows, start=1):
        value = "not measured" if row["value"] is None else with_unit(row["value"], row["unit"])
        cells = [row["benchmark"], row["measure"], value, aimed(row), row["reached"], places[_place(row)]]
        cells += [f"{row['load_before']:g}", row["date"], f"note {number}" if row["note"] else ""]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    lines += ["", *(f"- {key}: {place}" for place, key in places.items())]
    lines += [part for path, caption in figures for part in ("", f"![{caption}]({path})")]
    lines += ["", "## Behind the numbers", ""]
    lines += [f"- note {number}: {row['note']}" for number, row in enumerate(rows, start=1) if row["note"]]
    return "\n".join(lines) + "\n"


def letter(number: int) -> str:
    """Return A for 0, B for 1, and so on; AA follows Z."""
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def _place(row: dict[str, Any]) -> str:
    """Return the machine and versions of a row's measurement."""
    packages = ", ".join(f"{name} {row['versions'][name]}" for name in SHOWN if name in row["versions"])
    return f"{row['machine']}; {packages}"


def write(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write `benchmarks.json`, `benchmarks.md` and the figures in `benchmarks/`; returns the page."""
    stored = folder / "benchmarks.json"
    before = json.loads(stored.read_text(encoding="utf-8"))["results"] if stored.is_file() else []
    complete = merged(before, rows)
    write_json(stored, {"results": complete})
    figures = [(f"{FIGURES}/{name}", caption) for name, caption in draw(complete, folder / FIGURES)]
    title = (
        "# Benchmarks\n\nMeasured by `python -m benchmarks`; `benchmarks/README.md` says how. A letter stands for a "
        "machine and its versions, named below the table; what is behind a number stands in its note.\n\n"
    )
    write_text(folder / "benchmarks.md", title + as_markdown(complete, figures))
    return folder / "benchmarks.md"
