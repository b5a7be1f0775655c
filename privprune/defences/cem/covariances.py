"""The covariances of CEM's mixture under Equation 6: their log-determinants, and what their gradient needs.

Of a batch, the share of each component is taken out of its covariance and the batch's own scatter put in. With
w_j = 1 / (pi_j N), the weight of one record in Equation 6,

    Sigma_j <- (1 - n_j w_j) Sigma_j + w_j sum_i (z_i - mu_j)(z_i - mu_j)^T

and the derivative of log |Sigma_j + Sigma_p| by a record z_i of the component is 2 w_j (Sigma_j + Sigma_p)^-1
(z_i - mu_j). So every class here returns the log-determinants and those solutions, and no graph is needed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from privprune.metrics.clusters import Clusters, principal_axes


class Update(NamedTuple):
    """What Equation 6 takes of a batch; B records, k components.

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
        """Take a batch in.

        Returns:
            log(|Sigma_j + Sigma_p| / |Sigma_p|), float64 [k], and (Sigma_j + Sigma_p)^-1 (z_i - mu_j), float [B, D].

        """


class Full:
    """Full covariances, running from batch to batch: one Cholesky decomposition of D x D per component and batch."""

    def __init__(self, features: Tensor, found: Clusters, noise: float) -> None:
        """Take the covariances of the clusters of features [n, D], and the noise's variance."""
        self._noise = noise
        self._values = torch.stack([_covariance(own) for own in centred_each(features, found)])

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Work in float64: k D^3 / 3 + 3 k B D^2 multiplications."""
        centred = update.centred.double()
        weighted = (update.owns * update.record_weight).T[:, :, None] * centred  # [k, B, D]
        self._values = update.kept[:, None, None] * self._values + centred.T @ weighted
        shape = self._values.shape[-1]
        factor, _ = torch.linalg.cholesky_ex(
            self._values / self._noise + torch.eye(shape, dtype=torch.float64, device=centred.device)
        )
        logs = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        solved = torch.cholesky_solve(centred.T.expand(len(factor), -1, -1), factor)  # [k, D, B]
        own = torch.einsum("kdb,bk->bd", solved, update.owns)
        return logs, own / self._noise


class FromFit:
    """Full covariances of which every batch changes those of the fit, not those that the batch before has left.

    With the principal axes of each component, found once per epoch, (1 - n_j w_j) Sigma_j + Sigma_p is diagonal, and
    the batch adds n_j rank-one terms: determinant and inverse follow exactly from a B x B matrix (the matrix
    determinant lemma, and Woodbury's identity), which is one for all components since records of different ones do
    not meet in it.
    """

    def __init__(self, features: Tensor, found: Clusters, noise: float) -> None:
        """Take the principal axes of the clusters of features [n, D], and the noise's variance."""
        self._noise = noise
        pairs = [principal_axes(own) for own in centred_each(features, found)]
        rank = max(len(values) for values, _ in pairs)
        clusters, dimensions = len(pairs), features.shape[1]
        self._values = torch.zeros(clusters, rank, dtype=torch.float64, device=features.device)
        self._axes = features.new_zeros(clusters, dimensions, rank)
        for number, (values, axes) in enumerate(pairs):
            self._values[number, : len(values)] = values
            self._axes[number, :, : len(values)] = axes

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Project the records in their own precision, and work in float64 from there."""
        centred, noise = update.centred, self._noise
        kept = update.kept[:, None] * self._values  # [k, r]
        axes = self._axes[update.component]  # [B, D, r]
        along = (centred[:, None, :] @ axes)[:, 0]  # [B, r]
        rest = centred - (axes @ along[:, :, None])[:, :, 0]
        scale = (kept + noise)[update.component].to(along.dtype)
        inverse = (axes @ (along / scale)[:, :, None])[:, :, 0] + rest / noise  # [B, D]
        weights = update.record_weight[update.component].sqrt()  # the same for the records of a component
        meet = (update.owns @ update.owns.T) * weights[:, None] * weights
        halves = torch.cat([along / scale.sqrt(), rest / noise**0.5], dim=1).double()
        inner = meet * (halves @ halves.T)
        factor, _ = torch.linalg.cholesky_ex(inner + torch.eye(len(inner), dtype=inner.dtype, device=inner.device))
        logs = torch.log1p(kept / noise).sum(1) + update.owns.T @ (2 * factor.diagonal().log())
        return logs, torch.cholesky_solve(inverse.double(), factor)


class Diagonal:
    """Variances alone, running from batch to batch: the determinant is a product, and k D numbers are all there is."""

    def __init__(self, features: Tensor, found: Clusters, noise: float) -> None:
        """Take the variances of the clusters of features [n, D], and the noise's variance."""
        self._noise = noise
        self._values = torch.stack([own.double().square().mean(0) for own in centred_each(features, found)])
        self._values = self._values.nan_to_num(0.0)  # an empty cluster

    def updated(self, update: Update) -> tuple[Tensor, Tensor]:
        """Work in float64."""
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


def centred_each(features: Tensor, found: Clusters) -> list[Tensor]:
    """Return the records of each cluster, minus its centre; [n_j, D] each."""
    return [features[found.labels == number] - centre for number, centre in enumerate(found.centres)]


def _covariance(centred: Tensor) -> Tensor:
    own = centred.double()
    return own.T @ own / max(len(own), 1)
