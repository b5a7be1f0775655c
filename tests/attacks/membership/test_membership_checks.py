"""The checks of membership attacks: each with a case that passes and one that fails."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from membership_toys import simulated

from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Evidence, Outputs
from privprune.attacks.membership.checks.all_attacks import ABOUT_METRICS, attack_checks
from privprune.attacks.membership.checks.converged import converged
from privprune.attacks.membership.checks.enough_nonmembers import enough_nonmembers
from privprune.attacks.membership.checks.enough_shadows import enough_shadows
from privprune.attacks.membership.checks.looks_at_the_model import LARGEST_SHARE, label_share, looks_at_the_model
from privprune.attacks.membership.checks.not_beaten import not_beaten
from privprune.attacks.membership.checks.twice_the_budget import doubled, twice_the_budget
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.gap import GapAttack, GapSettings
from privprune.attacks.membership.lira import LiRASettings
from privprune.attacks.membership.nasr import NasrSettings
from privprune.attacks.membership.thresholds import ThresholdSettings, as_scores
from privprune.metrics.membership import Scores, point
from privprune.metrics.ranks import difference_of_areas, midranks, placements

EVIDENCE = simulated(leak=4.0, records=600, seed=1)
NASR = NasrSettings("paper", "he", steps=100, interval=20, patience=3, learning_rate=0.001, batch=16, validation=0.2)
GENERATOR = torch.Generator()


def by_class(evidence: Evidence) -> Scores:
    """Score records by their class alone."""
    return as_scores(evidence.evaluation_members.labels, evidence.evaluation_nonmembers.labels, 4.5)


def at_random(evidence: Evidence, seed: int = 0) -> Scores:
    """Score records at random."""
    draw = torch.Generator().manual_seed(seed)
    counts = len(evidence.evaluation_members), len(evidence.evaluation_nonmembers)
    return as_scores(torch.randn(counts[0], generator=draw), torch.randn(counts[1], generator=draw), 0.0)


def confidence(evidence: Evidence) -> Scores:
    """Run the confidence attack."""
    return ConfidenceAttack(ThresholdSettings("global"))(evidence, GENERATOR)


def scores_of(count: int, history: int = 0) -> Scores:
    """Return scores of so many members and non-members, and a history of so many evaluations."""
    values = np.arange(count, dtype=np.float64)
    return Scores(values, values, 0.0, {"validation_loss": [1.0] * history} if history else {})


def test_an_attack_that_reads_outputs_looks_at_the_model() -> None:
    """The confidence attack passes, a ranking of the classes fails, and one bad target is enough to fail."""
    good, bad = confidence(EVIDENCE), by_class(EVIDENCE)
    assert looks_at_the_model([good], [EVIDENCE]).passed
    found = looks_at_the_model([good, bad], [EVIDENCE, EVIDENCE])
    assert not found.passed
    assert found.measured == pytest.approx(1.0)
    constant = replace(good, members=0 * good.members, nonmembers=0 * good.nonmembers)
    assert not looks_at_the_model([constant], [EVIDENCE]).passed  # cannot be computed


def test_a_network_that_is_sure_of_some_classes_is_no_fault_of_the_attack() -> None:
    """Where its confidence is mostly its class, the confidence attack still looks at it; a ranking of classes fails."""

    def surer(part: Outputs) -> Outputs:
        right = F.one_hot(part.labels, part.logits.shape[1])
        return replace(part, logits=part.logits + 8 * part.labels[:, None] * right)

    weak = replace(
        EVIDENCE,
        evaluation_members=surer(EVIDENCE.evaluation_members),
        evaluation_nonmembers=surer(EVIDENCE.evaluation_nonmembers),
    )
    scores = confidence(weak)
    labels = torch.cat([weak.evaluation_members.labels, weak.evaluation_nonmembers.labels])
    assert label_share(np.concatenate([scores.members, scores.nonmembers]), labels.numpy()) > LARGEST_SHARE
    assert looks_at_the_model([scores], [weak]).measured == pytest.approx(0)
    assert not looks_at_the_model([by_class(weak)], [weak]).passed


def test_the_label_share_of_unrelated_scores_is_about_zero() -> None:
    """With 100 classes and 500 records, uncorrected eta squared would be 0.2; a monotone change changes nothing."""
    draw = np.random.default_rng(0)
    labels, scores = draw.integers(0, 100, 500), draw.normal(size=500)
    shares = [label_share(draw.normal(size=500), labels) for _ in range(50)]
    assert np.mean(shares) < 0.04
    assert label_share(np.exp(scores), labels) == label_share(scores, labels)
    half = label_share(labels + 100 * (draw.random(500) < 0.5) * draw.normal(size=500), labels)
    assert 0.2 < half < 0.9


def test_midranks_and_placements_are_those_of_all_pairs() -> None:
    """Ranks with ties, and the area as the share of pairs in order, agree with comparisons one by one."""
    draw = np.random.default_rng(1)
    members, nonmembers = draw.integers(0, 6, 40).astype(float), draw.integers(0, 5, 30).astype(float)
    pairs = (members[:, None] > nonmembers) + (members[:, None] == nonmembers) / 2
    above, below = placements(members, nonmembers)
    np.testing.assert_allclose(above, pairs.mean(1))
    np.testing.assert_allclose(below, pairs.mean(0))
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_the_error_of_a_difference_is_that_of_many_draws() -> None:
    """The standard error of a paired difference is the deviation over draws of the records, within 15 %."""
    draw = np.random.default_rng(2)
    found = []
    for _ in range(300):
        signal = draw.normal(size=(2, 80)) + np.array([[0.8], [0.0]])
        first, second = signal + 0.3 * draw.normal(size=(2, 80)), (signal > 0.4).astype(float)
        found.append(difference_of_areas((first[0], first[1]), (second[0], second[1])))
    differences, errors = np.array(found).T
    assert errors.mean() == pytest.approx(differences.std(), rel=0.15)
    scores = confidence(EVIDENCE)
    decided = [(part >= scores.threshold).astype(float) for part in (scores.members, scores.nonmembers)]
    assert placements(*decided)[0].mean() == pytest.approx(point(scores)["balanced_accuracy"])


@pytest.mark.parametrize("by_rank", [True, False])
def test_an_attack_at_chance_is_beaten_by_the_gap_attack(by_rank: bool) -> None:
    """Where the gap attack reaches 90 %, the confidence attack passes, and itself; random scores fail."""
    good = not_beaten([confidence(EVIDENCE)], [EVIDENCE], by_rank=by_rank)
    bad = not_beaten([at_random(EVIDENCE)], [EVIDENCE], by_rank=by_rank)
    own = not_beaten([GapAttack(GapSettings())(EVIDENCE, GENERATOR)], [EVIDENCE], by_rank=by_rank)
    assert [one.name for one in good] == ["not beaten by the gap attack", "not beaten by the label alone"]
    assert all(one.passed for one in (*good, *own))
    assert [one.passed for one in bad] == [False, True]


def test_an_attack_is_beaten_by_the_label_where_classes_differ() -> None:
    """Where members are of other classes than the non-members, an attack has to do better than their frequencies."""

    def classes(outputs: Outputs, low: int) -> Outputs:
        return replace(outputs, labels=outputs.labels % 5 + low)

    skewed = replace(
        EVIDENCE,
        known_members=classes(EVIDENCE.known_members, 0),
        evaluation_members=classes(EVIDENCE.evaluation_members, 0),
        known_nonmembers=classes(EVIDENCE.known_nonmembers, 5),
        evaluation_nonmembers=classes(EVIDENCE.evaluation_nonmembers, 5),
    )
    assert not not_beaten([confidence(skewed)], [skewed], by_rank=False)[1].passed
    perfect = as_scores(-skewed.evaluation_members.labels, -skewed.evaluation_nonmembers.labels, -4.5)
    assert not_beaten([perfect], [skewed], by_rank=False)[1].passed


def test_shadow_models_are_counted_per_side() -> None:
    """Twelve models, of which each record has one to six on its rarer side, are too few for variances per record."""
    fixed, single = LiRASettings("online", "fixed", 1, 0), LiRASettings("online", "per_record", 1, 0)
    shadows = EVIDENCE.shadows
    assert shadows is not None
    balanced = replace(shadows, members=torch.arange(12)[:, None].expand(-1, 600) % 2 == 0)
    found = enough_shadows(fixed, [replace(EVIDENCE, shadows=balanced)])
    assert (found.measured, found.passed) == (6.0, True)
    assert not enough_shadows(single, [replace(EVIDENCE, shadows=balanced)]).passed
    lonely = replace(balanced, members=torch.arange(12)[:, None].expand(-1, 600) < 1)
    assert not enough_shadows(fixed, [replace(EVIDENCE, shadows=lonely)]).passed
    assert not enough_shadows(fixed, [replace(EVIDENCE, shadows=None)]).passed


def test_a_low_false_positive_rate_needs_many_nonmembers() -> None:
    """1,000 non-members are enough for 1 %, not for 0.1 %; 999 for neither; each check names its metric."""
    found = [[one.passed for one in enough_nonmembers([scores_of(count)])] for count in (999, 1000, 10000)]
    assert found == [[False, False], [True, False], [True, True]]
    names = [one.name for one in enough_nonmembers([scores_of(2)])]
    assert [name.removeprefix(ABOUT_METRICS[0]) for name in names] == ["tpr_at_1_percent_fpr", "tpr_at_0.1_percent_fpr"]


def test_training_that_ended_with_its_budget_has_not_converged() -> None:
    """Four of five evaluations pass; all five fail, as the best may be the last; so does a training without any."""
    assert converged(NASR, [scores_of(2, history=4)])[0].passed
    assert not converged(NASR, [scores_of(2, history=4), scores_of(2, history=5)])[0].passed
    assert not converged(NASR, [scores_of(2)])[0].passed


def test_twice_the_budget_changes_little_where_it_was_large_enough() -> None:
    """Equal scores pass, scores at chance in place of good ones fail."""
    good, bad = confidence(EVIDENCE), at_random(EVIDENCE)
    assert twice_the_budget(good, good).measured == 0
    assert twice_the_budget(good, good).passed
    assert not twice_the_budget(good, bad).passed


def test_the_budget_is_doubled_wherever_it_stands() -> None:
    """Steps and patience are doubled, inner settings too, nothing else; an attack that trains nothing has no budget."""

    @dataclass(frozen=True)
    class Outer:
        training: NasrSettings
        width: int

    assert doubled(NASR) == replace(NASR, steps=200, patience=6)
    assert doubled(Outer(NASR, 4)) == Outer(replace(NASR, steps=200, patience=6), 4)
    assert doubled(ThresholdSettings("global")) is None


def test_all_checks_of_an_attack_come_together() -> None:
    """An attack has the shared ones, those of shadow models and its own; a control has none."""
    lira = MEMBERSHIP_ATTACKS["lira"]
    made = attack_checks(lira, LiRASettings("online", "fixed", 1, 0), [confidence(EVIDENCE)], [EVIDENCE], None)
    names = [one.name for one in made]
    assert "enough shadow models" in names
    assert "attack network converged" not in names
    nasr = MEMBERSHIP_ATTACKS["nasr"]
    scores = replace(confidence(EVIDENCE), history={"validation_loss": [1.0]})
    names = [one.name for one in attack_checks(nasr, NASR, [scores], [EVIDENCE], scores)]
    assert {"attack network converged", "twice the budget changes little", "looks at the model"} <= set(names)
    assert attack_checks(replace(nasr, control=True), NASR, [scores], [EVIDENCE], None) == ()
