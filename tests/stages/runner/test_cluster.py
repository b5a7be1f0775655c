"""Stages on the workers of a scheduler: what cannot work is refused in one line before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster
from dvc.repo import Repo

from privprune.errors import UserError
from stages import parallel
from stages.runner import cluster, resources
from stages.runner.plan import RunPlan

HEAD = "head:/clone"


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Return the address of a scheduler in this process, whose only worker has one GPU."""
    options = {"processes": False, "dashboard_address": ":0", "protocol": "tcp", "host": "127.0.0.1"}
    with LocalCluster(n_workers=1, threads_per_worker=1, resources={"gpu": 1}, **options) as made:
        yield made.scheduler_address


@pytest.fixture
def client(scheduler: str) -> Iterator[Client]:
    """Return a client of it."""
    with Client(scheduler, set_as_default=False) as made:
        yield made


def usable(**changed: str) -> dict[str, str]:
    """Return the state of a worker that can be used, with some values changed."""
    state = {"clone": "other:/clone", "fingerprint": "same", "cache": "/shared", "shared": "yes", "writable": "yes"}
    return {**state, **changed}


REFUSED = {
    "other code": (usable(fingerprint="another"), "other code or another suite, allowed those of the head"),
    "own cache": (usable(shared="no"), "a cache of its own, /shared, allowed the head's"),
    "read-only cache": (usable(writable="no"), "the cache /shared not writable, allowed one that is"),
    "no clone of its own": (usable(clone=HEAD), "a clone that another one works in, allowed one of its own"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_unusable_worker_is_refused(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """One line names the worker, its clone, what was found and what is allowed; a usable worker is accepted."""
    state, line = REFUSED[kind]
    monkeypatch.setattr(cluster, "fingerprint", lambda _: "same")
    monkeypatch.setattr(cluster.socket, "gethostname", lambda: "head")
    monkeypatch.setattr(cluster.Path, "cwd", lambda: Path("/clone"))
    monkeypatch.setattr(cluster, "_check_resources", lambda *_: None)
    monkeypatch.setattr(cluster, "_states", lambda _: {"tcp://1": usable(clone="first:/clone"), "tcp://2": state})
    with pytest.raises(UserError) as refused:
        cluster._check_workers(None, {})
    assert str(refused.value) == f"worker tcp://2 in {state['clone']}: found {line}"
    monkeypatch.setattr(cluster, "_states", lambda _: {"tcp://1": usable(clone="first:/clone"), "tcp://2": usable()})
    cluster._check_workers(None, {})


def test_a_missing_scheduler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens, and a malformed one, end in one line."""
    monkeypatch.setattr(cluster, "_CONNECT_TIMEOUT", "0.2s")
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        message = rf"^--scheduler: found '{address}', where none answers"
        with pytest.raises(UserError, match=message), cluster.cluster(address, {}, ()):
            pytest.fail("connected")


def test_a_scheduler_without_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a worker no stage would ever run."""
    monkeypatch.setattr(cluster, "_states", lambda _: {})
    with pytest.raises(UserError, match=r"^--scheduler: found no workers, allowed at least one"):
        cluster._check_workers(None, {})


def test_requirements_beyond_every_worker_are_refused(client: Client) -> None:
    """A second GPU, or a resource that no worker declares; what one worker has is accepted."""
    cluster._check_resources(client, {"train@a": {"gpu": 1}})
    for wanted, wish in (({"gpu": 2}, "gpu: 2"), ({"gpu": 1, "memory": 16}, "gpu: 1, memory: 16")):
        with pytest.raises(UserError) as refused:
            cluster._check_resources(client, {"train@a": wanted})
        assert str(refused.value) == f"dvc.yaml: train@a.meta: found {wish}, more than any worker has"


def test_stages_run_on_workers_with_their_requirements(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The seconds of a stage, its timings and its exceptions come back to the head."""

    def work(stage: str, _: str) -> cluster.StageResult:
        if stage == "fails":
            raise RuntimeError("exited with 1")
        return cluster.StageResult(3.0, {f"{stage}.json": "{}"})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "reproduce_here", work)
    executor = cluster._ClusterExecutor(client, {"needs": {"gpu": 1}})
    assert [executor.submit(print, stage, []).result(20) for stage in ("needs", "other")] == [3.0, 3.0]
    assert {path.name for path in tmp_path.iterdir()} == {"needs.json", "other.json"}
    assert str(executor.submit(print, "fails", []).exception(20)) == "exited with 1"


def test_a_changed_clone_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker compares its code with the head's before each stage."""
    monkeypatch.setattr(cluster, "fingerprint", lambda _: "mine")
    monkeypatch.setattr(cluster.run_cache, "reproduce_and_save", lambda *_, **__: pytest.fail("ran"))
    with pytest.raises(RuntimeError, match=r"found other code or another suite in .*, allowed those of the head"):
        cluster.reproduce_here("train@a", "the head's")


def test_a_cache_that_cannot_be_written_to_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a file is in its place; a cache that can be written to is left as it was."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    cluster.check_cache()
    cache = Path(Repo().cache.local.path)
    assert list(cache.iterdir()) == []
    cache.rmdir()
    cache.touch()
    with pytest.raises(UserError) as refused:
        cluster.check_cache()
    assert str(refused.value) == f"{cache}: the cache cannot be written to (File exists), allowed one that can"


@pytest.mark.parametrize("kind", ["gpu", "cache", "scheduler"])
def test_a_run_that_cannot_work_starts_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with one line and status 1; no stage and no process has started."""
    (tmp_path / "params.yaml").write_text("suite: tiny")
    monkeypatch.chdir(tmp_path)
    run_plan = RunPlan({"train@a": frozenset()}, frozenset({"train@a"}), frozenset(), {"train@a": {"gpu": 2}})
    command: dict[str, Any] = {"scheduler": ["--scheduler", "tcp://127.0.0.1:9"]}
    monkeypatch.setattr(parallel.sys, "argv", ["parallel", *command.get(kind, [])])
    monkeypatch.setattr(parallel, "_dvc_repro", lambda *_, **__: 0)
    monkeypatch.setattr(parallel, "plan", lambda _: run_plan)
    monkeypatch.setattr(parallel, "run_all", lambda *_, **__: pytest.fail("ran"))
    monkeypatch.setattr(parallel, "process_pool", lambda _: pytest.fail("started processes"))
    monkeypatch.setattr(resources, "gpus", lambda: ["0"])
    monkeypatch.setattr(cluster, "_CONNECT_TIMEOUT", "0.2s")

    def refused() -> None:
        if kind == "cache":
            raise UserError("/shared: the cache cannot be written to (Permission denied), allowed one that can")

    monkeypatch.setattr(parallel, "check_cache", refused)
    with pytest.raises(SystemExit) as ended:
        parallel.main()
    assert ended.value.code == 1
    lines = {
        "gpu": "error: dvc.yaml: train@a.meta: found gpu: 2, more than this machine has, 1\n",
        "cache": "error: /shared: the cache cannot be written to (Permission denied), allowed one that can\n",
        "scheduler": "error: --scheduler: found 'tcp://127.0.0.1:9', where none answers (OSError)\n",
    }
    assert capsys.readouterr().err == lines[kind]
