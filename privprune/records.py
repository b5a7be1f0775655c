"""Records: small JSON files, one per entry that ran, tracked in git; all tables and figures are made from them."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from privprune.errors import UserError
from privprune.files import read_json, write_json

Stage = Literal["train", "prune", "harden", "attack", "recognise", "deploy"]
MAKING = ("train", "prune", "harden")  # the stages that make cells
PACKAGES = ("numpy", "opacus", "scikit-learn", "torch", "torchvision")  # those that compute results


@dataclass(frozen=True)
class Record:
    """The results of one stage for one cell. Fractions are in [0, 1]; a record has no times, host name or date.

    Attributes:
        suite: name of the suite.
        paper: the paper whose row it belongs to.
        stage: the stage that wrote it.
        cell: name of the cell; for attacks, recognition and deployment that of the entry.
        parameters: the entry as it is written in the suite.
        data: name, source, fingerprint and note of the dataset.
        model: name of the architecture.
        protocol: `paper` or `clean`, by which records are split into members and non-members.
        origin: what the stage started from, `datasets/NAME` or `models/CELL`.
        seeds: one per target; lists of one value per target have the same order.
        shadows: number of shadow models.
        metrics: name -> one value per target.
        record_parts: metric -> what its mean over targets owes to the records that they share, see
            `metrics.record_part.RecordPart`; those of attacks stand beside their metrics. Empty where there is one
            target.
        history: curve -> [epochs][targets].
        phases: name and number of epochs of each training phase, in order.
        histograms: `edges`, and counts of the first target's non-zero weights per layer and for `all`.
        search: candidates of the search for a sparsity (MIA-Pruning, Algorithm 1); empty without a search.
        attacks: label -> results of the attack; empty for stages that do not attack.
        panels: label of an inversion attack -> reconstructions from the first target, and `original` -> the same
            images themselves; each a PNG in base64.
        checks: what was checked -> its checks (`checks.Check`): `network` and `defence` of a cell, or the label of an
            attack, or `bound`, of the bound of an inversion's error.
        versions: of Python and of the packages that compute results.
        device: `cpu`, or the name of the GPU.

    """

    suite: str
    paper: str
    stage: Stage
    cell: str
    parameters: dict[str, Any]
    data: dict[str, str]
    model: str
    protocol: str
    origin: str
    seeds: list[int]
    shadows: int
    metrics: dict[str, list[float]] = field(default_factory=dict)
    record_parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: dict[str, list[list[float]]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    histograms: dict[str, list[float]] = field(default_factory=dict)
    search: list[dict[str, Any]] = field(default_factory=list)
    attacks: dict[str, Any] = field(default_factory=dict)
    panels: dict[str, str] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def write(self, root: Path) -> None:
        """Write the record to its path below `root`, the folder of the reports.

        Raises:
            UserError: a number is not finite: what it measures has diverged; or the file cannot be written.

        """
        path, content = record_path(root, self.suite, self.paper, self.stage, self.cell), rounded(asdict(self))
        place = next(_not_finite(content), None)
        if place is not None:
            raise UserError(
                f"{path}: {place}, allowed finite numbers; what it measures has diverged, a lower learning rate or "
                "weight may help"
            )
        write_json(path, content)


def _not_finite(content: Any, place: str = "record") -> Iterator[str]:
    """Yield place and value of each number that is NaN or infinite."""
    if isinstance(content, float) and not math.isfinite(content):
        yield f"{place}: found {content}"
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _not_finite(value, f"{place}.{key}")
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            yield from _not_finite(value, f"{place}[{number}]")


def rounded(content: Any, digits: int = 6) -> Any:
    """Round all floats to significant digits; six are more precise than any interval of a record."""
    if isinstance(content, float):
        return float(f"{content:.{digits}g}")
    if isinstance(content, dict):
        return {key: rounded(value, digits) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value, digits) for value in content]
    return content


def record_path(root: Path, suite: str, paper: str, stage: str, cell: str) -> Path:
    """Return the path of a record: `<root>/<suite>/records/<paper>/<stage>/<cell>.json`."""
    return root / suite / "records" / paper / stage / f"{cell}.json"


def read_records(folder: Path) -> list[Record]:
    """Read all records below a folder, in the order of their paths.

    Raises:
        UserError: a file is damaged, or is not a record.

    """
    records = []
    for path in sorted(folder.rglob("*.json")):
        content = read_json(path)
        try:
            records.append(Record(**content))
        except TypeError:
            raise UserError(f"{path}: not a record of this version, run `dvc repro` to make it again") from None
    return records


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python, of the packages that compute results, and of the packages `more`."""
    packages = {name: importlib.metadata.version(name) for name in (*PACKAGES, *more)}
    return {"python": platform.python_version(), **packages}
