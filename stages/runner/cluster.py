"""Stages on other machines, through the user's own Dask scheduler: `--scheduler ADDRESS` of `stages.parallel`.

Each worker runs in a clone of its own, and all clones share one cache of DVC (`dvc cache dir --local /shared/cache`).
A worker reproduces the stage that it is given in its clone; what that depends on was made elsewhere, and DVC restores
it from the shared run-cache. At the end `dvc repro` in the head's clone restores everything in the same way. So there
is one graph and one cache, both DVC's; which worker is free, and what happens when one dies, is for Dask to decide.
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

from privprune.errors import UserError
from privprune.files import write_text
from stages.harness.code_fingerprint import PACKAGES
from stages.harness.records_stage import END_WITH_PARENT, REPORTS
from stages.runner import dvc_adapter, lock_file, run_cache
from stages.runner.resources import Requirements

_CONNECT_TIMEOUT = "10s"
_RETRIES = 3  # of a stage whose worker died
_FILES = ("dvc.yaml", "params.yaml")
_TIMINGS = "*/timings/*/*/*.json"


@contextlib.contextmanager
def cluster(address: str, requirements: Requirements, finished: Collection[str]) -> Iterator[Executor]:
    """Connect to a scheduler.

    Args:
        address: as Dask prints it, `tcp://HOST:8786`.
        requirements: stage -> resources that its worker must have (`gpu: 1`); Dask's workers declare theirs with
            `--resources "gpu=1"`.
        finished: stages that are up to date here, from which the workers continue.

    Yields:
        an executor whose `submit(work, stage)` runs the stage in a worker's clone.

    Raises:
        UserError: there is no scheduler, it has no workers, one of them has other code or another cache, or none has
            the resources that a stage needs.

    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=_CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as refused:
        raise UserError(f"--scheduler: found {address!r}, where none answers ({type(refused).__name__})") from None
    with client:
        _check_workers(client, requirements)
        run_cache.save_finished(finished)
        yield _ClusterExecutor(client, requirements)


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 (an extra that few need)
    except ModuleNotFoundError:
        raise UserError("--scheduler: needs Dask, allowed after `uv sync --extra cluster`") from None
    return distributed


@dataclass(frozen=True)
class StageResult:
    """What a worker returns of a stage.

    Attributes:
        seconds: that it took.
        timings: path -> content of the files that are no output of a stage, so that DVC does not restore them.

    """

    seconds: float
    timings: dict[str, str]


class _ClusterExecutor(Executor):
    """Submits stages to Dask; its futures are those of the standard library."""

    def __init__(self, client: Any, requirements: Requirements) -> None:
        self._client, self._requirements = client, requirements

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a stage, the first argument; `work` is ignored, as a worker runs `reproduce_here`."""
        del work, kwargs
        stage = args[0]
        remote = self._client.submit(
            reproduce_here,
            stage,
            fingerprint(Path.cwd()),
            key=f"{stage}-{uuid.uuid4().hex}",
            resources=dict(self._requirements.get(stage, {})),
            retries=_RETRIES,
            pure=False,
        )
        local: Future[Any] = Future()
        local.set_running_or_notify_cancel()
        remote.add_done_callback(lambda done: _copy_result(done, local))
        return local


def _copy_result(remote: Any, local: Future[Any]) -> None:
    """Copy result or exception of a stage to the head's future, and write its timings; never leave that unfinished."""
    if remote.status == "cancelled":
        local.set_exception(RuntimeError("the scheduler has gone"))
        return
    try:
        result: StageResult = remote.result()
        for path, content in result.timings.items():
            write_text(Path(path), content)
        local.set_result(result.seconds)
    except Exception as problem:  # noqa: BLE001 (any exception means that the stage has failed)
        local.set_exception(problem)


