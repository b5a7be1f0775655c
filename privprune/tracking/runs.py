"""The content of one run in a tracking store, as data; no MLflow here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CELL = "cell"  # what stands as the stage of the run of a whole cell


@dataclass(frozen=True)
class MetricPoint:
    """One value of one metric; `step` is the number of finished epochs, 0 for a value without an epoch."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class TrackedRun:
    """One run in a tracking store.

    Attributes:
        suite, paper, stage, cell: what ran; `cell` is empty for a stage about a whole paper.
        parameters: name -> value as text.
        points: curves and final metrics.
        tags: name -> text, in addition to those of `identity`.
        data: name and fingerprint of the dataset, or None.
        artifacts: file -> folder inside the run, "" for its top.
        pictures: path inside the run -> bytes of a PNG that no file contains.
        parent: key of the run that this one is nested below, "" for none.
        fingerprint: sha256 that changes exactly when the content or the key of the run changes.
        seconds: how long the stage took, None if unknown.

    """

    suite: str
    paper: str
    stage: str
    cell: str
    parameters: dict[str, str]
    points: list[MetricPoint]
    tags: dict[str, str]
    data: tuple[str, str] | None
    artifacts: dict[Path, str]
    fingerprint: str
    seconds: float | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)
    parent: str = ""

    @property
    def name(self) -> str:
        """Return the displayed name: `digits-baseline` of a cell, `digits-baseline/train` or `mia_pruning/plot`.

        Sorted by name, the stages of a cell follow it.
        """
        return self.cell if self.kind == CELL else f"{self.cell or self.paper}/{self.stage}"

    @property
    def kind(self) -> str:
        """Return what the run is of: a whole `cell`, one `stage` of it, or a `paper`, of which it judges or draws."""
        return CELL if self.stage == CELL else "stage" if self.cell else "paper"

    @property
    def key(self) -> str:
        """Return the key, which is unique among the runs of the present records."""
        return key(self.suite, self.paper, self.stage, self.cell)

    @property
    def identity(self) -> dict[str, str]:
        """Return the tags to search runs by."""
        names = {"kind": self.kind, "suite": self.suite, "paper": self.paper, "stage": self.stage, "cell": self.cell}
        return {name: value for name, value in names.items() if value} | self.tags


def key(suite: str, paper: str, stage: str, cell: str) -> str:
    """Return the key of a record, the same for all its versions."""
    return "/".join(part for part in (suite, paper, stage, cell) if part)


def canonical(content: Any) -> str:
    """Return JSON that is the same text for the same content."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint_of(*parts: str) -> str:
    """Return the sha256 of texts; each is hashed with its length, so that different lists give different hashes."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
