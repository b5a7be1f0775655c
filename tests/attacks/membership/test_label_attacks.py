"""Attacks that see classes only: predicted ones of changed records, or none of the model at all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from membership_toys import simulated

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Evidence, Outputs
from privprune.attacks.membership.label_only import (
    CountAttack,
    LabelOnlySettings,
    NoisyQueries,
    ShiftedQueries,
    correct,
    label_only,
)
from privprune.attacks.membership.label_without_model import LabelWithoutModelAttack, LabelWithoutModelSettings
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings
from privprune.attacks.membership.view import View
from privprune.errors import UserError
from privprune.metrics.membership import point

TRAINING = AttackTrainingSettings(steps=300, interval=25, patience=4, validation=0.25, batch=32, learning_rate=0.01)
SHIFTED = ShiftedQueries("shifted", 1, mirrored=True)
CONTROL = LabelWithoutModelAttack(LabelWithoutModelSettings(1.0))


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def test_shifts_are_those_of_the_released_code() -> None:
    """4 d shifts of total length d, besides the record itself, and all of it mirrored if asked for."""
    for shift in (1, 3):
        views = ShiftedQueries("shifted", shift, mirrored=False).views()
        assert len(views) == len(set(views)) == 4 * shift
        assert all(abs(view.down) + abs(view.right) == shift for view in views)
    both = SHIFTED.views()
    assert len(both) == len(set(both)) == 9
    assert View(mirrored=True) in both
    assert View() not in both


def test_noisy_queries_differ_in_their_draw() -> None:
    """As many as asked for, with one deviation."""
    views = NoisyQueries("noisy", 0.1, 3).views()
    assert [(view.noise, view.draw) for view in views] == [(0.1, 0), (0.1, 1), (0.1, 2)]


def told_by_shifts(records: int) -> Evidence:
    """Return evidence in which every record is classified correctly; shifted ones are in 9 of 10 cases, or in 4."""
    draw = seeded(2)

    def part(member: bool) -> Outputs:
        labels = torch.randint(3, (records,), generator=draw)
        right = torch.nn.functional.one_hot(labels, 3).float()
        wrong = right.roll(1, 1)
        chance = 0.9 if member else 0.4
        views = {
            view: torch.where(torch.rand(records, 1, generator=draw) < chance, right, wrong) for view in SHIFTED.views()
        }
        return Outputs(right, labels, torch.arange(records), views)

    parts = [part(member) for member in (True, False, True, False)]
    return Evidence(*parts, population=None, shadows=None, odds=1.0)


@pytest.mark.parametrize("training", [None, TRAINING], ids=["count", "network"])
def test_robust_labels_give_members_away(training: AttackTrainingSettings | None) -> None:
    """Where the record itself is always classified correctly, its shifted versions tell members from others."""
    attack = label_only(LabelOnlySettings(SHIFTED, "count" if training is None else "network", training))
    assert point(attack(told_by_shifts(300), seeded()))["auc"] > 0.95


@pytest.mark.parametrize("training", [None, TRAINING], ids=["count", "network"])
def test_only_the_predicted_class_counts(training: AttackTrainingSettings | None) -> None:
    """Logits that are stretched and shifted, and so have the same largest class, give the same scores."""
    evidence = simulated(leak=2.0, records=300, seed=1, views=SHIFTED.views())
    attack = label_only(LabelOnlySettings(SHIFTED, "count" if training is None else "network", training))

    def stretched(outputs: Outputs) -> Outputs:
        views = {view: 9 * logits - 1 for view, logits in outputs.views.items()}
        return replace(outputs, logits=outputs.logits**3, views=views)

    names = ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers")
    changed = replace(evidence, **{name: stretched(getattr(evidence, name)) for name in names})
    before, after = attack(evidence, seeded()), attack(changed, seeded())
    np.testing.assert_array_equal(before.members, after.members)
    assert before.threshold == after.threshold


def test_the_count_is_the_share_of_correct_queries() -> None:
    """Of the record itself and two noisy ones, by hand."""
    queries = NoisyQueries("noisy", 0.1, 2)
    first, second = queries.views()
    right, wrong = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    outputs = Outputs(right, torch.tensor([0]), torch.tensor([0]), {first: wrong, second: right})
    assert correct(outputs, queries.views()).tolist() == [[1.0, 0.0, 1.0]]
    evidence = Evidence(outputs, outputs, outputs, outputs, population=None, shadows=None, odds=1.0)
    scores = CountAttack(LabelOnlySettings(queries, "count", None))(evidence, seeded())
    assert scores.members.tolist() == pytest.approx([2 / 3])


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"score": "network"}, "training: found null with score network"),
        ({"training": TRAINING.__dict__}, "training: found settings with score count"),
        ({"queries": {"name": "shifted", "shift": 0, "mirrored": True}}, "queries.shift: found 0, allowed at least 1"),
        ({"queries": {"name": "turned"}}, "queries.name: found 'turned', allowed shifted, noisy"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    settings = dict(MEMBERSHIP_ATTACKS["label_only"].examples[0])
    with pytest.raises(UserError, match=line):
        build_attack(MEMBERSHIP_ATTACKS, {**settings, **wrong}, "test")


def unequal_classes(records: int) -> Evidence:
    """Return evidence in which 3 of 4 members and 1 of 4 non-members are of class 0; the outputs are noise."""

    def part(share: float, seed: int) -> Outputs:
        draw = seeded(seed)
        labels = (torch.rand(records, generator=draw) >= share).long()
        return Outputs(torch.randn(records, 2, generator=draw), labels, torch.arange(records))

    parts = [part(0.75, 0), part(0.25, 1), part(0.75, 2), part(0.25, 3)]
    return Evidence(*parts, population=None, shadows=None, odds=1.0)


def test_the_control_finds_unequal_classes() -> None:
    """Its balanced accuracy is what the classes alone allow, here three quarters."""
    assert point(CONTROL(unequal_classes(2000), seeded()))["balanced_accuracy"] == pytest.approx(0.75, abs=0.03)


def test_the_control_ignores_the_model() -> None:
    """Any other outputs give the same scores and the same threshold."""
    evidence = unequal_classes(100)
    names = ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers")
    parts = {name: getattr(evidence, name) for name in names}
    other = {name: replace(part, logits=torch.randn(part.logits.shape) * 9) for name, part in parts.items()}
    before, after = CONTROL(evidence, seeded()), CONTROL(replace(evidence, **other), seeded())
    np.testing.assert_array_equal(before.members, after.members)
    np.testing.assert_array_equal(before.nonmembers, after.nonmembers)
    assert before.threshold == after.threshold


def test_the_control_smooths_absent_classes() -> None:
    """Log-odds by hand: classes of 3 and 0 members, 1 and 2 non-members, one record added to each, at odds of 2."""

    def part(labels: list[int]) -> Outputs:
        return Outputs(torch.zeros(len(labels), 2), torch.tensor(labels), torch.arange(len(labels)))

    evidence = Evidence(part([0, 0, 0]), part([0, 1, 1]), part([0]), part([1]), population=None, shadows=None, odds=2.0)
    scores = CONTROL(evidence, seeded())
    assert scores.members.tolist() == pytest.approx([math.log((4 / 5) / (2 / 5) * 2)])
    assert scores.nonmembers.tolist() == pytest.approx([math.log((1 / 5) / (3 / 5) * 2)])


def test_only_the_controls_are_controls() -> None:
    """Every other attack looks at the model."""
    assert {name for name, method in MEMBERSHIP_ATTACKS.items() if method.control} == {
        "label_without_model", "random_scores",
    }  # fmt: skip
