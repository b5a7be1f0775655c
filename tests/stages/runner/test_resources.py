"""What stages take of a machine: never more than there is, given back whole, and wishes it cannot meet refused."""

from __future__ import annotations

import random
from typing import Any

import pytest

from privprune.errors import UserError
from stages.runner import resources, worker_pool
from stages.runner.resources import Room


def test_what_is_taken_comes_back_whole() -> None:
    """Whatever is taken and given back in whatever order, no GPU serves more than one, and in the end all is free."""
    draw = random.Random(7)
    needs = {str(number): {"gpu": draw.choice([0.1, 1 / 3, 0.5, 1, 2]), "memory": 3.0} for number in range(40)}
    room = Room({**needs, "all": {"gpu": 3, "memory": 16.0}}, ["0", "1", "2"], 16.0, 9)
    held: dict[str, list[str]] = {}
    for stage, wanted in needs.items():
        while (gpus := room.take(stage)) is None:
            gone = draw.choice(list(held))
            room.give(gone)
            del held[gone]
        assert len(gpus) == max(1, wanted["gpu"])
        held[stage] = gpus
        for gpu in ("0", "1", "2"):
            assert sum(min(1, needs[one]["gpu"]) for one, own in held.items() if gpu in own) < 1 + 1e-6
        assert 3 * len(held) <= 16
    assert room.take("all") is None
    for stage in held:
        room.give(stage)
    assert room.take("all") == ["0", "1", "2"]


def test_no_more_stages_than_asked_for() -> None:
    """A stage that needs nothing waits too, until one of those that run has ended."""
    room = Room({}, [], 1.0, 2)
    assert [room.take(stage) for stage in "abc"] == [[], [], None]
    room.give("a")
    assert room.take("c") == []


def test_a_stage_that_says_nothing_takes_nothing() -> None:
    """It always finds room, and no GPU is chosen for it."""
    room = Room({"greedy": {"memory": 8.0}}, [], 8.0, 9)
    assert room.take("greedy") == []
    assert room.take("modest") == []
    room.give("modest")
    assert room.take("greedy") is None


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"gpu": 2}, "found gpu: 2, more than this machine has, 1"),
        ({"memory": 64}, "found memory: 64, more than this machine has, 16"),
        ({"gpu": 1.5}, "found gpu: 1.5, allowed whole ones or a part of one"),
        ({"licence": 1}, "found licence: 1, allowed gpu and memory (GiB)"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_runs(wanted: dict[str, float], line: str) -> None:
    """One line with the stage, what it wants and what there is."""
    with pytest.raises(UserError) as told:
        Room({"train@a": wanted}, ["0"], 16.0, 9)
    assert str(told.value) == f"dvc.yaml: train@a.meta: {line}"


@pytest.mark.parametrize(("visible", "there", "names"), [("", 2, ["0", "1"]), ("3,1", 2, ["3", "1"]), ("7", 0, [])])
def test_gpus_have_the_names_that_torch_is_told(
    monkeypatch: pytest.MonkeyPatch, visible: str, there: int, names: list[str]
) -> None:
    """Those that the user lets us see, by the user's names for them; else numbers."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    assert resources.gpus() == names


def test_memory_is_looked_up() -> None:
    """Between a hundredth of a GiB and a PiB."""
    assert 0.01 < resources.memory() < 2**20


@pytest.mark.parametrize(("before", "gpus", "seen"), [(None, [], None), ("0,1", [], "0,1"), ("0,1", ["1"], "1")])
def test_a_stage_sees_the_gpus_that_it_took(
    monkeypatch: pytest.MonkeyPatch, before: str | None, gpus: list[str], seen: str | None
) -> None:
    """What it runs is told by CUDA_VISIBLE_DEVICES, which is afterwards as it was, even where the stage fails."""
    found: list[str | None] = []

    class Failing:
        def __init__(self, **_: Any) -> None: ...

        def reproduce(self, *_: Any, **__: Any) -> None:
            found.append(resources.os.environ.get("CUDA_VISIBLE_DEVICES"))
            raise RuntimeError("exited with 1")

    monkeypatch.setattr("dvc.repo.Repo", Failing)
    monkeypatch.setenv(worker_pool.TIED, "yes")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if before is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    with pytest.raises(RuntimeError):
        worker_pool.reproduce("train@a", gpus)
    assert found == [seen]
    assert resources.os.environ.get("CUDA_VISIBLE_DEVICES") == before