def reproduce_here(stage: str, expected: str) -> StageResult:
    """Run in a worker: reproduce a stage in the clone in which the worker was started.

    Args:
        stage: its address.
        expected: fingerprint of the head's clone.

    Raises:
        RuntimeError: the clone has another suite or other code than the head's.

    """
    if fingerprint(Path.cwd()) != expected:
        raise RuntimeError(f"found other code or another suite in {Path.cwd()}, allowed those of the head")
    os.environ[END_WITH_PARENT] = "yes"
    began, since = time.monotonic(), time.time_ns()
    lock_file.install()
    run_cache.reproduce_and_save(stage, alone=False)
    written = {str(path): path.read_text() for path in REPORTS.glob(_TIMINGS) if path.stat().st_mtime_ns >= since}
    return StageResult(time.monotonic() - began, written)


def fingerprint(root: Path) -> str:
    """Return a checksum of the suite, dvc.yaml and all code of a clone."""
    files = [root / name for name in _FILES]
    files += [path for package in PACKAGES for path in sorted((root / package).rglob("*")) if path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _state(marker: str) -> dict[str, str]:
    """Run in a worker: describe its clone, and whether its cache is the one in which the head has put a marker."""
    cache = dvc_adapter.cache_folder()
    return {
        "clone": f"{socket.gethostname()}:{Path.cwd()}",
        "fingerprint": fingerprint(Path.cwd()),
        "cache": str(cache),
        "shared": "yes" if (cache / marker).exists() else "no",
        "writable": "no" if _write_problem(cache) else "yes",
    }


def _write_problem(cache: Path) -> str:
    """Try to write to a cache; returns why that fails, nothing where it does not."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return ""
    except OSError as refused:
        return refused.strerror or type(refused).__name__


def check_cache() -> None:
    """Check before anything runs that this clone's cache can be written to.

    Raises:
        UserError: it cannot.

    """
    cache = dvc_adapter.cache_folder()
    problem = _write_problem(cache)
    if problem:
        raise UserError(f"{cache}: the cache cannot be written to ({problem}), allowed one that can")


def _states(client: Any) -> dict[str, dict[str, str]]:
    """Ask all workers for their state, while a marker is in the head's cache."""
    cache = dvc_adapter.cache_folder()
    marker = f".head-{uuid.uuid4().hex}"
    (cache / marker).touch()
    try:
        states: dict[str, dict[str, str]] = client.run(_state, marker)
    finally:
        (cache / marker).unlink()
    return states


def _check_workers(client: Any, requirements: Requirements) -> None:
    """Compare all workers with the head before anything runs."""
    workers = _states(client)
    if not workers:
        raise UserError("--scheduler: found no workers, allowed at least one, started in a clone of its own")
    clones = [f"{socket.gethostname()}:{Path.cwd()}"]
    for address, state in workers.items():
        problem = _worker_problem(state, clones)
        if problem is not None:
            raise UserError(f"worker {address} in {state['clone']}: found {problem}")
        clones.append(state["clone"])
    _check_resources(client, requirements)


def _worker_problem(state: Mapping[str, str], clones: Collection[str]) -> str | None:
    """Return why a worker cannot be used, or None where it can."""
    if state["fingerprint"] != fingerprint(Path.cwd()):
        return "other code or another suite, allowed those of the head"
    if state["shared"] != "yes":
        return f"a cache of its own, {state['cache']}, allowed the head's"
    if state["writable"] != "yes":
        return f"the cache {state['cache']} not writable, allowed one that is"
    return "a clone that another one works in, allowed one of its own" if state["clone"] in clones else None


def _check_resources(client: Any, requirements: Requirements) -> None:
    """Check that for each stage some worker has the resources that it needs."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    available = [worker.get("resources", {}) for worker in workers]
    for stage, required in requirements.items():
        if not any(all(each.get(name, 0) >= count for name, count in required.items()) for each in available):
            listed = ", ".join(f"{name}: {count:g}" for name, count in required.items())
            raise UserError(f"dvc.yaml: {stage}.meta: found {listed}, more than any worker has")
