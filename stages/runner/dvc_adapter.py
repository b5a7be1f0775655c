"""The one module that uses DVC through Python: private and unstable parts of it are named here and nowhere else.

There are two kinds of use.

- Calls: open a repository, read its graph, reproduce a stage, save what it made in the run-cache.
- Replacements, which make a run faster and change none of its results: the function that runs a stage's command
  (see `prefork`), the method that writes `dvc.lock` (see `lock_file`), and how often a busy lock is tried again.

The replacements are written for one minor release of DVC. With another release, or where what they replace has other
parameters, none of them is installed: DVC then works in its own way, and `warn_of_differences` says so in one line.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc
import dvc.lock
import dvc.stage.run
from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.stage import Stage, serialize
from dvc.stage.exceptions import StageCmdFailedError
from dvc.utils.serialize import dumps_yaml

from privprune.errors import UserError
from privprune.files import write_text

RELEASE = "3.67"  # of DVC, for which the replacements are written
_PARAMETERS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (dvc.stage.run, "_run", ("executable", "cmd", "kwargs")),
    (dvc.stage.run, "prepare_kwargs", ("stage", "run_env")),  # returns the `kwargs` of `_run`
    (Lockfile, "dump_stages", ("self", "stages", "kwargs")),
    (serialize, "to_lockfile", ("stage", "kwargs")),
)
_run_as_dvc: Any = getattr(dvc.stage.run, "_run", None)
_dump_as_dvc: Any = getattr(Lockfile, "dump_stages", None)


# What differs from the release that the replacements are written for


def differences() -> list[str]:
    """List in what this DVC differs from what the replacements expect; nothing where all is as expected."""
    different = []
    if not dvc.__version__.startswith(f"{RELEASE}."):
        different.append(f"found version {dvc.__version__}, allowed {RELEASE}")
    for owner, name, expected in _PARAMETERS:
        parameters = _parameters(getattr(owner, name, None))
        if parameters != expected:
            where = f"{owner.__name__}.{name}"
            different.append(f"found {where}({', '.join(parameters)}), allowed {where}({', '.join(expected)})")
    if not isinstance(getattr(dvc.lock, "DEFAULT_TIMEOUT", None), int | float):
        different.append("found no number dvc.lock.DEFAULT_TIMEOUT, allowed one")
    return different


def _parameters(function: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters) if callable(function) else ()


def warn_of_differences() -> None:
    """Say in one line on stderr that DVC works without the replacements, if it does."""
    different = differences()
    if different:
        print(f"warning: DVC: {different[0]}: stages run in DVC's own, slower way", file=sys.stderr, flush=True)


# Calls


def open_repository() -> Repo:
    """Open the repository of the working directory; what locks it waits for other processes of DVC."""
    return Repo(_wait_for_lock=True)


def cache_folder() -> Path:
    """Return the folder of the local cache of the working directory's repository."""
    return Path(Repo().cache.local.path)


@dataclass(frozen=True)
class GraphStage:
    """A stage as DVC sees it.

    Attributes:
        address: its name, `train@digits-baseline`.
        dependencies: addresses of the stages whose outputs it reads.
        changed: its code, parameters, inputs or outputs are not those of its last run.
        restorable: it has changed, and the run-cache has a run with its inputs.
        meta: what dvc.yaml says under `meta`.
        persistent: it has an output with `persist: true`, which stays where it was made.

    """

    address: str
    dependencies: frozenset[str]
    changed: bool
    restorable: bool
    meta: Mapping[str, object]
    persistent: bool


