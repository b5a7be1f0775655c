"""About how long a stage takes that has never run: from cells of other suites that are trained alike.

Epochs x records x networks of two cells with the same kind of stage, model, methods and size of images are set against
each other. It is an estimate, for the machine on which the other suite was measured. Attacks, deployment and what reads
records are not estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from privprune.datasets.sources import WHEREABOUTS
from privprune.yaml_file import load_yaml
from stages.runner.plan import seconds_before

TRAINED = ("train", "prune", "harden")
Suite = Mapping[str, Any]
Kind = tuple[Any, ...]


def estimated(stages: Sequence[str], suite: Suite, others: Path, reports: Path) -> tuple[dict[str, float], list[str]]:
    """Estimate seconds of stages.

    Args:
        stages: addresses, `train@mnist-baseline`.
        suite: the one that they are of, as plain data.
        others: the folder of the other suites.
        reports: the folder of reports, whose timings are used.

    Returns:
        stage -> seconds, of those that there is one like; and the suites that these were measured in.

    """
    rates: dict[Kind, list[float]] = {}
    sources: dict[Kind, str] = {}
    for path in sorted(others.glob("*.yaml")):
        if path.stem != suite.get("suite") and (reports / path.stem / "timings").is_dir():
            for kind, rate in _measured(load_yaml(path), path.stem, reports):
                rates.setdefault(kind, []).append(rate)
                sources.setdefault(kind, path.stem)
    found, used = {}, set()
    for stage in stages:
        asked = work(stage, suite)
        if asked is not None and asked[0] in rates:
            found[stage] = median(rates[asked[0]]) * asked[1]
            used.add(sources[asked[0]])
    return found, sorted(used)


def _measured(suite: Suite, name: str, reports: Path) -> list[tuple[Kind, float]]:
    """Return kind and seconds per epoch of one record and network, of all cells with a time."""
    stages = [f"{section}@{cell}" for section in TRAINED for cell in suite.get(section) or {}]
    times = seconds_before(stages, name, reports)
    known = [(work(stage, suite), seconds) for stage, seconds in times.items()]
    return [(found[0], seconds / found[1]) for found, seconds in known if found is not None and found[1] > 0]


def work(stage: str, suite: Suite) -> tuple[Kind, float] | None:
    """Return what kind of training a stage is, and epochs x records x networks; None where that says too little."""
    section, _, cell = stage.partition("@")
    if section not in TRAINED:
        return None
    try:
        entry = suite[section][cell]
        network = _network(suite, entry)
        data = suite["datasets"][entry["data"]]
        about = WHEREABOUTS[data["name"]]
        records = (data["limit"] or about.records) / (2 if network["protocol"] == "clean" else 1)
        kind = (section, network["model"], network["small_dense"] is None, about.image, *_methods(entry))
        return kind, float(_epochs(entry) * records * _networks(network, entry))
    except (KeyError, TypeError, AttributeError, RecursionError):  # a mistake in the suite, which `check` will tell
        return None


def _network(suite: Suite, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the networks of an entry, which it may have from where it started."""
    if entry.get("network") is not None:
        return dict(entry["network"])
    cell = entry["from"].removeprefix("models/")
    return _network(suite, next(suite[section][cell] for section in TRAINED if cell in suite[section]))


def _methods(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what is done beside plain training: names of method and defence, and of what a defence is plugged into."""
    method, defence = entry.get("method") or {}, entry.get("defence") or {}
    return method.get("name"), defence.get("name"), (defence.get("base") or {}).get("name")


def _epochs(entry: Mapping[str, Any]) -> float:
    """Count all epochs; a search over budgets has more, which no entry says."""
    if entry.get("search") is not None:
        raise KeyError("search")
    method = entry.get("method") or {}
    phases = method.get("rho_rounds", 1) * (method.get("plan") or {"epochs": 0})["epochs"]
    return float(phases + (entry.get("plan") or entry["retrain"])["epochs"])


def _networks(network: Mapping[str, Any], entry: Mapping[str, Any]) -> int:
    return len(network["seeds"]) + (network["shadows"] if entry.get("keep_shadows", True) else 0)
