"""Vectorised signals, thresholds, LiRA and RMIA against slow twins that follow the papers line by line."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest
import torch
from membership_toys import simulated
from scipy import stats

from privprune.attacks.membership import Evidence, Outputs, Shadows
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.lira import LiRAAttack, LiRASettings
from privprune.attacks.membership.rmia import RMIAAttack, RMIASettings
from privprune.attacks.membership.signals import log_complements, log_confidence, log_posteriors, scaled_confidence
from privprune.attacks.membership.thresholds import ThresholdSettings, best_threshold
from privprune.errors import UserError

SMALL = simulated(leak=3.0, records=120, seed=3)
UNUSED = torch.Generator()


def posteriors(logits: torch.Tensor) -> list[float]:
    """Softmax in plain Python."""
    values = [math.exp(float(z)) for z in logits]
    return [value / sum(values) for value in values]


def test_signals_follow_their_definitions() -> None:
    """Away from 0 and 1 the exact forms equal the textbook ones."""
    logits, labels = torch.randn(20, 5, generator=torch.Generator().manual_seed(0)).double(), torch.arange(20) % 5
    for row, (one, label) in enumerate(zip(logits, labels.tolist(), strict=True)):
        p = posteriors(one)
        assert float(scaled_confidence(logits, labels)[row]) == pytest.approx(math.log(p[label] / (1 - p[label])))
        assert float(log_confidence(logits, labels)[row]) == pytest.approx(math.log(p[label]))
        assert log_posteriors(logits)[row].tolist() == pytest.approx([math.log(q) for q in p])
        assert log_complements(logits)[row].tolist() == pytest.approx([math.log(1 - q) for q in p])


def test_signals_keep_very_sure_records_apart() -> None:
    """Where posteriors round to 1 in float64, surer is still surer, and everything stays finite."""
    logits = torch.tensor([[50.0, 0.0, 0.0], [60.0, 0.0, 0.0], [600.0, 0.0, 0.0]])
    right, wrong = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64)
    assert (logits.double().softmax(1)[:, 0] == 1).all()
    for signal in (scaled_confidence, log_confidence):
        assert (signal(logits, right).diff() > 0).all()
        assert (signal(logits, wrong).diff() < 0).all()
    for logs in (log_posteriors(logits), log_complements(logits)):
        assert logs.isfinite().all()
        assert (logs <= 0).all()
    assert float(log_complements(logits)[0, 0]) == pytest.approx(math.log(2) - 50)  # 1 - p = 2 e^-50 by hand


@pytest.mark.parametrize("odds", [0.25, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_more_accurate_than_the_best(odds: float, seed: int) -> None:
    """A search over all thresholds between and beyond the signals, ties included, finds nothing better."""
    draw = torch.Generator().manual_seed(seed)
    members = torch.randint(0, 9, (15,), generator=draw).double() + 1
    nonmembers = torch.randint(0, 9, (11,), generator=draw).double()

    def accuracy(threshold: float) -> float:
        accepted, refused = (members >= threshold).double().mean(), (nonmembers < threshold).double().mean()
        return float(odds * accepted + refused) / (1 + odds)

    found = best_threshold(members, nonmembers, odds)
    assert accuracy(found) == pytest.approx(max(accuracy(step / 4) for step in range(-4, 60)))


def test_the_threshold_lies_half_way() -> None:
    """Separated signals are parted in the middle of the gap."""
    assert best_threshold(torch.tensor([4.0, 6.0]).double(), torch.tensor([1.0, 2.0]).double(), 1.0) == 3.0


def test_of_equally_good_thresholds_the_highest_is_taken() -> None:
    """With members 1 and 5, non-members 0 and 2, three of four are right above 2 and above 0."""
    assert best_threshold(torch.tensor([1.0, 5.0]).double(), torch.tensor([0.0, 2.0]).double(), 1.0) == 3.5


def test_thresholds_per_class_are_those_of_the_class_alone() -> None:
    """Each class's records are decided as if no other class existed; one without known records as if all were one."""
    labels = SMALL.known_members.labels
    kept = replace(SMALL, known_members=SMALL.known_members.take((labels != 0).nonzero()[:, 0]))
    found = ConfidenceAttack(ThresholdSettings("per_class"))(kept, UNUSED)
    records = SMALL.evaluation_members
    for label in range(10):
        known = [kept.known_members, kept.known_nonmembers]
        alone = known if label == 0 else [pool.take((pool.labels == label).nonzero()[:, 0]) for pool in known]
        signals = [scaled_confidence(pool.logits, pool.labels) for pool in alone]
        line = best_threshold(signals[0], signals[1], 1.0)
        own = records.labels == label
        accepted = (scaled_confidence(records.logits, records.labels)[own] >= line).tolist()
        assert (found.members[own.numpy()] >= found.threshold).tolist() == accepted


def confidences(evidence: Evidence, column: int, *, member: bool) -> list[float]:
    """Logit-scaled confidences of the shadows that were, or were not, trained on one record."""
    assert evidence.shadows is not None
    label = int(evidence.shadows.labels[column])
    found = []
    for logits, members in zip(evidence.shadows.logits, evidence.shadows.members, strict=True):
        if bool(members[column]) == member:
            p = posteriors(logits[column].double())[label]
            found.append(math.log(p / (1 - p)))
    return found


