"""PATROL's game with a weight that is set by the size of its penalty."""

from collections.abc import Callable
from typing import Any

import pytest
import torch.nn.functional as F  # noqa: N812 (its customary name)
from cut_toys import cut_at, cut_ensemble, cut_step, cut_training
from games import GAME
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.patrol import PatrolGameSettings, RelativeGame
from privprune.defences.resfl import ResSfl
from privprune.settings import read
from privprune.training.ensemble import Ensemble

MakeSetting = Callable[..., DefenceContext]
RELATIVE = {**GAME, "weight": 3.0, "relative": True}


def settings(**changed: Any) -> PatrolGameSettings:
    """Return settings with some changed."""
    return read(PatrolGameSettings, {**RELATIVE, **changed}, "game")


def judged(ensemble: Ensemble, context: DefenceContext) -> Any:
    """Return a step with its task loss."""
    step = cut_step(ensemble, context)
    step.losses = F.cross_entropy(step.logits, step.labels)[None]
    return step


def test_the_game_starts_at_a_multiple_of_the_task_loss(context: MakeSetting) -> None:
    """The first penalty is three times the loss; later ones have the same weight, and it is in the record."""
    own = context(0, cut=cut_at())
    ensemble = cut_ensemble(cut_at())
    term, plain = RelativeGame(settings(), own), ResSfl(settings(weight=1.0), context(0, cut=cut_at()))
    term.start(ensemble)
    plain.start(ensemble)
    step = judged(ensemble, own)
    first = term.penalty(step).item()
    assert first == pytest.approx(3 * step.losses.sum().item(), rel=1e-5)
    margin = plain.penalty(step).item()
    assert term.measured()["game_weight"] == pytest.approx([first / margin], rel=1e-5)
    again = term.penalty(judged(ensemble, own)).item()
    assert again == pytest.approx(first, rel=1e-5)


def test_against_a_decoder_at_the_cap_the_weight_has_a_limit(context: MakeSetting) -> None:
    """Where the penalty is 0, beta is that of a tenth of the largest penalty."""
    own = context(0, cut=cut_at())
    ensemble = cut_ensemble(cut_at())
    term = RelativeGame(settings(threshold=0.001), own)
    term.start(ensemble)
    step = judged(ensemble, own)
    assert term.penalty(step).item() == 0
    assert term.measured()["game_weight"] == pytest.approx([3 * step.losses.sum().item() / 0.0001], rel=1e-4)


def test_its_share_of_the_gradient_counts_the_weight(toy: Toy, context: MakeSetting) -> None:
    """Three times the weight at the start gives about three times the share after the first epoch."""
    shares = []
    for weight in (0.01, 0.03):
        own = context(0, cut=cut_at())
        _, history = cut_training(toy, own, (RelativeGame(settings(weight=weight), own),), epochs=1)
        shares.append(history["game_gradient_share"][0][0])
    assert shares[1] == pytest.approx(3 * shares[0], rel=0.2)
