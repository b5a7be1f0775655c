"""What `stages.parallel --dry-run` prints: what would run, what that costs, which data and machine it still needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privprune.datasets.catalogue import data_state
from privprune.datasets.sources import DataFolders, weights_state
from privprune.errors import UserError
from privprune.report.timings import duration
from stages.runner.plan import RunPlan
from stages.runner.resources import Needs, room_here

ON_DATA = ("train", "prune", "harden", "attack", "recognise", "deploy")


@dataclass(frozen=True)
class Costs:
    """Seconds of stages.

    Attributes:
        before: of those that have run, in this suite.
        estimated: of others, from cells of other suites that are like them.
        sources: these suites.

    """

    before: Mapping[str, float]
    estimated: Mapping[str, float]
    sources: Sequence[str]


def described(found: RunPlan, costs: Costs, jobs: int) -> list[str]:
    """List what would run, a stage a line, and about how long it would take."""
    waiting = found.waiting
    lines = [f"{stage:<52} {_why(stage, found):<21} {_time(stage, costs)}" for stage in waiting]
    kinds = Counter(stage.partition("@")[0] for stage in waiting)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return [
        *lines,
        f"{len(waiting)} of {len(found.needs)} stages{f': {listed}' if listed else ''}",
        *_sums(waiting, costs, jobs),
    ]


def _why(stage: str, found: RunPlan) -> str:
    if stage in found.cached:
        return "is in the cache"
    return "runs" if stage in found.changed else "if its inputs change"


def _time(stage: str, costs: Costs) -> str:
    if stage in costs.before:
        return duration(costs.before[stage])
    if stage in costs.estimated:
        return f"about {duration(costs.estimated[stage])} (estimate)"
    return "no earlier time"


def _sums(waiting: Mapping[str, object], costs: Costs, jobs: int) -> list[str]:
    known = [costs.before[stage] for stage in waiting if stage in costs.before]
    guessed = [seconds for stage, seconds in costs.estimated.items() if stage in waiting and stage not in costs.before]
    lines = []
    if known:
        lines.append(
            f"cost: {len(known)} stages took {duration(sum(known))} before, "
            f"about {duration(sum(known) / jobs)} with {jobs} at once"
        )
    if guessed:
        lines.append(
            f"cost: {len(guessed)} stages about {duration(sum(guessed))} (estimate for the machine on which "
            f"{' and '.join(costs.sources)} was measured, by epochs, records and networks of cells that are alike)"
        )
    unknown = len(waiting) - len(known) - len(guessed)
    if unknown:
        lines.append(f"cost: {unknown} stages have no earlier time and are like none that has, so nothing is said")
    return lines


def data_needed(found: RunPlan, suite: Mapping[str, Any], folders: DataFolders) -> list[str]:
    """Say of each data set that has to be fetched, and of weights, whether it is there and where to put it."""
    lines = []
    for name, settings in _entries(suite, "datasets").items():
        stage = f"fetch@{name}"
        if stage in found.needs:
            ready = "ready, fetched before" if stage not in found.waiting else None
            ready = "ready, in the cache" if stage in found.cached else ready
            told = ready or data_state(str(settings.get("name")), folders)[1]
            lines.append(f"data: {name}, for {_users(found, suite, name)} stages: {told}")
    files = {
        file
        for cell, entry in _entries(suite, "train").items()
        if f"train@{cell}" in found.waiting and (file := (entry.get("network") or {}).get("pretrained"))
    }
    return [*lines, *(f"weights: {file}: {weights_state(file, folders)[1]}" for file in sorted(files))]


def _users(found: RunPlan, suite: Mapping[str, Any], data: str) -> int:
    """Count the stages that may run on a data set."""
    entries = {f"{kind}@{cell}": entry for kind in ON_DATA for cell, entry in _entries(suite, kind).items()}
    return sum(stage in found.waiting and entry.get("data") == data for stage, entry in entries.items())


def _entries(suite: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    entries = suite.get(section)
    return dict(entries) if isinstance(entries, Mapping) else {}


def machine_needed(needs: Needs, device: object) -> list[str]:
    """Say whether this machine has what the stages ask for in `meta`, and the suite's `device`."""
    try:
        room_here(needs, device, 1)
    except UserError as lacking:
        return [f"machine: MISSING: {lacking}"]
    return [f"machine: has what {len(needs)} stages ask for in dvc.yaml"] if needs else []
