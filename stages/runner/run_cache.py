"""What was made, kept in DVC's run-cache, from which `dvc repro` restores it in any clone that shares the cache.

DVC itself keeps no run of a stage that has an output with `cache: false`, such as a record, which stands in git: a
clone with the same cache would compute it again. `StageCache.save` keeps such runs, when it is asked to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dvc.repo import Repo
from dvc.stage import Stage


def keep(repo: Repo, stages: Iterable[Stage]) -> None:
    """Keep runs of stages that are up to date; one that is kept already costs little."""
    with repo.lock:
        for stage in stages:
            repo.stage_cache.save(stage)


def keep_all(done: Collection[str]) -> None:
    """Keep what was made before, by whatever command, for the clones that go on from it.

    Args:
        done: addresses of stages that are up to date.

    """
    repo = Repo(_wait_for_lock=True)
    keep(repo, [stage for stage in repo.index.stages if stage.addressing in done])
