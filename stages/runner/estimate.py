"""An estimate of how long a stage takes that has never run, from stages of other suites that train in the same way.

The work of a stage is epochs x records x networks. A measured stage of another suite is comparable where

- kind of stage, model, methods and size of the images are the same;
- its record says that it ran on the kind of device, `cpu` or `cuda`, on which this run would compute;
- its work is at most `MAXIMUM_RATIO` times more or less. Beyond that, what does not grow with the work, such as reading
  data, makes an estimate worthless: without this limit 82 stages of the paper suite were put at 7,808 hours on two
  cores, from stages of the laptop suite with as little as a thousandth of their work.

The estimate is the median of seconds per work of all comparable stages, times the work. It stands for the machine on
which these ran, which is printed with it. Without a comparable stage there is no estimate; attacks, deployment and
stages that read records never have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from privprune.datasets.catalogue import DATASETS
from privprune.files import read_json
from privprune.report.timings import read_timings
from privprune.yaml_file import load_yaml

TRAINING = ("train", "prune", "harden")
MAXIMUM_RATIO = 100.0
Suite = Mapping[str, Any]
Kind = tuple[Any, ...]


@dataclass(frozen=True)
class Measured:
    """A stage of another suite that has run.

    Attributes:
        kind: of training, see `work`.
        work: epochs x records x networks.
        seconds: that it took.
        device: `cpu` or `cuda`.
        machine: the suite and where it was measured, for a reader: `laptop on a CPU with 2 cores`.

    """

    kind: Kind
    work: float
    seconds: float
    device: str
    machine: str


def estimate(
    stages: Sequence[str], suite: Suite, others: Path, reports: Path, device: Callable[[], str]
) -> tuple[dict[str, float], list[str]]:
    """Estimate the seconds of stages.

    Args:
        stages: addresses, `train@mnist-baseline`.
        suite: the one that they belong to, as plain data.
        others: the folder of the other suites.
        reports: the folder of reports, whose timings and records are read.
        device: returns the kind of device on which this run would compute; called only where that decides.

    Returns:
        stage -> seconds, of those with a comparable stage; and the machines of these, see `Measured`.

    """
    wanted = {stage: found for stage in stages if (found := work(stage, suite)) is not None}
    kinds = {kind for kind, _ in wanted.values()}
    measured = [
        stage
        for path in sorted(others.glob("*.yaml"))
        if path.stem != suite.get("suite") and (reports / path.stem / "timings").is_dir()
        for stage in _measured(load_yaml(path), path.stem, reports, kinds)
    ]
    here = device() if measured else ""
    estimates, machines = {}, set()
    for stage, (kind, amount) in wanted.items():
        comparable = [other for other in measured if other.kind == kind and _is_comparable(other, amount, here)]
        if comparable:
            estimates[stage] = amount * median(other.seconds / other.work for other in comparable)
            machines |= {other.machine for other in comparable}
    return estimates, sorted(machines)


def _is_comparable(other: Measured, amount: float, device: str) -> bool:
    return other.device == device and amount / MAXIMUM_RATIO <= other.work <= amount * MAXIMUM_RATIO


def _measured(suite: Suite, name: str, reports: Path, kinds: set[Kind]) -> Iterator[Measured]:
    """Yield the stages of a suite that have run, are of one of the kinds, and have a record that names the device."""
    timings = read_timings(reports / name / "timings")
    for (paper, section, cell), seconds in timings.seconds.items():
        found = work(f"{section}@{cell}", suite)
        record = reports / name / "records" / paper / section / f"{cell}.json"
        if found is None or found[0] not in kinds or found[1] <= 0 or not record.is_file():
            continue
        device = str(read_json(record).get("device"))
        cores = timings.others[paper, section, cell].get("cores")
        yield Measured(*found, seconds, device, f"{name} on {_machine(device, cores)}")


def _machine(device: str, cores: float | None) -> str:
    if device == "cuda":
        return "a GPU"
    return "a CPU" if cores is None else f"a CPU with {cores:g} core{'s' if cores != 1 else ''}"


def work(stage: str, suite: Suite) -> tuple[Kind, float] | None:
    """Return the kind of training of a stage and its work, epochs x records x networks; None where that is unknown."""
    section, _, cell = stage.partition("@")
    if section not in TRAINING:
        return None
    try:
        entry = suite[section][cell]
        if entry.get("search") is not None:  # how many epochs a search over budgets needs, no entry says
            return None
        network = _network(suite, entry)
        data = suite["datasets"][entry["data"]]
        about = DATASETS[data["name"]]
        records = data.get("limit") or about.train_records
        if network["protocol"] == "clean":
            records = data["protocols"]["clean"]["members"] or records / 2
        kind = (
            section,
            network["model"],
            network.get("small_dense") is None,
            (about.channels, about.size),
            *_methods(entry),
        )
        return kind, float(_epochs(entry) * records * _networks(network, entry))
    except (KeyError, TypeError, AttributeError, RecursionError):  # a mistake in the suite, which `check` reports
        return None


def _network(suite: Suite, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the networks of an entry, or else those of the cell from which it starts."""
    if entry.get("network") is not None:
        return dict(entry["network"])
    cell = entry["from"].removeprefix("models/")
    return _network(suite, next(suite[section][cell] for section in TRAINING if cell in suite[section]))


def _methods(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the names of pruning method and defence, and of the defence that this one is combined with."""
    method, defence = entry.get("method") or {}, entry.get("defence") or {}
    return method.get("name"), defence.get("name"), (defence.get("base") or {}).get("name")


def _epochs(entry: Mapping[str, Any]) -> float:
    """Count all epochs of an entry without a search."""
    method = entry.get("method") or {}
    phases = method.get("rho_rounds", 1) * (method.get("plan") or {"epochs": 0})["epochs"]
    return float(phases + (entry.get("plan") or entry["retrain"])["epochs"])


def _networks(network: Mapping[str, Any], entry: Mapping[str, Any]) -> int:
    return len(network["seeds"]) + (network["shadows"] if entry.get("keep_shadows", True) else 0)
