"""LiRA with several queries per record."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from membership_toys import CLASSES, MODELS, population, simulated, split, with_answers
from scipy import stats

from privprune.attacks.membership import Evidence, evidence_about
from privprune.attacks.membership.lira import LiRAAttack, LiRASettings, augmented_queries
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.view import View
from privprune.errors import UserError
from privprune.metrics.membership import point
from privprune.settings import read

Mode = Literal["online", "offline"]
EIGHTEEN = LiRASettings("online", "fixed", 18, 4)
UNUSED = torch.Generator()
modes = pytest.mark.parametrize("mode", ["online", "offline"])


def test_queries_are_mirrored_and_shifted_in_eight_directions() -> None:
    """One query is the record as it is, two are mirrored too, eighteen shifted as well, and none is asked twice."""
    assert augmented_queries(LiRASettings("online", "fixed", 1, 0)) == ()
    assert augmented_queries(LiRASettings("online", "fixed", 2, 0)) == (View(mirrored=True),)
    views = augmented_queries(EIGHTEEN)
    assert len({View(), *views}) == 18
    assert {(view.down, view.right) for view in views} == {(down, right) for down in (-4, 0, 4) for right in (-4, 0, 4)}
    assert augmented_queries(replace(EIGHTEEN, queries=6)) == views[:5]


def noisy_queries(queries: int, leak: float, records: int) -> tuple[Evidence, LiRASettings]:
    """Return evidence in which each query sees a record's leak behind noise of its own."""
    settings = LiRASettings("online", "fixed", queries, 0 if queries < 3 else 1)
    draw = torch.Generator().manual_seed(3)
    labels = torch.randint(CLASSES, (records,), generator=draw)
    members = torch.rand(MODELS, records, generator=draw) < 0.5
    members[0] = torch.arange(records) % 2 == 0

    def answers() -> torch.Tensor:
        logits = torch.zeros(MODELS, records, CLASSES)
        seen = leak * members + torch.randn(MODELS, records, generator=draw)
        return logits.scatter_(2, labels.expand(MODELS, -1)[..., None], seen[..., None])

    plain = answers()
    evidence = evidence_about(0, plain, labels, split(records), members, population(records))
    return with_answers(evidence, {view: answers() for view in augmented_queries(settings)}, None), settings


@modes
def test_queries_with_noise_of_their_own_make_the_attack_stronger(mode: Mode) -> None:
    """Six queries that each see the leak through independent noise separate members better than one of them."""
    evidence, settings = noisy_queries(6, leak=1.0, records=900)
    found = {
        queries: point(LiRAAttack(replace(settings, mode=mode, queries=queries, shift=shift))(evidence, UNUSED))["auc"]
        for queries, shift in ((1, 0), (2, 0), (6, 1))
    }
    assert found[1] < found[2] < found[6]
    assert found[6] > found[1] + 0.1


@modes
def test_queries_that_say_the_same_change_no_order(mode: Mode) -> None:
    """A mirrored query with the answers of the record itself scales all scores: by 2 online, by its root offline."""
    settings = LiRASettings(mode, "fixed", 2, 0)
    plain = simulated(leak=2.0, records=200, seed=4)
    shadows = plain.shadows
    assert shadows is not None
    view = augmented_queries(settings)[0]
    names = ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers")
    parts = {name: getattr(plain, name) for name in names}
    twice = replace(
        plain,
        **{name: replace(part, views={view: part.logits}) for name, part in parts.items()},
        shadows=replace(shadows, views={view: shadows.logits}),
    )
    one = LiRAAttack(LiRASettings(mode, "fixed", 1, 0))(plain, UNUSED)
    two = LiRAAttack(settings)(twice, UNUSED)
    factor = 2 if mode == "online" else math.sqrt(2)
    np.testing.assert_allclose(two.members, factor * one.members, rtol=1e-12)


@pytest.mark.parametrize("variance", ["fixed", "per_record"])
def test_two_queries_equal_a_normal_of_two_dimensions(variance: Literal["fixed", "per_record"]) -> None:
    """Online, the score is the log ratio of two normal densities with diagonal covariances, record by record."""
    settings = LiRASettings("online", variance, 2, 0)
    (view,) = augmented_queries(settings)
    evidence = simulated(leak=2.0, records=80, seed=6, views=(view,))
    shadows = evidence.shadows
    assert shadows is not None
    answers = [
        shadows.confidences,
        torch.stack([scaled_confidence(one, shadows.labels) for one in shadows.views[view]]),
    ]
    records = evidence.evaluation_members
    observed = [scaled_confidence(logits, records.labels) for logits in (records.logits, records.views[view])]
    found = LiRAAttack(settings)(evidence, UNUSED).members

    def chosen(query: int, column: int, *, member: bool) -> list[float]:
        return answers[query][shadows.members[:, column] == member, column].tolist()  # type: ignore[union-attr]

    def deviation(query: int, column: int, *, member: bool) -> float:
        if variance == "per_record":
            return statistics.stdev(chosen(query, column, member=member))
        groups = [chosen(query, every, member=member) for every in range(80)]
        squares = sum(sum((value - statistics.fmean(group)) ** 2 for value in group) for group in groups)
        return math.sqrt(squares / sum(len(group) - 1 for group in groups))

    for row, column in enumerate(records.positions.tolist()[:5]):
        logs = {}
        for member in (True, False):
            means = [statistics.fmean(chosen(query, column, member=member)) for query in (0, 1)]
            variances = [deviation(query, column, member=member) ** 2 for query in (0, 1)]
            normal = stats.multivariate_normal(means, np.diag(variances))
            logs[member] = normal.logpdf([float(values[row]) for values in observed])
        assert found[row] == pytest.approx(logs[True] - logs[False], rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"queries": 19}, "queries: found 19, allowed at most 18"),
        ({"shift": 0}, "shift: found 0 with 18 queries"),
        ({"queries": 2}, "shift: found 4 with 2 queries"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    with pytest.raises(UserError, match=line):
        read(LiRASettings, {**asdict(EIGHTEEN), **wrong}, "params.yaml: attack.x")
