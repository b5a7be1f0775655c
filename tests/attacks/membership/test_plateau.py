"""Training to a plateau on held-out known records, and the check that it was reached."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from interruption import interrupted, same
from membership_toys import simulated
from torch import nn

from privprune.attacks.membership import Evidence, Outputs, attack_each
from privprune.attacks.membership.early_stopping import EarlyStopping
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings, LearntAttack, converged, fresh
from privprune.attacks.membership.plateau import divided
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.errors import UserError
from privprune.metrics.membership import Scores, point
from privprune.models.random_layers import RandomDropout
from privprune.settings import read

SETTINGS = AttackTrainingSettings(steps=200, interval=10, patience=3, validation=0.25, batch=32, learning_rate=0.01)


class LogitsAttack(LearntAttack):
    """Logistic regression on the logits."""

    def __init__(self, training: AttackTrainingSettings = SETTINGS) -> None:
        self.training = training

    def features(self, outputs: Outputs) -> torch.Tensor:
        return outputs.logits

    def network(self, features: int, classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(features, 8), nn.ReLU(), RandomDropout(0.2), nn.Linear(8, 1), nn.Flatten(0))


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def records(logits: torch.Tensor) -> Outputs:
    """Return outputs of one class."""
    return Outputs(logits, torch.zeros(len(logits), dtype=torch.int64), torch.arange(len(logits)))


def evidence(members: torch.Tensor, nonmembers: torch.Tensor, odds: float = 1.0) -> Evidence:
    """Return evidence in which the first two thirds of the records are known."""
    parts = [records(part) for logits in (members, nonmembers) for part in logits.tensor_split([len(logits) * 2 // 3])]
    return Evidence(parts[0], parts[2], parts[1], parts[3], population=None, shadows=None, odds=odds)


def drawn(count: int, shift: float, seed: int) -> torch.Tensor:
    """Draw logits of three classes."""
    return torch.randn(count, 3, generator=seeded(seed)) + torch.tensor([shift, 0.0, 0.0])


def test_separate_records_are_told_apart() -> None:
    """Members and non-members three deviations apart: the network learns, and the training ends by itself."""
    scores = LogitsAttack()(evidence(drawn(300, 3.0, 1), drawn(300, 0.0, 2)), seeded())
    assert point(scores)["auc"] > 0.95
    assert scores.history["held_out_loss"][0] < 0.35
    assert scores.history["last_step"][0] < 200
    assert converged(None, [scores])[0].passed


def test_training_ends_where_held_out_records_no_longer_gain() -> None:
    """On records without a difference it ends within the patience of its best evaluation, long before the limit."""
    long = replace(SETTINGS, steps=10_000, learning_rate=0.05)
    history = LogitsAttack(long)(evidence(drawn(120, 0.0, 1), drawn(120, 0.0, 2)), seeded()).history
    assert history["last_step"][0] == history["best_step"][0] + 3 * 10
    assert history["last_step"][0] < 1000


def test_the_network_of_the_best_evaluation_is_scored() -> None:
    """Training that stops at the best step gives the same scores as training that went on and found nothing better."""
    known = evidence(drawn(120, 1.0, 1), drawn(120, 0.0, 2))
    attack = LogitsAttack(replace(SETTINGS, steps=2000, learning_rate=0.1))
    longer = attack(known, seeded())
    best = int(longer.history["best_step"][0])
    assert 0 < best < longer.history["last_step"][0]
    exact = LogitsAttack(replace(attack.training, steps=best))(known, seeded())
    np.testing.assert_array_equal(exact.members, longer.members)


def test_a_training_that_was_still_gaining_fails_the_check() -> None:
    """One cut off after a few steps was at its best at the end: not converged."""
    short = LogitsAttack(replace(SETTINGS, steps=20))
    (check,) = converged(None, [short(evidence(drawn(300, 3.0, 1), drawn(300, 0.0, 2)), seeded())])
    assert (check.measured, check.passed) == (1.0, False)


def test_an_attack_that_trains_nothing_has_nothing_to_check() -> None:
    """Without a history there is no check."""
    assert converged(None, [Scores(np.zeros(2), np.ones(2), 0.5)]) == ()


@pytest.mark.parametrize("odds", [1.0, 4.0])
def test_without_information_the_answer_is_the_odds(odds: float) -> None:
    """Where all records look alike, the network learns the log-odds of the evidence."""
    alike = evidence(torch.ones(90, 3), torch.ones(60, 3), odds)
    scores = LogitsAttack(replace(SETTINGS, steps=600, learning_rate=0.05, batch=20, patience=20))(alike, seeded())
    assert scores.members == pytest.approx(np.full(30, math.log(odds)), abs=0.15)


def test_every_class_is_held_out_in_equal_shares() -> None:
    """Of 4 n records of a class, n are held out; no record is on both sides or lost, and the draw is random."""
    labels = torch.tensor([0] * 40 + [1] * 8 + [2] * 4)[torch.randperm(52, generator=seeded(1))]
    training, held_out = divided(labels, 0.25, seeded(2))
    assert torch.bincount(labels[held_out]).tolist() == [10, 2, 1]
    assert sorted(torch.cat([training, held_out]).tolist()) == list(range(52))
    assert not torch.equal(divided(labels, 0.25, seeded(3))[1], held_out)


def test_held_out_records_do_not_train() -> None:
    """Held-out members say the opposite of those for training: no training lowers their loss."""
    training, held_out = divided(torch.zeros(80, dtype=torch.int64), 0.25, seeded(0))
    members = torch.empty(80, 3)
    members[training], members[held_out] = drawn(60, 4.0, 1), drawn(20, -8.0, 2)
    known = records(members)  # the first draw of the attack's generator divides the members
    parts = Evidence(known, records(drawn(80, 0.0, 3)), known, known, population=None, shadows=None, odds=1.0)
    assert LogitsAttack()(parts, seeded(0)).history["best_step"] == [0]


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([0.7, 0.5, 0.4995, 0.6], 1),
        ([0.7, 0.6996, 0.6992, 0.6988], 3),
        ([math.inf, math.nan, 3.0, math.nan], 2),
    ],
)
def test_the_lowest_loss_is_lower_by_more_than_nothing(losses: list[float], best: int) -> None:
    """A gain below a thousandth of a nat does not count, unless such gains add up; no gain without a finite loss."""
    network = nn.Linear(1, 1)
    stopping = EarlyStopping(network, patience=len(losses))
    for number, loss in enumerate(losses):
        nn.init.constant_(network.weight, number)
        stopping.evaluate(network, torch.tensor(loss))
    stopping.restore(network)
    assert (network.weight.item(), stopping.since.item()) == (best, len(losses) - 1 - best)


def test_a_fresh_network_depends_on_its_generator_alone() -> None:
    """Equal generators give equal weights and dropout; the global random state does not change."""

    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), RandomDropout(0.5))

    before = torch.random.get_rng_state()
    one, two, other = fresh(build, seeded(1)), fresh(build, seeded(1)), fresh(build, seeded(2))
    values = torch.ones(8, 4)
    answer = one(values)
    assert torch.equal(answer, two(values))
    assert not torch.equal(answer, other(values))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"batch": 1}, "batch: found 1"),
        ({"validation": 0.0}, "validation: found 0, allowed above 0"),
        ({"validation": 1.0}, "validation: found 1, allowed above 0"),
        ({"steps": 0}, "steps: found 0"),
    ],
)
def test_settings_that_leave_nothing_are_refused(wrong: dict[str, Any], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    with pytest.raises(UserError, match=line):
        read(AttackTrainingSettings, {**asdict(SETTINGS), **wrong}, "params.yaml: attack.x")


def test_too_few_known_records_are_a_user_error() -> None:
    """A quarter of three records is none: one line."""
    with pytest.raises(UserError, match=r"^training.validation: found 0.25 of 3 known records"):
        LogitsAttack()(evidence(drawn(5, 1.0, 1), drawn(5, 0.0, 2)), seeded())


def test_a_killed_attack_gives_the_same_scores(tmp_path: Path) -> None:
    """Scores and history are those of an undisturbed attack on both targets, and no interval is done twice."""
    evidences = [simulated(leak=1.0, records=300, seed=seed) for seed in (1, 2)]
    attack = LogitsAttack(replace(SETTINGS, steps=60, patience=100))

    def found(checkpoints: Checkpoints) -> list[Any]:
        scores = attack_each(attack, evidences, [seeded(0), seeded(1)], checkpoints)
        return [[one.members, one.nonmembers, dict(one.history)] for one in scores]

    same(interrupted(found, tmp_path, 2, 3, 7), found(NONE))
