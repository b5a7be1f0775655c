"""How long each stage took, from JSON files beside the records; no verdict depends on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from privprune.errors import UserError
from privprune.files import read_json
from privprune.records import Record
from privprune.verdicts.cell_of_record import deployed_cell


@dataclass(frozen=True)
class Timings:
    """Seconds by (paper, stage, cell), and other timed quantities by name."""

    seconds: dict[tuple[str, str, str], float]
    others: dict[tuple[str, str, str], dict[str, float]] = field(default_factory=dict)

    def of(self, record: Record) -> float | None:
        """Return how long the stage behind a record took, if that is known."""
        return self.seconds.get((record.paper, record.stage, record.cell))


def read_timings(folder: Path) -> Timings:
    """Read `reports/<suite>/timings/<paper>/<stage>/<cell>.json`; a missing folder gives no timings.

    Raises:
        UserError: a file is damaged or has no seconds.

    """
    seconds, others = {}, {}
    for path in sorted(folder.rglob("*.json")):
        content = read_json(path)
        took = content.get("seconds") if isinstance(content, dict) else None
        if isinstance(took, bool) or not isinstance(took, int | float) or len(path.relative_to(folder).parts) != 3:
            raise UserError(f"{path}: not a timing, remove it")
        paper, stage, name = path.relative_to(folder).parts
        key = paper, stage, name.removesuffix(".json")
        seconds[key] = float(took)
        others[key] = {
            what: float(value)
            for what, value in content.items()
            if what != "seconds" and isinstance(value, int | float) and not isinstance(value, bool)
        }
    return Timings(seconds, others)


def deployed_times(records: Iterable[Record], timings: Timings) -> dict[str, dict[str, float]]:
    """Return cell -> timed quantities of its exported halves; the first entry of a cell counts."""
    times: dict[str, dict[str, float]] = {}
    for record in records:
        if record.stage == "deploy":
            times.setdefault(deployed_cell(record), timings.others.get((record.paper, record.stage, record.cell), {}))
    return times


def duration(seconds: float) -> str:
    """Return seconds as a short text: `0.4 s`, `48 s`, `3 min 20 s`, `1 h 12 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"
