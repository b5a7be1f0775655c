"""What `stages.parallel --dry-run` prints: what would run, for how long, and which data and machine it still needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privprune.datasets.catalogue import DATASETS, data_state
from privprune.datasets.own_format import OWN_FORMATS, own_data_state
from privprune.datasets.sources import DataFolders, weights_state
from privprune.errors import UserError
from privprune.report.timings import duration
from stages.runner.plan import RunPlan
from stages.runner.resources import Requirements, resources_of_this_machine

ON_DATA = ("train", "prune", "harden", "attack", "recognise", "deploy")


@dataclass(frozen=True)
class Costs:
    """Seconds of stages.

    Attributes:
        measured: of those that have run before, in this suite.
        estimated: of others, see `stages.runner.estimate`.
        machines: for which the estimates are: `laptop on a CPU with 2 cores`.

    """

    measured: Mapping[str, float]
    estimated: Mapping[str, float]
    machines: Sequence[str]


def describe(run_plan: RunPlan, costs: Costs, jobs: int) -> list[str]:
    """List what would run, a stage a line, and about how long it would take."""
    pending = run_plan.pending
    lines = [f"{stage:<52} {_reason(stage, run_plan):<21} {_time(stage, costs)}" for stage in pending]
    kinds = Counter(stage.partition("@")[0] for stage in pending)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return [
        *lines,
        f"{len(pending)} of {len(run_plan.dependencies)} stages{f': {listed}' if listed else ''}",
        *_sums(pending, costs, jobs),
    ]


def _reason(stage: str, run_plan: RunPlan) -> str:
    if stage in run_plan.cached:
        return "is in the cache"
    return "runs" if stage in run_plan.changed else "if its inputs change"


def _time(stage: str, costs: Costs) -> str:
    if stage in costs.measured:
        return duration(costs.measured[stage])
    if stage in costs.estimated:
        return f"about {duration(costs.estimated[stage])} (estimate)"
    return "no earlier time"


def _sums(pending: Mapping[str, object], costs: Costs, jobs: int) -> list[str]:
    measured = [costs.measured[stage] for stage in pending if stage in costs.measured]
    estimated = [costs.estimated[stage] for stage in pending if stage in costs.estimated.keys() - costs.measured.keys()]
    lines = []
    if measured:
        lines.append(
            f"cost: {len(measured)} stages took {duration(sum(measured))} before, "
            f"about {duration(sum(measured) / jobs)} with {jobs} at once"
        )
    if estimated:
        lines.append(
            f"cost: {len(estimated)} stages about {duration(sum(estimated))} (estimate by epochs, records and networks "
            f"of similar stages of {' and '.join(costs.machines)})"
        )
    unknown = len(pending) - len(measured) - len(estimated)
    if unknown:
        lines.append(f"cost: {unknown} stages have no earlier time and no comparable stage, so they have no estimate")
    return lines


def data_needed(run_plan: RunPlan, suite: Mapping[str, Any], folders: DataFolders) -> list[str]:
    """Say of each data set that has to be fetched, and of weights, whether it is there and where to put it."""
    lines = []
    for name, settings in _entries(suite, "datasets").items():
        stage = f"fetch@{name}"
        if stage in run_plan.dependencies:
            ready = "ready, fetched before" if stage not in run_plan.pending else None
            ready = "ready, in the cache" if stage in run_plan.cached else ready
            state = ready or _state(settings, folders)
            lines.append(f"data: {name}, for {_users(run_plan, suite, name)} stages: {state}")
    files = {
        file
        for cell, entry in _entries(suite, "train").items()
        if f"train@{cell}" in run_plan.pending and (file := (entry.get("network") or {}).get("pretrained"))
    }
    return [*lines, *(f"weights: {file}: {weights_state(file, folders)[1]}" for file in sorted(files))]


def _state(settings: Mapping[str, Any], folders: DataFolders) -> str:
    """Say where a data set comes from: the user's own files, or what the catalogue says."""
    name = str(settings.get("name"))
    if name in OWN_FORMATS and name not in DATASETS:
        return own_data_state(str(settings.get("path")))
    return data_state(name, folders)[1]


def _users(run_plan: RunPlan, suite: Mapping[str, Any], data: str) -> int:
    """Count the stages that may run on a data set."""
    entries = {f"{kind}@{cell}": entry for kind in ON_DATA for cell, entry in _entries(suite, kind).items()}
    return sum(stage in run_plan.pending and entry.get("data") == data for stage, entry in entries.items())


def _entries(suite: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    entries = suite.get(section)
    return dict(entries) if isinstance(entries, Mapping) else {}


def machine_needed(requirements: Requirements, device: object) -> list[str]:
    """Say whether this machine has the resources that stages need, and the suite's `device`."""
    try:
        resources_of_this_machine(requirements, device, 1)
    except UserError as lacking:
        return [f"machine: MISSING: {lacking}"]
    return [f"machine: has what {len(requirements)} stages ask for in dvc.yaml"] if requirements else []
