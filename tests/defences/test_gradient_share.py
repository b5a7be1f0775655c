"""How strongly a penalty pulls, and the checks of games and of CEM that rest on it."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from cut_toys import cut_at, cut_ensemble, cut_step, cut_training
from test_defence_registry import settings_of
from toy import Toy

from privprune.defences import DEFENCES, DefenceContext, build_defence
from privprune.defences.at_the_cut import edge_parameters
from privprune.defences.gradient_share import gradient_share, share_check
from privprune.training.trained import Trained

MakeSetting = Callable[..., DefenceContext]
GAME = {**DEFENCES["resfl"].examples[0]}
PRETRAINED = {
    **GAME,
    "loss": "mse",
    "threshold": 1.0,
    "pretraining": {"epochs": 60, "batch": 16, "final_learning_rate": 1e-4},
}
CEM = {**DEFENCES["cem"].examples[0]}


def test_the_share_is_that_of_the_edges_gradients(context: MakeSetting) -> None:
    """A penalty of twice the task loss has the share 2; one of the cloud alone has none; gradients stay untouched."""
    own = context(0, cut=cut_at())
    ensemble = cut_ensemble(cut_at())
    step = cut_step(ensemble, own)
    loss = F.cross_entropy(step.logits, step.labels)
    step = cut_step(ensemble, own, logits=step.logits, losses=loss[None])
    edge = edge_parameters(ensemble)
    assert {id(value) for value in edge} < {id(value) for value in ensemble.parameters()}
    assert gradient_share(2 * loss, step, edge).tolist() == pytest.approx([2.0])
    assert gradient_share((2 * loss + 3).detach() + 0 * loss, step, edge).tolist() == [0.0]
    assert all(value.grad is None for value in edge)
    assert math.isnan(gradient_share(loss, cut_step(ensemble, own), edge).item())


def test_a_weak_pull_fails_and_a_strong_one_passes() -> None:
    """The mean over the epochs that were measured counts, the worst network decides."""
    rows = [[math.nan, math.nan], [0.4, 0.3], [0.2, 0.1]]
    found = share_check("pull", Trained({"share": rows}, (("train", 3),), {}), "share", "it")
    assert found.measured == pytest.approx(0.2)
    assert found.passed
    weak = share_check("pull", Trained({"share": [[0.4, 0.05]]}, (("train", 1),), {}), "share", "it")
    assert not weak.passed
    never = share_check("pull", Trained({"share": [[math.nan]]}, (("train", 1),), {}), "share", "it")
    assert (never.measured, never.passed) == (None, False)


def trained(toy: Toy, context: MakeSetting, found: dict[str, Any]) -> tuple[bool, ...]:
    """Train with a defence of the cut; return which of its checks pass."""
    own = context(0, cut=cut_at())
    settings = settings_of(found)
    defence = build_defence(settings, own)
    _, history = cut_training(toy, own, defence.terms)
    training = Trained(history, (("train", 3),), defence.measured())
    return tuple(one.passed for one in DEFENCES[found["name"]].checks(settings, training))


def test_a_decoder_must_know_something_before_the_game(toy: Toy, context: MakeSetting) -> None:
    """One with random weights is worse than the mean image, one that was pretrained is better."""
    assert trained(toy, context, {**PRETRAINED, "weight": 30.0}) == (True, True)
    assert trained(toy, context, {**PRETRAINED, "weight": 30.0, "pretraining": None})[0] is False


def test_a_game_must_pull(toy: Toy, context: MakeSetting) -> None:
    """A hardly weighted game fails, as does one whose threshold is never crossed."""
    assert trained(toy, context, {**PRETRAINED, "weight": 1e-4}) == (True, False)
    assert trained(toy, context, {**PRETRAINED, "weight": 30.0, "threshold": 0.0}) == (True, False)


def test_cem_must_move(toy: Toy, context: MakeSetting) -> None:
    """Its weight decides; with a base defence, the checks of both are made."""
    assert trained(toy, context, {**CEM, "weight": 30.0}) == (True,)
    assert trained(toy, context, {**CEM, "weight": 1e-5}) == (False,)
    assert len(trained(toy, context, {**CEM, "base": GAME})) == 3


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({**GAME, "weight": 0.0}, "^weight: found 0, allowed above 0"),
        (
            {"name": "patrol", "lipschitz": None, "game": {**GAME, "weight": 0.0, "relative": False}},
            "^game.weight: found 0, allowed above 0",
        ),
        ({**CEM, "weight": 0.0}, "^weight: found 0, allowed above 0"),
    ],
    ids=["resfl", "patrol", "cem"],
)
def test_a_weight_of_zero_is_refused(found: dict[str, Any], line: str) -> None:
    """Before anything is trained, in one line."""
    if "game" in found:
        found["game"] = {key: value for key, value in found["game"].items() if key != "name"}
    shapes = SimpleNamespace(features=lambda: (4, 4, 4), image=(1, 8, 8), model=None)
    cell: Any = SimpleNamespace(cut=cut_at(), shapes=shapes)
    with pytest.raises(ValueError, match=line):
        DEFENCES[found["name"]].check(settings_of(found), cell)


def test_measuring_the_share_changes_no_bit(toy: Toy, context: MakeSetting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is finite in each epoch of a game, and the networks are those of a training that does not measure it."""
    own = context(0, cut=cut_at())
    defence = build_defence(settings_of(PRETRAINED), own)
    ensemble, history = cut_training(toy, own, defence.terms)
    assert all(torch.isfinite(torch.tensor(row)).all() for row in history["game_gradient_share"])
    again = context(0, cut=cut_at())
    other = build_defence(settings_of(PRETRAINED), again)
    monkeypatch.setattr("privprune.defences.resfl.gradient_share", lambda *_: torch.zeros(1))
    twin, _ = cut_training(toy, again, other.terms)
    for one, value in zip(ensemble.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, value)
