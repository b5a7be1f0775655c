"""Resources of a machine: never more in use than there are, all free in the end, impossible requirements refused."""

from __future__ import annotations

import random
from typing import Any

import pytest

from privprune.errors import UserError
from stages.runner import resources, worker_pool
from stages.runner.resources import FreeResources


def test_all_that_is_acquired_is_released() -> None:
    """In any order of acquiring and releasing, no GPU is used more than fully, and in the end all is free."""
    draw = random.Random(7)
    requirements = {str(number): {"gpu": draw.choice([0.1, 1 / 3, 0.5, 1, 2]), "memory": 3.0} for number in range(40)}
    free = FreeResources({**requirements, "all": {"gpu": 3, "memory": 16.0}}, ["0", "1", "2"], 16.0, 9)
    running: dict[str, list[str]] = {}
    for stage, wanted in requirements.items():
        while (gpus := free.acquire(stage)) is None:
            ended = draw.choice(list(running))
            free.release(ended)
            del running[ended]
        assert len(gpus) == max(1, wanted["gpu"])
        running[stage] = gpus
        for gpu in ("0", "1", "2"):
            assert (
                sum(min(1, requirements[one]["gpu"]) for one, gpus_of_one in running.items() if gpu in gpus_of_one)
                < 1 + 1e-6
            )
        assert 3 * len(running) <= 16
    assert free.acquire("all") is None
    for stage in running:
        free.release(stage)
    assert free.acquire("all") == ["0", "1", "2"]


def test_the_number_of_stages_is_limited() -> None:
    """A stage without requirements waits too, until a running one has ended."""
    free = FreeResources({}, [], 1.0, 2)
    assert [free.acquire(stage) for stage in "abc"] == [[], [], None]
    free.release("a")
    assert free.acquire("c") == []


def test_a_stage_without_requirements_acquires_nothing() -> None:
    """It can always run, and no GPU is chosen for it."""
    free = FreeResources({"greedy": {"memory": 8.0}}, [], 8.0, 9)
    assert free.acquire("greedy") == []
    assert free.acquire("modest") == []
    free.release("modest")
    assert free.acquire("greedy") is None


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"gpu": 2}, "found gpu: 2, more than this machine has, 1"),
        ({"memory": 64}, "found memory: 64, more than this machine has, 16"),
        ({"gpu": 1.5}, "found gpu: 1.5, allowed whole ones or a part of one"),
        ({"licence": 1}, "found licence: 1, allowed gpu and memory (GiB)"),
    ],
)
def test_impossible_requirements_are_refused_before_anything_runs(wanted: dict[str, float], line: str) -> None:
    """One line with the stage, what it needs and what there is."""
    with pytest.raises(UserError) as refused:
        FreeResources({"train@a": wanted}, ["0"], 16.0, 9)
    assert str(refused.value) == f"dvc.yaml: train@a.meta: {line}"


@pytest.mark.parametrize(("visible", "there", "names"), [("", 2, ["0", "1"]), ("3,1", 2, ["3", "1"]), ("7", 0, [])])
def test_gpus_have_the_names_that_torch_accepts(
    monkeypatch: pytest.MonkeyPatch, visible: str, there: int, names: list[str]
) -> None:
    """The names in CUDA_VISIBLE_DEVICES; without it, numbers."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    assert resources.gpus() == names


def test_memory_has_a_plausible_size() -> None:
    """Between a hundredth of a GiB and a PiB."""
    assert 0.01 < resources.memory() < 2**20


@pytest.mark.parametrize(("before", "gpus", "seen"), [(None, [], None), ("0,1", [], "0,1"), ("0,1", ["1"], "1")])
def test_a_stage_sees_the_gpus_that_it_acquired(
    monkeypatch: pytest.MonkeyPatch, before: str | None, gpus: list[str], seen: str | None
) -> None:
    """CUDA_VISIBLE_DEVICES names them while it runs, and has its old value afterwards, even where the stage fails."""
    found: list[str | None] = []

    class Failing:
        def __init__(self, **_: Any) -> None: ...

        def reproduce(self, *_: Any, **__: Any) -> None:
            found.append(resources.os.environ.get("CUDA_VISIBLE_DEVICES"))
            raise RuntimeError("exited with 1")

    monkeypatch.setattr("stages.runner.dvc_adapter.Repo", Failing)
    monkeypatch.setenv(worker_pool.END_WITH_PARENT, "yes")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if before is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    with pytest.raises(RuntimeError):
        worker_pool.reproduce("train@a", gpus)
    assert found == [seen]
    assert resources.os.environ.get("CUDA_VISIBLE_DEVICES") == before
