"""Re-identification: the ranks of the other pictures of a query's identity in a gallery ordered by similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

Metric = Literal["cosine", "euclidean"]
_AT_ONCE = 2_500_000  # similarities computed at once: 10 MB, and some copies


@dataclass(frozen=True)
class RetrievalMetrics:
    """How well a network re-identifies.

    Attributes:
        rank_1: share of the queries whose nearest gallery picture shows their identity.
        rank_5: share of those with such a picture among the nearest five (cumulative matching characteristic).
        mean_average_precision: mean over the queries of the average precision of the ranking.
        queries: number of queries that were counted.

    """

    rank_1: float
    rank_5: float
    mean_average_precision: float
    queries: int


@dataclass(frozen=True)
class QueryRanks:
    """Ranks and average precision of each query.

    Attributes:
        first: int64 [queries], rank of the first picture of the identity, counted from 0.
        average_precision: float64 [queries].
        counted: bool [queries], whether the gallery has a picture of the identity by another camera.

    """

    first: Tensor
    average_precision: Tensor
    counted: Tensor

    def summary(self) -> RetrievalMetrics:
        """Average over the counted queries.

        Raises:
            ValueError: there are none.

        """
        if not bool(self.counted.any()):
            raise ValueError("re-identification: no query has a gallery picture of its identity by another camera")
        first = self.first[self.counted]
        return RetrievalMetrics(
            rank_1=(first < 1).double().mean().item(),
            rank_5=(first < 5).double().mean().item(),
            mean_average_precision=self.average_precision[self.counted].mean().item(),
            queries=len(first),
        )


@torch.no_grad()
def rank_queries(
    query_embeddings: Tensor,
    query_ids: Tensor,
    query_cameras: Tensor,
    gallery_embeddings: Tensor,
    gallery_ids: Tensor,
    gallery_cameras: Tensor,
    metric: Metric = "cosine",
) -> QueryRanks:
    """Order a gallery by its similarity to each query.

    Gallery pictures of the query's identity by the query's camera are excluded, as in the protocols of VeRi-776 and
    VERI-Wild (Liu et al., ECCV 2016; Lou et al., CVPR 2019). Of equally similar pictures those of other
    identities rank first, so a network with one embedding for all pictures re-identifies none. Average precision is
    (1 / n) sum_i i / r_i over the ranks r_1 < .. < r_n of the n pictures of the identity (Zheng et al., Scalable person
    re-identification, ICCV 2015). Queries are processed in parts, so that memory does not grow with their number.

    Args:
        query_embeddings: float [q, D].
        query_ids: int64 [q], identities.
        query_cameras: int64 [q].
        gallery_embeddings: float [g, D].
        gallery_ids: int64 [g].
        gallery_cameras: int64 [g].
        metric: `cosine` similarity, or the negative `euclidean` distance.

    """
    gallery = _prepared(gallery_embeddings, metric)
    parts = []
    together = max(1, _AT_ONCE // max(1, len(gallery)))
    for rows in torch.arange(len(query_embeddings), device=query_embeddings.device).split(together):
        similarity = _similarity(_prepared(query_embeddings[rows], metric), gallery, metric)
        same = query_ids[rows, None] == gallery_ids
        left_out = same & (query_cameras[rows, None] == gallery_cameras)
        parts.append(_ranks(similarity.masked_fill_(left_out, -torch.inf), same & ~left_out))
    first, precision, counted = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
    return QueryRanks(first, precision, counted)


def _prepared(embeddings: Tensor, metric: Metric) -> Tensor:
    return F.normalize(embeddings.float(), dim=1) if metric == "cosine" else embeddings.float()


def _similarity(queries: Tensor, gallery: Tensor, metric: Metric) -> Tensor:
    return queries @ gallery.T if metric == "cosine" else torch.cdist(queries, gallery).neg_()


def _ranks(similarity: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rank of the first hit, average precision, and whether there is any hit, [q] each; arguments are [q, g].

    Excluded pictures have the similarity -inf. The similarities of the other identities are sorted, and a binary search
    counts how many of them rank before each hit.
    """
    similarity = similarity.nan_to_num_(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
    number = wanted.sum(1)
    most = int(number.max())
    hits = similarity.masked_fill(~wanted, -torch.inf).topk(most, dim=1).values
    others = _ascending(similarity.masked_fill_(wanted, -torch.inf))
    before = others.shape[1] - torch.searchsorted(others, hits)
    nth = torch.arange(most, device=hits.device)
    precision = (nth + 1).double() / (before + nth + 1)
    sums = torch.where(nth < number[:, None], precision, 0).sum(1)
    first = before[:, 0] if most else torch.zeros_like(number)
    return first, sums / number.clamp(min=1), number > 0


def _ascending(values: Tensor) -> Tensor:
    """Sort each row; on the CPU by NumPy, which takes a tenth of the time, since it does not return the indices."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=1))
