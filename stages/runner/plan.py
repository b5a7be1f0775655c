"""DVC's own graph of stages: what must run before what, what would run, and how long it took before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.stage import Stage

from privprune.errors import UserError
from privprune.report.timings import read_timings


@dataclass(frozen=True)
class RunPlan:
    """What a run has to do, by addresses of stages (`train@digits-baseline`).

    Attributes:
        needs: stage -> the stages that must be done before it, for all that are to be looked at, in a possible order.
        changed: those that run for a reason of their own: their code, parameters, inputs or outputs are not those of
            their last run.
        following: those behind them, which run unless their inputs come out as they were.
        resources: stage -> what a machine must have to run it, from `meta` in dvc.yaml; most need nothing.
        here: those whose output stays where it was made, as `track`'s database, so that no other clone can make it.
        cached: data sets among the changed that the cache has, so that they are restored and not fetched.

    """

    needs: dict[str, frozenset[str]]
    changed: frozenset[str]
    following: frozenset[str]
    resources: dict[str, dict[str, float]]
    here: frozenset[str] = frozenset()
    cached: frozenset[str] = frozenset()

    @property
    def waiting(self) -> dict[str, frozenset[str]]:
        """What may run, each with those that it waits for; what is up to date is left out."""
        may_run = self.changed | self.following
        return {stage: needs & may_run for stage, needs in self.needs.items() if stage in may_run}

    @property
    def elsewhere(self) -> dict[str, frozenset[str]]:
        """What may run in other clones: all that may run, but what stays where it was made and what waits for it."""
        kept = set(self.here)
        for stage, needs in self.needs.items():
            kept |= {stage} if needs & kept else set()
        return {stage: needs for stage, needs in self.waiting.items() if stage not in kept}

    @property
    def wanted(self) -> dict[str, dict[str, float]]:
        """What a machine must have for the stages that may run, of those that need anything."""
        return {stage: wanted for stage in self.waiting if (wanted := self.resources.get(stage))}


def plan(targets: Sequence[str]) -> RunPlan:
    """Ask DVC what it would do.

    Args:
        targets: stages or groups of stages (`train`, `evaluate@cem`); none for all.

    Raises:
        UserError: dvc.yaml cannot be read, or there is no such target.

    """
    try:
        repo = Repo(_wait_for_lock=True)
        with repo.lock:
            graph = get_active_graph(repo.index.graph)
            steps: list[Stage] = plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"]))
            changed = frozenset(stage.addressing for stage in steps if stage.changed())
            cached = frozenset(stage.addressing for stage in steps if stage.addressing in changed and _in_cache(stage))
    except DvcException as refused:
        raise UserError(" ".join(str(refused).split())) from None
    needs = {
        stage.addressing: frozenset(before.addressing for before in graph.successors(stage))  # its edges point back
        for stage in steps
    }
    following: set[str] = set()
    for stage, before in needs.items():
        if stage not in changed and before & (changed | following):
            following.add(stage)
    resources = {stage.addressing: _resources(stage) for stage in steps}
    here = frozenset(stage.addressing for stage in steps if any(out.persist for out in stage.outs))
    return RunPlan(needs, changed, frozenset(following), resources, here, cached)


def _in_cache(stage: Stage) -> bool:
    """Whether DVC would restore a data set, not fetch it; of other stages that is known only after those before."""
    if not stage.addressing.startswith("fetch@"):
        return False
    try:
        stage.save_deps()
        stage.repo.stage_cache.restore(stage, dry=True)
    except DvcException:
        return False
    return True


def _resources(stage: Stage) -> dict[str, float]:
    """Return the numbers among a stage's `meta`."""
    meta = stage.meta if isinstance(stage.meta, dict) else {}
    return {name: count for name, count in meta.items() if isinstance(count, int | float) and count > 0}


def seconds_before(stages: Sequence[str], suite: str, reports: Path) -> dict[str, float]:
    """Look up how long stages took when they last ran, on whatever machine; those that are not known are left out.

    Raises:
        UserError: a file of timings is damaged.

    """
    timings = read_timings(reports / suite / "timings").seconds
    known = {(stage, cell): seconds for (_, stage, cell), seconds in timings.items()}
    parts = {stage: stage.partition("@")[::2] for stage in stages}
    return {stage: known[kind, name] for stage, (kind, name) in parts.items() if (kind, name) in known}
