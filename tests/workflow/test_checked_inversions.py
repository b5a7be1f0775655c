"""What the stage checks of every inversion attack, and what it keeps beside the attack's own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_invert import CUT, DECODER, FIT, RMLE, checks_of, entry, inverted, untrained

from privprune.cells import Cell
from privprune.errors import UserError
from privprune.settings import Range
from privprune.workflow.context import DataContext
from privprune.workflow.invert import InversionResults

Tiny = dict[str, Any]
LMMSE = {
    "attack": "lmmse",
    "attacker_data": "train",
    "queries": 2,
    "records": 5000,
    "features": 4096,
    "validation": 0.1,
}
ATTACKS = {
    "mean_image": {"attack": "mean_image", "attacker_data": "train"},
    "lmmse": LMMSE,
    "decoder_train": {**DECODER, "fit": {**FIT, "validation": 0.2}},
    "short": {**DECODER, "fit": {**FIT, "epochs": 4, "validation": 0.2}},
    "poor": {**DECODER, "fit": {**FIT, "epochs": 1, "learning_rate": 1e-6}},
    "rmle": RMLE,
}
TWICE = "gain from twice the budget"


@pytest.fixture(scope="module")
def cell(context: DataContext, tiny: Tiny) -> Cell:
    """Return networks that send two channels with noise."""
    return untrained(context, tiny, CUT)


@pytest.fixture(scope="module")
def found(context: DataContext, cell: Cell) -> InversionResults:
    """Return what all attacks gave."""
    return inverted(context, cell, inversions=ATTACKS, twice=["rmle", "short"], images=40)


def test_every_attack_is_held_against_trivial_ones(found: InversionResults) -> None:
    """An untrained decoder is beaten by both, LMMSE by neither; without held-out records convergence is unknown."""
    passed = {label: {name: check["passed"] for name, check in checks_of(found, label).items()} for label in ATTACKS}
    assert passed["lmmse"] == {"not beaten by the mean image": True, "not beaten by LMMSE": True}
    assert passed["poor"] == {
        "converged": False,
        "not beaten by the mean image": False,
        "not beaten by LMMSE": False,
    }
    assert set(passed["decoder_train"]) == set(passed["poor"])
    assert set(passed["rmle"]) == set(passed["short"]) == {*passed["poor"], TWICE}
    assert passed["rmle"][TWICE]  # its error rises: it overshoots, and had no use for more
    assert not passed["short"][TWICE]
    assert "no records were held out" in checks_of(found, "poor")["converged"]["reason"]


def test_lmmse_equals_the_one_that_attacks_are_held_against(found: InversionResults) -> None:
    """With the same settings it makes the same errors, draws on the wire included."""
    result = found.results["lmmse"]
    assert result["trivial"]["lmmse"]["mse"] == result["metrics"]["mse"]["values"]
    assert result["trivial"]["lmmse"]["mse"] < result["trivial"]["mean_image"]["mse"]


def test_a_control_says_so_and_is_not_checked(found: InversionResults) -> None:
    """The mean image can be no attack that is beaten by itself; its error is that of the trivial attack elsewhere."""
    assert [label for label, result in found.results.items() if result["control"]] == ["mean_image"]
    assert found.checks["mean_image"] == []
    means = found.results["lmmse"]["trivial"]["mean_image"]["mse"]
    assert found.results["mean_image"]["metrics"]["mse"]["values"] == pytest.approx(means)


def test_the_selection_is_kept_apart(context: DataContext, found: InversionResults) -> None:
    """It has an error per seed, near that of the scored images, and its images are in no file."""
    for label, result in found.results.items():
        assert len(result["selection"]["mse"]) == 2
        saved = found.reconstructions[f"{label}/0/records"]
        assert result["records"]["selection"] == 8
        assert np.isin(saved, np.arange(len(context.dataset.labels))).all()
    selected = found.results["mean_image"]["selection"]["mse"]
    assert selected == pytest.approx(found.results["mean_image"]["metrics"]["mse"]["values"], rel=0.4)


@pytest.mark.parametrize(
    ("twice", "message"),
    [
        (["decoder"], r"^tiny: attack.cut.twice: found decoder, allowed mean_image, lmmse"),
        (["lmmse"], r"^tiny.twice: found lmmse, allowed attacks that have epochs or steps"),
    ],
)
def test_what_cannot_run_twice_is_refused(twice: list[str], message: str) -> None:
    """A label that is not there, or an attack in closed form."""
    with pytest.raises(UserError, match=message):
        entry(inversions=ATTACKS, twice=twice).built("tiny")


def test_a_training_that_diverges_is_named(context: DataContext, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the attack, the seed and the epoch."""
    monkeypatch.setattr(Range, "__contains__", lambda *_: True)  # a rate that no suite may have diverges for certain
    fit = {**FIT, "learning_rate": 1e30, "schedule": {"name": "constant", "milestones": [], "factor": 1.0}}
    with pytest.raises(UserError, match=r"^attack of cut.inversions.wild, seed \d: fit: found .* in epoch 1"):
        inverted(context, cell, inversions={"wild": {**DECODER, "fit": {**fit, "epochs": 4}}})
