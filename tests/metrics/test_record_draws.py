"""Draws of records: which are drawn together, what they depend on, and what of them a record stores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privprune.metrics.intervals import bootstrap_of_means
from privprune.metrics.record_draws import RecordDraws, Records
from privprune.metrics.record_part import DRAWS, RecordPart, shared_variance


def ids(*numbers: int) -> Records:
    """Write records down."""
    return np.array(numbers, dtype=np.int64)


def drawn(draws: RecordDraws, resamples: int) -> Records:
    """Return all counts, [resamples, records]."""
    return np.concatenate(list(draws.counts(resamples))).astype(np.int64)


def test_every_resample_has_as_many_records() -> None:
    """Each row draws n of n records, each record once on average with the variance of a binomial."""
    counts = drawn(RecordDraws.of([(np.arange(30),)] * 2), 2000)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.1)
    assert counts.var() == pytest.approx(1 - 1 / 30, abs=0.05)


def test_the_first_draws_do_not_depend_on_how_many_follow() -> None:
    """Entries of 400 and of 1,000 resamples have their first 400 draws in common, also where they come in parts."""
    draws = RecordDraws.of([(np.arange(7000),)] * 2)
    parts = list(draws.counts(300))
    assert len(parts) > 1
    assert (drawn(draws, 200) == np.concatenate(parts)[:200]).all()


def test_the_draws_depend_on_the_records_alone() -> None:
    """The same records in another order, by other seeds, are drawn alike; other records are not."""
    one, other = RecordDraws.of([(ids(3, 1, 2, 9),)] * 2), RecordDraws.of([(ids(9, 2, 1, 3),)] * 5)
    assert one.name == other.name
    assert (drawn(one, 20) == drawn(other, 20)).all()
    assert RecordDraws.of([(ids(3, 1, 2, 8),)] * 2).name != one.name


def test_members_and_nonmembers_are_drawn_apart_where_all_seeds_share_them() -> None:
    """Under protocol `paper` every resample has as many members and as many non-members as there are."""
    draws = RecordDraws.of([(ids(0, 1, 2), ids(5, 6))] * 3)
    counts = drawn(draws, 50)
    members, nonmembers = draws.columns[0]
    assert draws.shared
    assert (counts[:, members].sum(axis=1) == 3).all()
    assert (counts[:, nonmembers].sum(axis=1) == 2).all()


def test_seeds_with_own_records_are_drawn_apart() -> None:
    """Without a common record each seed's pools keep their sizes, known or not: the nested bootstrap."""
    known = RecordDraws.of([(ids(0, 1, 2),), (ids(5, 6),)])
    unknown = RecordDraws.apart([(ids(0, 1, 2),), (ids(0, 1),)], np.random.default_rng(0))
    for draws in (known, unknown):
        counts = drawn(draws, 50)
        assert not draws.shared
        assert [set(counts[:, places].sum(axis=1)) for (places,) in draws.columns] == [{3}, {2}]
    assert known.name
    assert not unknown.name


def test_a_record_that_two_seeds_share_is_drawn_for_both() -> None:
    """Under protocol `clean` seeds share a part of their records: those count as often for one as for the other."""
    draws = RecordDraws.of([(ids(0, 1, 2), ids(3, 4)), (ids(2, 3, 9), ids(0, 8))])
    counts = drawn(draws, 50)
    first, second = draws.columns
    assert draws.shared
    assert (counts[:, first[0][2]] == counts[:, second[0][0]]).all()  # record 2, a member twice
    assert (counts[:, first[1][0]] == counts[:, second[0][1]]).all()  # record 3, a non-member and a member
    assert (counts.sum(axis=1) == 7).all()


def test_a_part_survives_its_record() -> None:
    """A kilobyte of JSON, exact to one step of 1/127 of the largest number of each half."""
    deviations = np.random.default_rng(0).normal(0, 3, (5, 1000))
    part = RecordPart.of(deviations, "abc", 77)
    text = json.dumps(part.as_record())
    back = RecordPart.from_record(json.loads(text))
    assert len(text) < 1300
    assert (back.draws, back.records, back.halves.shape) == (f"abc-{DRAWS}", 77, (2, DRAWS))
    step = np.abs(part.halves).max(axis=1, keepdims=True) / 127
    assert (np.abs(back.halves - part.halves) <= 0.501 * step).all()
    assert shared_variance(back.halves) == pytest.approx(shared_variance(part.halves), rel=0.05)
    nothing = RecordPart("abc", 1, np.zeros((2, 3)))
    assert (RecordPart.from_record(nothing.as_record()).halves == 0).all()


def test_the_shared_variance_is_that_of_the_records_effects() -> None:
    """Seeds on the same 500 records: the variance of the mean of their effects, to a sixth; on own ones: none."""
    draw = np.random.default_rng(1)
    effects = draw.normal(0, 0.9, 500)
    shared = [effects + draw.normal(0, 0.4, 500) for _ in range(6)]
    own = [draw.normal(0, 1, 500) for _ in range(6)]
    apart = [np.arange(500) + 500 * seed for seed in range(6)]
    parts = [
        bootstrap_of_means(values, 400, draw, records).part
        for values, records in ((shared, [np.arange(500)] * 6), (own, apart))
    ]
    variances = [shared_variance(part.halves)[0] for part in parts if part is not None]
    assert variances[0] == pytest.approx(effects.var() / 500, rel=1 / 6)
    assert variances[1] < 0.2 * (1 / 500 / 6)  # of the variance that the own noise of six seeds has


def test_a_part_is_stored_only_where_the_records_are_known() -> None:
    """Without records, or with one seed, there is nothing to compare."""
    draw = np.random.default_rng(2)
    values = [draw.normal(0, 1, 20) for _ in range(2)]
    assert bootstrap_of_means(values, 50, draw).part is None
    assert bootstrap_of_means(values[:1], 50, draw, [np.arange(20)]).part is None
    assert bootstrap_of_means(values, 50, draw, [np.arange(20)] * 2).part is not None
