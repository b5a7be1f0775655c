"""How long each stage took: JSON files beside the records, which no verdict depends on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from privprune.errors import UserError
from privprune.files import read_json
from privprune.records import Record


@dataclass(frozen=True)
class Timings:
    """Seconds by (paper, stage, cell)."""

    seconds: dict[tuple[str, str, str], float]

    def of(self, record: Record) -> float | None:
        """Return how long the stage behind a record took, if that is known."""
        return self.seconds.get((record.paper, record.stage, record.cell))


def read_timings(folder: Path) -> Timings:
    """Read `reports/<suite>/timings/<paper>/<stage>/<cell>.json`; a folder that is not there holds none.

    Raises:
        UserError: a file is damaged or holds no seconds.

    """
    seconds = {}
    for path in sorted(folder.rglob("*.json")):
        content = read_json(path)
        found = content.get("seconds") if isinstance(content, dict) else None
        if isinstance(found, bool) or not isinstance(found, int | float) or len(path.relative_to(folder).parts) != 3:
            raise UserError(f"{path}: not a timing, remove it")
        paper, stage, name = path.relative_to(folder).parts
        seconds[paper, stage, name.removesuffix(".json")] = float(found)
    return Timings(seconds)


def duration(seconds: float) -> str:
    """Return seconds as a reader says them: `0.4 s`, `48 s`, `3 min 20 s`, `1 h 12 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"
