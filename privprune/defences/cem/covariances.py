"""The covariances of CEM's mixture, updated by Equation 6: their log-determinants, and the terms of their gradient.

Equation 6 replaces a part of each component's covariance by the scatter of the batch. With w_j = 1 / (pi_j N), the
weight of one record,

    Sigma_j <- (1 - n_j w_j) Sigma_j + w_j sum_i (z_i - mu_j)(z_i - mu_j)^T

and the derivative of log |Sigma_j + Sigma_p| with respect to a record z_i of the component is
2 w_j (Sigma_j + Sigma_p)^-1 (z_i - mu_j). Each class returns the log-determinants and the solutions
(Sigma_j + Sigma_p)^-1 (z_i - mu_j), so that no autograd graph is needed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from privprune.metrics.clusters import Clusters, principal_axes


class Update(NamedTuple):
    """The quantities of a batch of B records in Equation 6, with k components.

    Attributes:
        centred: [B, D], z_i minus the mean of its component.
        component: int64 [B].
        owns: float64 [B, k], 1 where the record belongs to the component.
        record_weight: float64 [k], w_j.

    """

    centred: Tensor
    component: Tensor
    owns: Tensor
    record_weight: Tensor

    @property
    def kept(self) -> Tensor:
        """1 - n_j w_j, the weight of the old covariance, float64 [k]."""
        return (1 - self.owns.sum(0) * self.record_weight).clamp_min(0)


class Covariances(Protocol):
    """Sigma_j of all components, with isotropic noise of a fixed variance."""

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Update the covariances by a batch.

        Returns:
            log(|Sigma_j + Sigma_p| / |Sigma_p|), float64 [k], and (Sigma_j + Sigma_p)^-1 (z_i - mu_j), float [B, D].

        """


class Full:
    """Full covariances, updated from batch to batch: a D x D Cholesky decomposition per component and batch."""

    def __init__(self, features: Tensor, clusters: Clusters, noise: float) -> None:
        """Compute the covariance of each cluster of features [n, D]; `noise` is the noise's variance."""
        self._noise = noise
        self._values = torch.stack([_covariance(centred) for centred in centred_each(features, clusters)])

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Update by a batch, in float64: k D^3 / 3 + 3 k B D^2 multiplications."""
        centred = update.centred.double()
        weighted = (update.owns * update.record_weight).T[:, :, None] * centred  # [k, B, D]
        self._values = update.kept[:, None, None] * self._values + centred.T @ weighted
        shape = self._values.shape[-1]
        factor, _ = torch.linalg.cholesky_ex(
            self._values / self._noise + torch.eye(shape, dtype=torch.float64, device=centred.device)
        )
        logs = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        solved = torch.cholesky_solve(centred.T.expand(len(factor), -1, -1), factor)  # [k, D, B]
        selected = torch.einsum("kdb,bk->bd", solved, update.owns)
        return logs, selected / self._noise


class FromFit:
    """Full covariances, where each batch updates those of the last fit, not those after the batch before.

    In the principal axes of a component, computed once per epoch, (1 - n_j w_j) Sigma_j + Sigma_p is diagonal, and the
    batch adds n_j rank-one terms. Determinant and inverse follow exactly from a B x B matrix (by the matrix determinant
    lemma and Woodbury's identity). One matrix serves all components: its entries for records of different components
    are zero.
    """

    def __init__(self, features: Tensor, clusters: Clusters, noise: float) -> None:
        """Compute the principal axes of each cluster of features [n, D]; `noise` is the noise's variance."""
        self._noise = noise
        pairs = [principal_axes(centred) for centred in centred_each(features, clusters)]
        rank = max(len(values) for values, _ in pairs)
        count, dimensions = len(pairs), features.shape[1]
        self._values = torch.zeros(count, rank, dtype=torch.float64, device=features.device)
        self._axes = features.new_zeros(count, dimensions, rank)
        for number, (values, axes) in enumerate(pairs):
            self._values[number, : len(values)] = values
            self._axes[number, :, : len(values)] = axes

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Update by a batch: the projection is in the precision of the records, the rest in float64."""
        centred, noise = update.centred, self._noise
        remaining = update.kept[:, None] * self._values  # [k, r]
        axes = self._axes[update.component]  # [B, D, r]
        coordinates = (centred[:, None, :] @ axes)[:, 0]  # [B, r]
        scale = (remaining + noise)[update.component].to(coordinates.dtype)
        inside, whitened = (torch.stack([coordinates, coordinates / scale], dim=1) @ axes.mT).unbind(1)  # [B, D] each
        rest = centred - inside
        inverse = whitened + rest / noise
        weights = update.record_weight[update.component].sqrt()  # equal for all records of a component
        joint = (update.owns @ update.owns.T) * weights[:, None] * weights
        halves = torch.cat([coordinates / scale.sqrt(), rest / noise**0.5], dim=1).double()
        inner = joint * (halves @ halves.T)
        factor, _ = torch.linalg.cholesky_ex(inner + torch.eye(len(inner), dtype=inner.dtype, device=inner.device))
        logs = torch.log1p(remaining / noise).sum(1) + update.owns.T @ (2 * factor.diagonal().log())
        return logs, torch.cholesky_solve(inverse.double(), factor)


class Diagonal:
    """Diagonal covariances, k D variances, updated from batch to batch: the determinant is their product."""

    def __init__(self, features: Tensor, clusters: Clusters, noise: float) -> None:
        """Compute the variances of each cluster of features [n, D]; `noise` is the noise's variance."""
        self._noise = noise
        self._values = torch.stack([centred.double().square().mean(0) for centred in centred_each(features, clusters)])
        self._values = self._values.nan_to_num(0.0)  # an empty cluster

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Update by a batch, in float64."""
        centred = update.centred.double()
        scatter = (update.owns * update.record_weight).T @ centred.square()
        self._values = update.kept[:, None] * self._values + scatter
        logs = torch.log1p(self._values / self._noise).sum(1)
        return logs, centred / (self._values + self._noise)[update.component]


COVARIANCES: dict[str, type[Full | FromFit | Diagonal]] = {
    "full": Full,
    "from_fit": FromFit,
    "diagonal": Diagonal,
}


def centred_each(features: Tensor, clusters: Clusters) -> list[Tensor]:
    """Return the records of each cluster, minus its centre; [n_j, D] each."""
    return [features[clusters.labels == number] - centre for number, centre in enumerate(clusters.centres)]


def _covariance(centred: Tensor) -> Tensor:
    values = centred.double()
    return values.T @ values / max(len(values), 1)
