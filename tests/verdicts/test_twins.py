"""CEM's term is judged by what it did to the bound of the same network without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from inversion_records import inverted

from privprune.checks import check
from privprune.published import load
from privprune.records import Record
from privprune.verdicts import EvaluateSettings, MeasuredCell, RowSettings, evaluate

ENTRY: dict[str, Any] = {"data": "cifar10", "network": {"model": "vgg11_bn"}, "plan": {"epochs": 20}}
CEM = {**ENTRY, "from": "datasets/cifar10", "defence": {"name": "cem", "base": None, "weight": 16}}


def cell(
    name: str,
    entry: dict[str, Any],
    bound: Sequence[float],
    pull: float | None = None,
    seeds: Sequence[int] = (0, 1, 2),
) -> list[Record]:
    """Return the records of a cell with an entry and its bound per seed; `pull` is the recorded share of CEM's term."""
    made, attacked = inverted(name, {"decoder_train": [0.01] * len(seeds)}, bound=bound, seeds=seeds)
    found = made.checks
    if pull is not None:
        recorded = check("its term moves", [pull], "at least", 0.1, "a made-up share").as_record()
        base = check("base", [1.0], "at least", 0.5, "a made-up share").as_record()
        found = {**found, "defence": [recorded, base]}
    return [replace(made, parameters=entry, checks=found), attacked]


def judged(records: Sequence[Record]) -> MeasuredCell:
    """Return the cell `cem` of an evaluation that has `plain` beside it."""
    rows = (
        RowSettings("CIFAR-10", "VGG11", "bottleneck", "plain", None),
        RowSettings("CIFAR-10", "VGG11", "bottleneck+cem", "cem", None),
    )
    return evaluate(records, load("cem"), EvaluateSettings("cem", rows, (), ()), "test").cell("cem")


def of_defence(found: MeasuredCell) -> dict[str, bool]:
    """Return check of the defence -> whether it passed."""
    assert found.checks is not None
    return {one.name: one.passed for one in found.checks["defence"]}


@pytest.mark.parametrize(("bound", "pull", "passed"), [([1.06, 1.2, 1.1], 0.02, True), ([1.06, 1.2, 1.04], 0.9, False)])
def test_the_bound_decides_and_not_the_pull(bound: list[float], pull: float, passed: bool) -> None:
    """It must rise by a twentieth in every seed, however strongly the term pulled; the base's checks stay."""
    records = cell("plain", ENTRY, [1.0] * 3) + cell("cem", CEM, bound, pull)
    assert of_defence(judged(records)) == {"its term raises the bound": passed, "base": True}


@pytest.mark.parametrize(
    "other",
    [
        {"network": {"model": "resnet20"}},
        {"plan": {"epochs": 30}},
        {"defence": {"name": "resfl"}},
        {"data": "cifar100"},
    ],
)
def test_without_a_twin_the_recorded_check_stands(other: dict[str, Any]) -> None:
    """A cell that differs in more than CEM says nothing about the term."""
    records = cell("plain", ENTRY | other, [1.0] * 3) + cell("cem", CEM, [2.0] * 3, 0.02)
    assert of_defence(judged(records)) == {"its term moves": False, "base": True}


@pytest.mark.parametrize(("seeds", "passed"), [((1, 2), True), ((0, 2), False)])
def test_a_twin_may_have_more_seeds(seeds: tuple[int, ...], passed: bool) -> None:
    """Each seed of the cell is held against the same seed of its twin, whatever others that has."""
    fewer = CEM | {"network": {"model": "vgg11_bn", "seeds": list(seeds)}}
    more = ENTRY | {"network": {"model": "vgg11_bn", "seeds": [0, 1, 2]}}
    records = cell("plain", more, [2.0, 1.0, 1.5]) + cell("cem", fewer, [1.2, 1.6], 0.02, seeds)
    assert of_defence(judged(records)) == {"its term raises the bound": passed, "base": True}


def test_cem_on_a_defence_is_held_against_that_defence() -> None:
    """The twin of a game with CEM is the same game without it."""
    game = {"name": "resfl", "weight": 1.0}
    with_game, with_both = ENTRY | {"defence": game}, CEM | {"defence": {"name": "cem", "base": game, "weight": 16}}
    records = cell("plain", with_game, [1.0] * 3) + cell("cem", with_both, [1.2] * 3, 0.02)
    assert of_defence(judged(records)) == {"its term raises the bound": True, "base": True}
