"""What one run of MLflow holds; nothing here knows MLflow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Point:
    """One value of one metric; step counts finished epochs, 0 stands for a value that has no epoch."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Run:
    """One run of MLflow.

    Attributes:
        suite, paper, stage, cell: what ran; `cell` is empty where a stage speaks for a whole paper.
        parameters: name -> value as text.
        points: curves and final metrics.
        tags: name -> text, beside those that `identity` gives.
        data: name and fingerprint of the dataset, or None.
        artifacts: file -> folder inside the run, "" for its top.
        pictures: place inside the run -> PNG that stands in no file of its own.
        fingerprint: sha256 that changes when, and only when, the run's content or its place changes.
        seconds: how long the stage took, where that is known.

    """

    suite: str
    paper: str
    stage: str
    cell: str
    parameters: dict[str, str]
    points: list[Point]
    tags: dict[str, str]
    data: tuple[str, str] | None
    artifacts: dict[Path, str]
    fingerprint: str
    seconds: float | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what a person looks for, for instance `train/digits-baseline`, or `plot/mia_pruning`."""
        return f"{self.stage}/{self.cell or self.paper}"

    @property
    def key(self) -> str:
        """Return what no other run of today's records shares."""
        return key(self.suite, self.paper, self.stage, self.cell)

    @property
    def identity(self) -> dict[str, str]:
        """Return the tags by which runs are found."""
        names = {"suite": self.suite, "paper": self.paper, "stage": self.stage, "cell": self.cell}
        return {name: value for name, value in names.items() if value} | self.tags


def key(suite: str, paper: str, stage: str, cell: str) -> str:
    """Return the name of a record's place, one for all its versions."""
    return "/".join(part for part in (suite, paper, stage, cell) if part)


def canonical(content: Any) -> str:
    """Write JSON that is the same text for the same content."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint_of(*parts: str) -> str:
    """Return the sha256 of texts, each with its length, so that no two lists of texts share one."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
