"""Clusters of features by k-means, and their Gaussians: the mixture that CEM and its bound rest on."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_ITERATIONS = 50  # of Lloyd's algorithm at most, as in the released code of CEM; it ends as soon as no record moves


class Clusters(NamedTuple):
    """A partition of records.

    Attributes:
        centres: [k, D], the mean of each cluster; where one is empty, where it was sought.
        labels: int64 [n], the cluster of each record.
        counts: int64 [k].

    """

    centres: Tensor
    labels: Tensor
    counts: Tensor


def k_means(features: Tensor, clusters: int, start: Tensor | None, generator: torch.Generator) -> Clusters:
    """Cluster records by Lloyd's algorithm, through scikit-learn on the processor; one cluster needs neither.

    Args:
        features: float [n, D], n at least `clusters`; copied to the processor once.
        clusters: k.
        start: centres to begin with, [k, D]; None to draw them by k-means++ (Arthur and Vassilvitskii 2007).
        generator: source of that draw.

    """
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    if clusters == 1:
        together = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        return Clusters(features.detach().mean(0, keepdim=True), together, together.new_tensor([len(features)]))

    from sklearn.cluster import KMeans  # noqa: PLC0415 (a second that few programs need)
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 (same)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 (same)

    points = features.detach().cpu().numpy()
    first = "k-means++" if start is None else start.detach().cpu().numpy().astype(points.dtype)
    search = KMeans(clusters, init=first, n_init=1, max_iter=_ITERATIONS, tol=0.0, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():  # several threads add up in an order of chance
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal records: some clusters stay empty
        found = search.fit(points)
    labels = torch.from_numpy(found.labels_.astype(np.int64)).to(features.device)
    counts = torch.from_numpy(np.bincount(found.labels_, minlength=clusters)).to(features.device)
    return Clusters(torch.from_numpy(found.cluster_centers_).to(features), labels, counts)


def eigenvalues(centred: Tensor) -> Tensor:
    """Return those eigenvalues of records' covariance that may differ from 0.

    Args:
        centred: [n, D], deviations from the mean.

    Returns:
        float64 [min(n, D)], ascending, at least 0.

    """
    scaled = centred.double() / max(len(centred), 1) ** 0.5
    gram = scaled @ scaled.T if len(scaled) < scaled.shape[1] else scaled.T @ scaled
    values: Tensor = torch.linalg.eigvalsh(gram)
    return values.clamp_min(0)


def principal_axes(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of records' covariance.

    Args:
        centred: [n, D], deviations from the mean.

    Returns:
        eigenvalues float64 [r] and orthonormal eigenvectors float64 [D, r], r <= min(n, D); the other eigenvalues
        are 0.

    """
    scaled = centred.double() / max(len(centred), 1) ** 0.5
    if len(scaled) >= scaled.shape[1]:
        values, vectors = torch.linalg.eigh(scaled.T @ scaled)
        return values.clamp_min(0), vectors
    values, sides = torch.linalg.eigh(scaled @ scaled.T)
    large = values > values.amax().clamp_min(torch.finfo(values.dtype).tiny) * 1e-12 if len(values) else values > 0
    values = values[large]
    return values, scaled.T @ sides[:, large] / values.sqrt()
