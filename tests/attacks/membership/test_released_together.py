"""The attack on two networks: members are found by the difference where each network alone says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Attack, Evidence, Outputs
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings
from privprune.attacks.membership.released_together import ReleasedTogetherSettings, TwoModelAttack, released_together
from privprune.attacks.membership.thresholds import ThresholdSettings
from privprune.errors import UserError
from privprune.metrics.membership import point

TRAINING = AttackTrainingSettings(steps=300, interval=25, patience=4, validation=0.25, batch=64, learning_rate=0.003)
ATTACKS: dict[str, Attack] = {
    "difference": released_together(ReleasedTogetherSettings("difference", None, None)),
    "network": released_together(ReleasedTogetherSettings("network", 32, TRAINING)),
}
CONFIDENCE = ConfidenceAttack(ThresholdSettings("global"))
DIRECTIONS = {  # how the target's logit of the true class differs from the companion's: members, non-members
    "the target is surer of members": ((0.4, 0.1), (-0.4, 0.1)),
    "the companion is surer of members": ((-0.4, 0.1), (0.4, 0.1)),
    "both agree about members": ((0.0, 0.05), (0.0, 1.5)),
}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def planted(difference: tuple[tuple[float, float], tuple[float, float]], records: int = 400) -> Evidence:
    """Return evidence in which records differ widely, and the networks by these means and deviations."""
    draw = seeded(5)

    def part(mean: float, deviation: float) -> Outputs:
        labels = torch.randint(4, (records,), generator=draw)
        companion = torch.zeros(records, 4)
        companion.scatter_(1, labels[:, None], 2 * torch.randn(records, 1, generator=draw))
        moved = mean + deviation * torch.randn(records, 1, generator=draw)
        return Outputs(companion.scatter_add(1, labels[:, None], moved), labels, torch.arange(records), {}, companion)

    parts = [part(*of) for of in (*difference, *difference)]
    return Evidence(*parts, population=None, shadows=None, odds=1.0)


@every_attack
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_difference_gives_members_away(attack: Attack, direction: str) -> None:
    """In whichever way members differ: each network alone leaves them hidden, both together do not."""
    evidence = planted(DIRECTIONS[direction])
    names = ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers")
    other = {name: replace(getattr(evidence, name), logits=getattr(evidence, name).companion) for name in names}
    for alone in (evidence, replace(evidence, **other)):
        assert point(CONFIDENCE(alone, seeded()))["auc"] < 0.65
    assert point(attack(evidence, seeded()))["auc"] > 0.85


@every_attack
def test_two_networks_that_say_nothing_give_chance(attack: Attack) -> None:
    """Equal distributions: within 4 standard errors of one half."""
    found = point(attack(planted(((0.0, 0.5), (0.0, 0.5))), seeded()))
    assert found["auc"] == pytest.approx(0.5, abs=4 / (6 * 400) ** 0.5)


@every_attack
def test_a_missing_network_is_a_user_error(attack: Attack) -> None:
    """One line says what is missing."""
    evidence = planted(DIRECTIONS["both agree about members"], records=40)
    alone = replace(evidence, known_members=replace(evidence.known_members, companion=None))
    with pytest.raises(UserError, match="found no network that was released together with the target"):
        attack(alone, seeded())


def test_the_order_is_that_of_the_companion() -> None:
    """Posteriors of both and the label follow the companion's posteriors, whatever the classes are called."""
    attack = TwoModelAttack(ReleasedTogetherSettings("network", 4, TRAINING), 4, TRAINING)
    companion, own = torch.tensor([[3.0, 1.0, 2.0]]).log(), torch.tensor([[1.0, 1.0, 2.0]]).log()
    found = attack.features(Outputs(own, torch.tensor([2]), torch.tensor([0]), {}, companion))[0].numpy()
    losses = [-np.log(2 / 6), -np.log(2 / 4)]
    expected = [1 / 6, 2 / 6, 3 / 6, 1 / 4, 2 / 4, 1 / 4, 0, 1, 0, *losses, losses[1] - losses[0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"score": "network"}, "hidden: found null with score network"),
        ({"score": "network", "hidden": 8}, "training: found null with score network"),
        ({"hidden": 8}, "hidden: found a value with score difference"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    settings = dict(MEMBERSHIP_ATTACKS["released_together"].examples[0])
    with pytest.raises(UserError, match=line):
        build_attack(MEMBERSHIP_ATTACKS, {**settings, **wrong}, "test")