def fixed_deviation(evidence: Evidence, *, member: bool) -> float:
    """Pooled deviation within records."""
    assert evidence.shadows is not None
    groups = [confidences(evidence, column, member=member) for column in range(len(evidence.shadows.labels))]
    squares = sum(sum((value - statistics.fmean(group)) ** 2 for value in group) for group in groups)
    return math.sqrt(squares / sum(len(group) - 1 for group in groups))


@pytest.mark.parametrize("variance", ["fixed", "per_record"])
def test_lira_equals_its_naive_twin(variance: str) -> None:
    """Online: the log ratio of two normal densities per record. Offline: monotone in 1 - Pr[Z > confidence]."""
    online = LiRAAttack(LiRASettings("online", variance, 1, 0))(SMALL, UNUSED).members  # type: ignore[arg-type]
    offline = LiRAAttack(LiRASettings("offline", variance, 1, 0))(SMALL, UNUSED).members  # type: ignore[arg-type]
    shared = {member: fixed_deviation(SMALL, member=member) for member in (True, False)}
    records = SMALL.evaluation_members
    for row, column in enumerate(records.positions.tolist()):
        p = posteriors(records.logits[row].double())[int(records.labels[row])]
        observed = math.log(p / (1 - p))
        normal = {}
        for member in (True, False):
            values = confidences(SMALL, column, member=member)
            deviation = shared[member] if variance == "fixed" else statistics.stdev(values)
            normal[member] = stats.norm(statistics.fmean(values), deviation)
        ratio = normal[True].logpdf(observed) - normal[False].logpdf(observed)
        assert online[row] == pytest.approx(ratio, rel=1e-9, abs=1e-9)
        assert stats.norm.cdf(offline[row]) == pytest.approx(normal[False].cdf(observed), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("a", "gamma"), [(0.0, 1.0), (0.3, 1.0), (0.9, 2.0), (1.0, 0.5)])
def test_rmia_equals_its_naive_twin(a: float, gamma: float) -> None:
    """The definition, record by record and population record by population record."""

    def ratio(outputs: Outputs, row: int) -> float:
        out = confidences(SMALL, int(outputs.positions[row]), member=False)
        p_out = statistics.fmean(1 / (1 + math.exp(-value)) for value in out)
        p = posteriors(outputs.logits[row].double())[int(outputs.labels[row])]
        return p / (0.5 * ((1 + a) * p_out + (1 - a)))

    assert SMALL.population is not None
    found = RMIAAttack(RMIASettings(a, gamma))(SMALL, UNUSED).nonmembers
    others = [ratio(SMALL.population, row) for row in range(len(SMALL.population))]
    for row, score in enumerate(found):
        own = ratio(SMALL.evaluation_nonmembers, row)
        assert score == pytest.approx(statistics.fmean(own / other >= gamma for other in others), abs=1e-9)


def test_rmia_counts_a_tie_as_beaten() -> None:
    """At least gamma, says the definition: a population record that is scored itself beats itself, so no score is 0."""
    assert SMALL.population is not None
    own = replace(SMALL, evaluation_nonmembers=SMALL.population)
    found = RMIAAttack(RMIASettings(0.3, 1.0))(own, UNUSED).nonmembers
    assert sorted(found) == pytest.approx([(rank + 1) / len(found) for rank in range(len(found))])


def with_members(members: torch.Tensor) -> Evidence:
    """Give SMALL's evidence with shadows that were trained on other records."""
    assert SMALL.shadows is not None
    shadows = Shadows(SMALL.shadows.logits[: len(members)], SMALL.shadows.labels, members)
    return replace(SMALL, shadows=shadows)


def test_lira_survives_records_that_all_or_no_shadows_saw() -> None:
    """Such records take the mean of all; the scores stay finite, those of the other records are as before."""
    assert SMALL.shadows is not None
    members = SMALL.shadows.members.clone()
    odd_ones = SMALL.evaluation_members.positions[:2]
    members[:, odd_ones[0]], members[:, odd_ones[1]] = True, False
    for variance in ("fixed", "per_record"):
        scores = LiRAAttack(LiRASettings("online", variance, 1, 0))(with_members(members), UNUSED)
        assert torch.from_numpy(scores.members).isfinite().all()


def test_lira_refuses_what_gives_no_variance() -> None:
    """One shadow model has no spread: a user's mistake, reported in one line."""
    with pytest.raises(UserError, match="found 1 shadow models, allowed at least 2"):
        LiRAAttack(LiRASettings("offline", "fixed", 1, 0))(with_members(torch.zeros(1, 120, dtype=torch.bool)), UNUSED)


def test_rmia_refuses_an_empty_population() -> None:
    """RMIA compares with population records: without any it has nothing to say."""
    with pytest.raises(UserError, match="no population records"):
        RMIAAttack(RMIASettings(0.3, 1.0))(replace(SMALL, population=None), UNUSED)
