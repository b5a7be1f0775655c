"""What a run has to do: which stages must run before which, which would run, and how long they took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from privprune.report.timings import read_timings
from stages.runner import dvc_adapter


@dataclass(frozen=True)
class RunPlan:
    """What a run has to do, by addresses of stages (`train@digits-baseline`).

    Attributes:
        dependencies: stage -> the stages that must be done before it, for the targets and all that they depend on, in
            a possible order.
        changed: those whose own code, parameters, inputs or outputs are not those of their last run.
        downstream: those that depend on these, and run unless their inputs turn out unchanged.
        requirements: stage -> the resources that it needs, from `meta` in dvc.yaml; most need nothing.
        local: those with an output that stays where it was made, as `track`'s database, so that no other clone can
            make it.
        cached: data sets among the changed that the run-cache has, so that they are restored and not fetched.

    """

    dependencies: dict[str, frozenset[str]]
    changed: frozenset[str]
    downstream: frozenset[str]
    requirements: dict[str, dict[str, float]]
    local: frozenset[str] = frozenset()
    cached: frozenset[str] = frozenset()

    @property
    def pending(self) -> dict[str, frozenset[str]]:
        """The stages that may run, each with the pending stages that it depends on; what is up to date is left out."""
        may_run = self.changed | self.downstream
        return {stage: before & may_run for stage, before in self.dependencies.items() if stage in may_run}

    @property
    def distributable(self) -> dict[str, frozenset[str]]:
        """The pending stages that may run in other clones: all but the local ones and what depends on these."""
        local = set(self.local)
        for stage, before in self.dependencies.items():
            local |= {stage} if before & local else set()
        return {stage: before for stage, before in self.pending.items() if stage not in local}

    @property
    def pending_requirements(self) -> dict[str, dict[str, float]]:
        """The resources that pending stages need, without the stages that need none."""
        return {stage: required for stage in self.pending if (required := self.requirements.get(stage))}


def plan(targets: Sequence[str]) -> RunPlan:
    """Ask DVC what it would do.

    Args:
        targets: stages or groups of stages (`train`, `evaluate@cem`); none for all.

    Raises:
        UserError: dvc.yaml cannot be read, or there is no such target.

    """
    stages = dvc_adapter.read_graph(targets, lambda address: address.startswith("fetch@"))
    changed = frozenset(stage.address for stage in stages if stage.changed)
    downstream: set[str] = set()
    for stage in stages:
        if not stage.changed and stage.dependencies & (changed | downstream):
            downstream.add(stage.address)
    return RunPlan(
        {stage.address: stage.dependencies for stage in stages},
        changed,
        frozenset(downstream),
        {stage.address: _requirements(stage.meta) for stage in stages},
        frozenset(stage.address for stage in stages if stage.persistent),
        frozenset(stage.address for stage in stages if stage.restorable),
    )


def _requirements(meta: Mapping[str, object]) -> dict[str, float]:
    """Return the positive numbers among a stage's `meta`."""
    return {name: count for name, count in meta.items() if isinstance(count, int | float) and count > 0}


def seconds_before(stages: Sequence[str], suite: str, reports: Path) -> dict[str, float]:
    """Look up how long stages took when they last ran, on whatever machine; stages without a timing are left out.

    Raises:
        UserError: a file of timings is damaged.

    """
    timings = read_timings(reports / suite / "timings").seconds
    by_address = {f"{stage}@{cell}": seconds for (_, stage, cell), seconds in timings.items()}
    return {stage: by_address[stage] for stage in stages if stage in by_address}