def read_graph(targets: Sequence[str], has_known_inputs: Callable[[str], bool]) -> list[GraphStage]:
    """Return the targets and all stages that they depend on, each after those that it depends on.

    Args:
        targets: stages or groups of stages (`train`, `evaluate@cem`); none for all.
        has_known_inputs: whether the inputs of a stage, given its address, are known before other stages have run;
            only such a stage is looked up in the run-cache.

    Raises:
        UserError: dvc.yaml cannot be read, or there is no such target.

    """
    try:
        repository = open_repository()
        with repository.lock:
            graph = get_active_graph(repository.index.graph)
            stages: list[Stage] = plan_repro(graph, collect_stages(repository, targets or ["dvc.yaml"]))
            changed = {stage.addressing for stage in stages if stage.changed()}
            looked_up = [
                stage for stage in stages if stage.addressing in changed and has_known_inputs(stage.addressing)
            ]
            restorable = {stage.addressing for stage in looked_up if _is_restorable(stage)}
    except DvcException as refused:
        raise UserError(" ".join(str(refused).split())) from None
    return [
        GraphStage(
            stage.addressing,
            frozenset(dependency.addressing for dependency in graph.successors(stage)),  # its edges point back
            stage.addressing in changed,
            stage.addressing in restorable,
            stage.meta if isinstance(stage.meta, dict) else {},
            any(output.persist for output in stage.outs),
        )
        for stage in stages
    ]


def _is_restorable(stage: Stage) -> bool:
    try:
        stage.save_deps()
        stage.repo.stage_cache.restore(stage, dry=True)
    except DvcException:
        return False
    return True


def reproduce(repository: Repo, address: str, *, alone: bool) -> list[Stage]:
    """Reproduce a stage as `dvc repro` does.

    Args:
        repository: of the stage.
        address: of the stage.
        alone: leave the stages that it depends on as they are.

    Returns:
        the stages that are up to date now.

    """
    return list(repository.reproduce([address], single_item=alone))


def stages_at(repository: Repo, addresses: Collection[str]) -> list[Stage]:
    """Return the stages with these addresses."""
    return [stage for stage in repository.index.stages if stage.addressing in addresses]


def save_runs(repository: Repo, stages: Iterable[Stage], without: Collection[str] = ()) -> None:
    """Save the last runs of stages that are up to date in the run-cache; a saved one is not saved again.

    Args:
        repository: of the stages.
        stages: whose runs are saved.
        without: addresses of stages that are left out.

    """
    with repository.lock:
        for stage in stages:
            if stage.addressing not in without:
                repository.stage_cache.save(stage)


def to_yaml(content: Mapping[str, object]) -> str:
    """Return plain data as the YAML that DVC writes."""
    return str(dumps_yaml(content))


# Replacements


def replace_command_runner(run: Callable[[str, str, Mapping[str, str]], int | None]) -> bool:
    """Let the commands of stages be run by a function, in this process and from now on.

    Args:
        run: takes a command, its working directory and its environment; returns its exit status, or None where DVC
            is to run the command.

    Returns:
        whether that is how commands are run; False where this DVC differs from what is expected.

    """
    if differences():
        return False

    def replaced(executable: str, cmd: str, **kwargs: Any) -> None:
        status = run(cmd, str(kwargs["cwd"]), kwargs["env"])
        if status is None:
            _run_as_dvc(executable, cmd, **kwargs)
        elif status:
            raise StageCmdFailedError(cmd, status)

    dvc.stage.run._run = replaced  # noqa: SLF001 (DVC has no other place where a command is run)
    return True


def replace_lock_writer(insert: Callable[[str, Mapping[str, Any]], str | None]) -> bool:
    """Let entries of `dvc.lock` be written by a function, in this process and from now on.

    Args:
        insert: takes the text of the file and a stage's entry, `{name: content}`; returns the new text, or None where
            DVC is to write the file.

    Returns:
        whether that is how entries are written; False where this DVC differs from what is expected.

    """
    if differences():
        return False

    def replaced(self: Lockfile, stages: Iterable[Stage], **kwargs: Any) -> None:
        stages, path = list(stages), Path(self.path)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        text: str | None = None if kwargs else before
        for stage in stages:
            text = None if text is None else insert(text, serialize.to_lockfile(stage))
        if text is None:
            _dump_as_dvc(self, stages, **kwargs)
        elif text != before:
            write_text(path, text)
            self.repo.scm_context.track_file(self.relpath)

    Lockfile.dump_stages = replaced
    return True


def replace_lock_timeout(seconds: float) -> bool:
    """Let DVC try a busy lock six times in so many seconds, in this process and from now on.

    A repository of `open_repository` waits for the lock without end, so that this only says how often it tries.

    Returns:
        whether that is so; False where this DVC differs from what is expected.

    """
    if differences():
        return False
    dvc.lock.DEFAULT_TIMEOUT = seconds
    return True
