"""What stages have made, saved in DVC's run-cache, from which `dvc repro` restores it in any clone with the same cache.

DVC itself saves no run of a stage that has an output with `cache: false`, such as a record, which stands in git: a
clone with the same cache would compute it again. `StageCache.save` saves such a run when it is called for it.

What it saves: the whole training of a cell in every other clone. `--scheduler` depends on it, as the head restores from
the run-cache what workers have made. Without it, DVC's own way, each clone runs such stages itself.
"""

from __future__ import annotations

from collections.abc import Collection

from stages.runner import dvc_adapter

LOCAL = ("check",)  # links to source files of its own clone, so each clone runs it for itself, in seconds


def reproduce_and_save(address: str, *, alone: bool) -> None:
    """Reproduce a stage of the working directory's repository and save its run.

    Args:
        address: of the stage.
        alone: leave the stages that it depends on as they are, and unsaved.

    """
    repository = dvc_adapter.open_repository()
    dvc_adapter.save_runs(repository, dvc_adapter.reproduce(repository, address, alone=alone), without=LOCAL)


def save_finished(addresses: Collection[str]) -> None:
    """Save what was made before, by whatever command, for the clones that continue from it.

    Args:
        addresses: of stages that are up to date.

    """
    repository = dvc_adapter.open_repository()
    dvc_adapter.save_runs(repository, dvc_adapter.stages_at(repository, addresses), without=LOCAL)
