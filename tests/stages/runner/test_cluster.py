"""Stages at the workers of a scheduler: what cannot work is refused in one line before anything runs."""

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


def good(**changed: str) -> dict[str, str]:
    """Return what a worker says that can be used, but for some of it."""
    fine = {"clone": "other:/clone", "fingerprint": "same", "cache": "/shared", "shared": "yes", "writable": "yes"}
    return {**fine, **changed}


REFUSED = {
    "other code": (good(fingerprint="another"), "other code or another suite, allowed those of the head"),
    "own cache": (good(shared="no"), "a cache of its own, /shared, allowed the head's"),
    "read-only cache": (good(writable="no"), "the cache /shared not writable, allowed one that is"),
    "no clone of its own": (good(clone=HEAD), "a clone that another one works in, allowed one of its own"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_worker_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """One line names the worker, its clone, what was found and what is allowed; one that can be used is not refused."""
    state, line = REFUSED[kind]
    monkeypatch.setattr(cluster, "fingerprint", lambda _: "same")
    monkeypatch.setattr(cluster.socket, "gethostname", lambda: "head")
    monkeypatch.setattr(cluster.Path, "cwd", lambda: Path("/clone"))
    monkeypatch.setattr(cluster, "_check_resources", lambda *_: None)
    monkeypatch.setattr(cluster, "_states", lambda _: {"tcp://1": good(clone="first:/clone"), "tcp://2": state})
    with pytest.raises(UserError) as told:
        cluster._check_workers(None, {})
    assert str(told.value) == f"worker tcp://2 in {state['clone']}: found {line}"
    monkeypatch.setattr(cluster, "_states", lambda _: {"tcp://1": good(clone="first:/clone"), "tcp://2": good()})
    cluster._check_workers(None, {})


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, and where the address is none, one line says so."""
    monkeypatch.setattr(cluster, "_PATIENCE", "0.2s")
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        told = rf"^--scheduler: found '{address}', where none answers"
        with pytest.raises(UserError, match=told), cluster.cluster(address, {}, ()):
            pytest.fail("connected")


def test_a_scheduler_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would ever run what is submitted."""
    monkeypatch.setattr(cluster, "_states", lambda _: {})
    with pytest.raises(UserError, match=r"^--scheduler: found no workers, allowed at least one"):
        cluster._check_workers(None, {})


def test_more_than_any_worker_has_is_refused(client: Client) -> None:
    """A second GPU, or what nobody declares; what one worker has is not refused."""
    cluster._check_resources(client, {"train@a": {"gpu": 1}})
    for wanted, wish in (({"gpu": 2}, "gpu: 2"), ({"gpu": 1, "memory": 16}, "gpu: 1, memory: 16")):
        with pytest.raises(UserError) as told:
            cluster._check_resources(client, {"train@a": wanted})
        assert str(told.value) == f"dvc.yaml: train@a.meta: found {wish}, more than any worker has"


def test_stages_run_at_workers_that_have_what_they_need(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a stage returns, how long it says that it took, and what it raises comes back to the head."""

    def work(stage: str, _: str) -> cluster.Done:
        if stage == "fails":
            raise RuntimeError("exited with 1")
        return cluster.Done(3.0, {f"{stage}.json": "{}"})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "reproduce_here", work)
    executor = cluster._Cluster(client, {"needs": {"gpu": 1}})
    assert [executor.submit(print, stage, []).result(20) for stage in ("needs", "other")] == [3.0, 3.0]
    assert {path.name for path in tmp_path.iterdir()} == {"needs.json", "other.json"}
    assert str(executor.submit(print, "fails", []).exception(20)) == "exited with 1"


def test_a_clone_that_was_changed_meanwhile_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks at its code again before each stage."""
    monkeypatch.setattr(cluster, "fingerprint", lambda _: "mine")
    monkeypatch.setattr(cluster, "Repo", lambda **_: pytest.fail("ran"))
    with pytest.raises(RuntimeError, match=r"found other code or another suite in .*, allowed those of the head"):
        cluster.reproduce_here("train@a", "the head's")


def test_a_cache_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a file lies in its way; one that can be written to is left as it was."""
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    cluster.check_cache()
    cache = Path(Repo().cache.local.path)
    assert list(cache.iterdir()) == []
    cache.rmdir()
    cache.touch()
    with pytest.raises(UserError) as told:
        cluster.check_cache()
    assert str(told.value) == f"{cache}: the cache cannot be written to (File exists), allowed one that can"


@pytest.mark.parametrize("kind", ["gpu", "cache", "scheduler"])
def test_nothing_is_half_run(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot work ends with one line and status 1; no stage has begun, and no process either."""
    (tmp_path / "params.yaml").write_text("suite: tiny")
    monkeypatch.chdir(tmp_path)
    found = RunPlan({"train@a": frozenset()}, frozenset({"train@a"}), frozenset(), {"train@a": {"gpu": 2}})
    command: dict[str, Any] = {"scheduler": ["--scheduler", "tcp://127.0.0.1:9"]}
    monkeypatch.setattr(parallel.sys, "argv", ["parallel", *command.get(kind, [])])
    monkeypatch.setattr(parallel, "_dvc", lambda *_, **__: 0)
    monkeypatch.setattr(parallel, "plan", lambda _: found)
    monkeypatch.setattr(parallel, "run_all", lambda *_, **__: pytest.fail("ran"))
    monkeypatch.setattr(parallel, "pool", lambda _: pytest.fail("began processes"))
    monkeypatch.setattr(resources, "gpus", lambda: ["0"])
    monkeypatch.setattr(cluster, "_PATIENCE", "0.2s")

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
