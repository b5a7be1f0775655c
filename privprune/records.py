"""One record per measurement: a small JSON file that stands in git, from which every table and figure is rebuilt."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from privprune.errors import UserError
from privprune.files import read_json, write_json

Stage = Literal["train", "prune", "harden", "attack", "recognise", "deploy"]
MAKING = ("train", "prune", "harden")  # the stages whose record is about how a cell was made
PACKAGES = ("numpy", "opacus", "scikit-learn", "torch", "torchvision")


@dataclass(frozen=True)
class Record:
    """What one stage measured on one cell. Fractions are in [0, 1]; no time, host or date stands in a record.

    Attributes:
        suite: name of the suite.
        paper: the paper whose row it is.
        stage: the stage that wrote it.
        cell: the cell; for attacks, recognition and deployment the name of the entry.
        parameters: the suite's entry for it, whole.
        data: name, fingerprint and note of the dataset.
        model: name of the architecture.
        protocol: how members and non-members were divided.
        origin: what the stage started from, `datasets/NAME` or `models/CELL`.
        seeds: the target's seeds, in the order of all lists per target.
        shadows: number of shadow models beside the targets.
        metrics: name -> one value per target.
        history: name -> epochs x targets.
        phases: name and number of epochs of each training phase, in order.
        histograms: `edges`, and counts of the first target's non-zero weights per layer and for `all`.
        search: candidates of Algorithm 1's outer search, if it ran.
        attacks: results of each attack, if the stage attacked.
        panels: label of an inversion attack, or `original` -> what it made of the same images of the first target, as a
            PNG in base64.
        versions: of Python and the packages that compute.
        device: where it ran, `cpu` or the GPU's name.

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
    history: dict[str, list[list[float]]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    histograms: dict[str, list[float]] = field(default_factory=dict)
    search: list[dict[str, Any]] = field(default_factory=list)
    attacks: dict[str, Any] = field(default_factory=dict)
    panels: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"

    def write(self, root: Path) -> None:
        """Write it to its place under the reports folder."""
        write_json(record_path(root, self.suite, self.paper, self.stage, self.cell), _rounded(asdict(self)))


def _rounded(content: Any) -> Any:
    """Keep six significant digits of every number: more than any interval here resolves, and a readable file."""
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return content


def record_path(root: Path, suite: str, paper: str, stage: str, cell: str) -> Path:
    """Where a record stands: `<root>/<suite>/records/<paper>/<stage>/<cell>.json`."""
    return root / suite / "records" / paper / stage / f"{cell}.json"


def read_records(folder: Path) -> list[Record]:
    """Read all records below a folder, in the order of their paths.

    Raises:
        UserError: a file is damaged or is no record.

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
    """Return the versions of Python and of the packages that compute, and of more that a stage uses."""
    found = {name: importlib.metadata.version(name) for name in (*PACKAGES, *more)}
    return {"python": platform.python_version(), **found}
