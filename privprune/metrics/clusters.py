"""Clusters of features by k-means, and their covariances: the Gaussian mixture of CEM and of its bound."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_ITERATIONS = 50  # at most, as in the released code of CEM; Lloyd's algorithm ends as soon as no label changes


class Clusters(NamedTuple):
    """A partition of records.

    Attributes:
        centres: [k, D], the mean of each cluster; the last centre tried, for an empty one.
        labels: int64 [n], the cluster of each record.
        counts: int64 [k].

    """

    centres: Tensor
    labels: Tensor
    counts: Tensor


def k_means(features: Tensor, clusters: int, start: Tensor | None, generator: torch.Generator) -> Clusters:
    """Cluster records by Lloyd's algorithm, with scikit-learn on the CPU; a single cluster is computed directly.

    Args:
        features: float [n, D], n at least `clusters`; copied to the CPU once.
        clusters: k.
        start: initial centres, [k, D]; None to draw them by k-means++ (Arthur and Vassilvitskii 2007).
        generator: of the CPU, source of that draw.

    """
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    if clusters == 1:
        together = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        return Clusters(features.detach().mean(0, keepdim=True), together, together.new_tensor([len(features)]))

    from sklearn.cluster import KMeans  # noqa: PLC0415 (takes a second to import, and few programs need it)
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 (same)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 (same)

    points = features.detach().cpu().numpy()
    first = "k-means++" if start is None else start.detach().cpu().numpy().astype(points.dtype)
    search = KMeans(clusters, init=first, n_init=1, max_iter=_ITERATIONS, tol=0.0, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():  # several threads would sum in a random order
        warnings.simplefilter("ignore", ConvergenceWarning)  # raised for equal records, where some clusters stay empty
        found = search.fit(points)
    labels = torch.from_numpy(found.labels_.astype(np.int64)).to(features.device)
    counts = torch.from_numpy(np.bincount(found.labels_, minlength=clusters)).to(features.device)
    return Clusters(torch.from_numpy(found.cluster_centers_).to(features), labels, counts)


def eigenvalues(centred: Tensor) -> Tensor:
    """Return the eigenvalues of the covariance of records that can differ from 0.

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
    """Return the eigenvalues and eigenvectors of the covariance of records.

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
