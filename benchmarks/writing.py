"""Results as a Markdown table, and as JSON beside it; a run replaces its own rows and keeps the others."""

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

from benchmarks.result import Result
from privprune.files import write_json, write_text
from privprune.records import versions
from privprune.workflow.workers import cores

SHOWN = ("python", "torch", "dvc")  # versions that the table has; the JSON has all


def conditions() -> dict[str, Any]:
    """Describe machine, versions and date, as they belong beside every number."""
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


def as_rows(results: Sequence[Result], told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return results with the conditions they were measured under."""
    return [{**asdict(result), "reached": result.reached, **told} for result in results]


def merged(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the old rows of the benchmarks that ran now."""
    ran = {row["benchmark"] for row in now}
    return [row for row in before if row["benchmark"] not in ran] + list(now)


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table."""
    lines = [
        "| benchmark | measured | result | aim | reached | behind it | machine (load before) | versions | date |",
        "|---|---|---:|---:|---|---|---|---|---|",
    ]
    for row in rows:
        found = "not measured" if row["value"] is None else with_unit(row["value"], row["unit"])
        aim = "" if row["aim"] is None else f"{'≥' if row['better'] == 'higher' else '≤'} {row['aim']:,g} {row['unit']}"
        packages = ", ".join(f"{name} {row['versions'][name]}" for name in SHOWN if name in row["versions"])
        cells = [row["benchmark"], row["measure"], found, aim, row["reached"], row["note"]]
        cells += [f"{row['machine']} ({row['load_before']:g})", packages, row["date"]]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def with_unit(value: float, unit: str) -> str:
    """Write a number with the digits that mean something."""
    return f"{value:,.0f} MiB" if unit == "MiB" else f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def write(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write `benchmarks.json` and `benchmarks.md`; returns the latter."""
    stored = folder / "benchmarks.json"
    before = json.loads(stored.read_text(encoding="utf-8"))["results"] if stored.is_file() else []
    complete = merged(before, rows)
    write_json(stored, {"results": complete})
    title = "# Benchmarks\n\nMeasured by `python -m benchmarks`; `benchmarks/README.md` says how.\n\n"
    write_text(folder / "benchmarks.md", title + as_markdown(complete))
    return folder / "benchmarks.md"
