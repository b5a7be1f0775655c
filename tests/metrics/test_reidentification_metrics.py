"""Ranking of a gallery: cases computed by hand, a naive twin, and what must not matter."""

import math

import pytest
import torch

from privprune.metrics import reidentification
from privprune.metrics.reidentification import Metric, rank_queries

Pictures = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def at_angles(*pictures: tuple[float, int, int]) -> Pictures:
    """Return unit vectors of two numbers from (angle in degrees, identity, camera)."""
    angles = torch.tensor([math.radians(angle) for angle, _, _ in pictures])
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    columns = [torch.tensor([picture[place] for picture in pictures]) for place in (1, 2)]
    return embeddings, columns[0], columns[1]


def drawn(number: int, seed: int, levels: int = 3) -> Pictures:
    """Return pictures of 6 identities by 3 cameras, whose similarities tie often."""
    chance = torch.Generator().manual_seed(seed)
    identities = torch.randint(0, 6, (number,), generator=chance)
    cameras = torch.randint(0, 3, (number,), generator=chance)
    return torch.randint(0, levels, (number, 3), generator=chance) - 1.0, identities, cameras


def naive(queries: Pictures, gallery: Pictures) -> list[tuple[int, float] | None]:
    """Return place of the first hit and average precision per query, picture by picture, from squared distances."""
    found: list[tuple[int, float] | None] = []
    for embedding, identity, camera in zip(*queries, strict=True):
        left = [
            (((embedding - other) ** 2).sum().item(), bool(identity == name))
            for other, name, place in zip(*gallery, strict=True)
            if not (identity == name and camera == place)
        ]
        places = [place for place, (_, hit) in enumerate(sorted(left)) if hit]  # of a tie the wrong ones first
        precisions = [(number + 1) / (place + 1) for number, place in enumerate(places)]
        found.append((places[0], sum(precisions) / len(places)) if places else None)
    return found


def test_a_case_by_hand() -> None:
    """Hits at ranks 1 and 3 have the average precision (1 + 2/3) / 2; one query hits first at rank 2: 1/2."""
    gallery = at_angles((10, 1, 1), (20, 2, 0), (30, 1, 2), (5, 1, 0), (80, 3, 1))
    queries = at_angles((0, 1, 0), (12, 2, 1))  # the picture at 5 degrees is of the first query's own camera
    found = rank_queries(*queries, *gallery).summary()
    # second query: at 10 (2 degrees off), 5 (7 off), 20 (8 off, its own): rank 3
    assert found.rank_1 == 0.5
    assert found.rank_5 == 1.0
    assert found.mean_average_precision == pytest.approx(((1 + 2 / 3) / 2 + 1 / 3) / 2)
    assert found.queries == 2


def test_the_same_camera_counts_for_other_identities() -> None:
    """Only the query's own identity by its own camera is left out: another one by that camera still is a mistake."""
    gallery = at_angles((1, 1, 0), (2, 2, 0), (3, 1, 1))
    assert rank_queries(*at_angles((0, 1, 0)), *gallery).summary().mean_average_precision == 0.5


@pytest.mark.parametrize("together", [1, 90, 10_000])
def test_it_is_the_naive_ranking(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """First hit and average precision of each query are those of a plain sort, however the queries are divided."""
    monkeypatch.setattr(reidentification, "_AT_ONCE", together)
    queries, gallery = drawn(25, 1), drawn(40, 2)
    queries[1][0] = 9  # in no gallery
    found = rank_queries(*queries, *gallery, "euclidean")
    expected = naive(queries, gallery)
    assert found.counted.tolist() == [one is not None for one in expected]
    assert not found.counted[0]
    for first, precision, one in zip(found.first, found.average_precision, expected, strict=True):
        assert one is None or (first.item(), precision.item()) == (one[0], pytest.approx(one[1]))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_unit_vectors_rank_alike_by_both_metrics(metric: Metric) -> None:
    """Of vectors of one length angle and distance say the same; cosine does not know the length."""
    queries, gallery = drawn(20, 3, 1000), drawn(50, 4, 1000)
    unit = [(torch.nn.functional.normalize(one[0], dim=1), *one[1:]) for one in (queries, gallery)]
    expected = rank_queries(*queries, *gallery, "cosine").average_precision
    torch.testing.assert_close(rank_queries(*unit[0], *unit[1], metric).average_precision, expected)


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_one_embedding_for_all_finds_nobody(value: float) -> None:
    """A network that has collapsed, or diverged, has every hit behind all mistakes."""
    queries, gallery = drawn(12, 5), drawn(60, 6)
    same = [(torch.full_like(one[0], value), *one[1:]) for one in (queries, gallery)]
    found = rank_queries(*same[0], *same[1]).summary()
    assert found.rank_5 == 0
    assert found.mean_average_precision < 0.2


def test_no_query_that_can_be_answered_is_told() -> None:
    """Where all hits are by the query's own camera there is nothing to average."""
    with pytest.raises(ValueError, match="no query has a gallery picture of its identity by another camera"):
        rank_queries(*at_angles((0, 1, 0)), *at_angles((1, 1, 0), (2, 2, 0))).summary()
