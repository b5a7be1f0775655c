"""Stages on other machines, through a Dask scheduler that the user has: `--scheduler ADDRESS` of `stages.parallel`.

Each worker runs in a clone of its own, all with one cache of DVC (`dvc cache dir --local /shared/cache`). A worker
reproduces the stage that it is given in its clone: what comes before it was done elsewhere, and DVC restores that from
the shared run-cache. In the end `dvc repro` in the head's clone restores everything in the same way. So there is one
graph and one cache, both DVC's; which worker is free, and what to do when one dies, is Dask's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from privprune.errors import UserError
from privprune.files import write_text
from stages.harness.code_fingerprint import PACKAGES
from stages.harness.records_stage import REPORTS, TIED
from stages.runner import lock_file
from stages.runner.resources import Needs
from stages.runner.run_cache import keep, keep_all

_PATIENCE = "10s"  # for the scheduler to answer
_RETRIES = 3  # of a stage whose worker died
_FILES = ("dvc.yaml", "params.yaml")
_TIMINGS = "*/timings/*/*/*.json"


@contextlib.contextmanager
def cluster(address: str, needs: Needs, done: Collection[str]) -> Iterator[Executor]:
    """Connect to a scheduler.

    Args:
        address: as Dask prints it, `tcp://HOST:8786`.
        needs: stage -> resources that its worker must have (`gpu: 1`); Dask's workers declare theirs with
            `--resources "gpu=1"`.
        done: stages that are up to date here, which the workers go on from.

    Yields:
        an executor whose `submit(work, stage)` runs the stage in a worker's clone.

    Raises:
        UserError: there is no scheduler, it has no workers, one of them has other code or another cache, or none has
            what a stage needs.

    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as refused:
        raise UserError(f"--scheduler: found {address!r}, where none answers ({type(refused).__name__})") from None
    with client:
        _check_workers(client, needs)
        keep_all(done)
        yield _Cluster(client, needs)


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 (an extra that few need)
    except ModuleNotFoundError:
        raise UserError("--scheduler: needs Dask, allowed after `uv sync --extra cluster`") from None
    return distributed


@dataclass(frozen=True)
class Done:
    """What a worker tells of a stage.

    Attributes:
        seconds: that it took.
        timings: path -> content of the files that are no output of a stage, so that DVC does not restore them.

    """

    seconds: float
    timings: dict[str, str]


class _Cluster(Executor):
    """Gives stages to Dask; its futures are those of the standard library."""

    def __init__(self, client: Any, needs: Needs) -> None:
        self._client, self._needs = client, needs

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a stage, the first argument; `work` is this machine's way to do so, a worker has its own."""
        del work, kwargs
        stage = args[0]
        there = self._client.submit(
            reproduce_here,
            stage,
            fingerprint(Path.cwd()),
            key=f"{stage}-{uuid.uuid4().hex}",
            resources=dict(self._needs.get(stage, {})),
            retries=_RETRIES,
            pure=False,
        )
        here: Future[Any] = Future()
        here.set_running_or_notify_cancel()
        there.add_done_callback(lambda done: _hand_over(done, here))
        return here


def _hand_over(done: Any, here: Future[Any]) -> None:
    """Pass on what came of a stage; whatever goes wrong here must not leave the head waiting."""
    if done.status == "cancelled":
        here.set_exception(RuntimeError("the scheduler has gone"))
        return
    try:
        made: Done = done.result()
        for path, content in made.timings.items():
            write_text(Path(path), content)
        here.set_result(made.seconds)
    except Exception as problem:  # noqa: BLE001 (whatever it is, the stage has failed)
        here.set_exception(problem)


def reproduce_here(stage: str, expected: str) -> Done:
    """Run in a worker: reproduce a stage in the clone that the worker was started in.

    Raises:
        RuntimeError: the clone has another suite or other code than the head's.

    """
    if fingerprint(Path.cwd()) != expected:
        raise RuntimeError(f"found other code or another suite in {Path.cwd()}, allowed those of the head")
    os.environ[TIED] = "yes"
    began, since = time.monotonic(), time.time_ns()
    lock_file.begin()
    repo = Repo(_wait_for_lock=True)
    keep(repo, repo.reproduce([stage]))
    written = {str(path): path.read_text() for path in REPORTS.glob(_TIMINGS) if path.stat().st_mtime_ns >= since}
    return Done(time.monotonic() - began, written)


def fingerprint(root: Path) -> str:
    """Return a checksum of the suite, the map of stages and all code of a clone."""
    files = [root / name for name in _FILES]
    files += [path for package in PACKAGES for path in sorted((root / package).rglob("*")) if path.suffix != ".pyc"]
    found = hashlib.sha256()
    for path in files:
        if path.is_file():
            found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _state(mark: str) -> dict[str, str]:
    """Run in a worker: say what its clone is, and whether its cache is the one with the head's mark."""
    cache = Path(Repo().cache.local.path)
    return {
        "clone": f"{socket.gethostname()}:{Path.cwd()}",
        "fingerprint": fingerprint(Path.cwd()),
        "cache": str(cache),
        "shared": "yes" if (cache / mark).exists() else "no",
        "writable": "no" if _cannot_write(cache) else "yes",
    }


def _cannot_write(cache: Path) -> str:
    """Try to write to a cache; returns why that fails, nothing where it does not."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return ""
    except OSError as refused:
        return refused.strerror or type(refused).__name__


def check_cache() -> None:
    """Hold before anything runs that what is made can be kept.

    Raises:
        UserError: this clone's cache cannot be written to.

    """
    cache = Path(Repo().cache.local.path)
    refused = _cannot_write(cache)
    if refused:
        raise UserError(f"{cache}: the cache cannot be written to ({refused}), allowed one that can")


def _states(client: Any) -> dict[str, dict[str, str]]:
    """Ask all workers, while a mark lies in the head's cache."""
    cache = Path(Repo().cache.local.path)
    mark = f".head-{uuid.uuid4().hex}"
    (cache / mark).touch()
    try:
        found: dict[str, dict[str, str]] = client.run(_state, mark)
    finally:
        (cache / mark).unlink()
    return found


def _check_workers(client: Any, needs: Needs) -> None:
    """Hold all workers against the head before anything runs."""
    workers = _states(client)
    if not workers:
        raise UserError("--scheduler: found no workers, allowed at least one, started in a clone of its own")
    clones = [f"{socket.gethostname()}:{Path.cwd()}"]
    for address, state in workers.items():
        refused = _refused(state, clones)
        if refused is not None:
            raise UserError(f"worker {address} in {state['clone']}: found {refused}")
        clones.append(state["clone"])
    _check_resources(client, needs)


def _refused(state: Mapping[str, str], clones: Collection[str]) -> str | None:
    """Say why a worker cannot be used, or None."""
    if state["fingerprint"] != fingerprint(Path.cwd()):
        return "other code or another suite, allowed those of the head"
    if state["shared"] != "yes":
        return f"a cache of its own, {state['cache']}, allowed the head's"
    if state["writable"] != "yes":
        return f"the cache {state['cache']} not writable, allowed one that is"
    return "a clone that another one works in, allowed one of its own" if state["clone"] in clones else None


def _check_resources(client: Any, needs: Needs) -> None:
    """Hold that some worker has what each stage wants."""
    offered = [worker.get("resources", {}) for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
    for stage, wanted in needs.items():
        if not any(all(own.get(name, 0) >= count for name, count in wanted.items()) for own in offered):
            wish = ", ".join(f"{name}: {count:g}" for name, count in wanted.items())
            raise UserError(f"dvc.yaml: {stage}.meta: found {wish}, more than any worker has")
