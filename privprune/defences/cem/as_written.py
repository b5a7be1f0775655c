"""CEM's loss as the paper writes it: Equations 5 to 7 and Algorithm 1 of arXiv 2503.00383.

Choices where the paper is open, none of which changes a formula:

* The mixture is fitted by k-means, not by expectation maximisation: Algorithm 1 assigns records to the nearest mean,
  and in hundreds of dimensions posterior probabilities are 0 or 1 up to rounding.
* Delta Sigma_j, which the paper does not define, is computed about the component's mean, not the batch's.
* As in Algorithm 1, the mixture is fitted to the noisy features z, and Sigma_p is added to its covariances. Theorem 2
  is about noise-free features, so the noise counts twice; this makes the bound looser, but not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.defences.cem.covariances import COVARIANCES, Update
from privprune.defences.cem.features import Features
from privprune.defences.cem.form import FormMethod, flat
from privprune.defences.cem.known_gradient import with_gradient
from privprune.defences.defence import DefenceContext
from privprune.metrics.clusters import Clusters, k_means
from privprune.settings import Repeats
from privprune.training.loop import Step


@dataclass(frozen=True)
class AsWrittenSettings:
    """The settings of Equation 7.

    Attributes:
        clusters_per_class: components of the mixture per class of the data; 3 in the paper, k = 3n.
        covariance: how Sigma_j is computed. `full` is the paper's: full matrices, which Equations 5 and 6 update from
            batch to batch; `from_fit`: full matrices, where each batch updates those of the last fit; `diagonal`:
            variances only, updated from batch to batch.

    """

    name: Literal["as_written"]
    clusters_per_class: Repeats
    covariance: Literal["full", "from_fit", "diagonal"]


class GlobalMixture:
    """A mixture of k components for the noisy features of all records; each fit makes a new one."""

    def __init__(self, form: AsWrittenSettings, features: Tensor, clusters: Clusters, deviation: float) -> None:
        """Compute the mixture of features [N, D] from their clusters and the standard deviation of the noise."""
        self._records = len(features)
        self._weights = clusters.counts.double() / self._records
        self._means = clusters.centres.clone()
        self._covariances = COVARIANCES[form.covariance](features, clusters, deviation**2)
        self._running = form.covariance != "from_fit"

    def loss(self, sent: Tensor) -> Tensor:
        """Return L_C, Equation 7, after the updates by the batch of Equations 5 and 6.

        The gradient with respect to a record is pi_j w_j (Sigma_j + Sigma_p)^-1 (z_i - mu_j), where pi_j w_j = 1 / N;
        pi_j counts as a constant. Nothing is copied from the device to the host.

        Args:
            sent: noisy features, attached to the autograd graph, [batch, D].

        Returns:
            a scalar, in nats.

        """
        value, gradient = self._value_and_gradient(sent.detach())
        return with_gradient(sent, value, gradient)

    def _value_and_gradient(self, sent: Tensor) -> tuple[Tensor, Tensor]:
        component = nearest(sent, self._means)
        numbers = torch.arange(len(self._means), device=sent.device)
        owns = (component[:, None] == numbers).double()
        weights = (self._weights * (self._records - len(sent)) + owns.sum(0)) / self._records  # Equation 5
        record_weight = torch.where(weights > 0, 1 / (weights * self._records), 0.0)
        update = Update(sent - self._means[component], component, owns, record_weight)
        logs, solved = self._covariances.updated(update)  # Equation 6
        if self._running:
            self._weights = weights
        value = (torch.special.entr(weights) + 0.5 * weights * logs).sum()  # Equation 7
        return value, solved / self._records


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Return the index of the nearest of the centres [k, D] for each of the points [n, D], int64 [n]."""
    return (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)


class AsWritten:
    """Equation 7 on the features that are sent, with one mixture for all classes."""

    def __init__(self, form: AsWrittenSettings, context: DefenceContext, deviation: float) -> None:
        """Store the settings; there is no mixture before the first fit."""
        self._form, self._context, self._deviation = form, context, deviation
        self._mixture: GlobalMixture | None = None
        self._centres: Tensor | None = None

    @property
    def fitted(self) -> bool:
        """Whether there is a mixture."""
        return self._mixture is not None

    def features_of(self, step: Step) -> Tensor:
        """Return the noisy features, [batch, D]."""
        return flat(step.sent)

    def fit(self, features: Features) -> None:
        """Fit the mixture, starting from the means of the last one."""
        clusters = self._form.clusters_per_class * self._context.classes
        found = k_means(features.values, clusters, self._centres, self._context.generators[0])
        self._centres = found.centres
        self._mixture = GlobalMixture(self._form, features.values, found, self._deviation)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch."""
        del labels
        assert self._mixture is not None  # noqa: S101 (the term calls it only after a fit)
        return self._mixture.loss(features)


def _records_and_clusters(form: AsWrittenSettings, labels: Tensor, classes: int) -> tuple[int, int]:
    """Return the number of records and that of all clusters: all records are clustered together."""
    return len(labels), form.clusters_per_class * classes


METHOD = FormMethod(
    settings=AsWrittenSettings,
    build=AsWritten,
    noisy=True,
    fits_first=True,
    records_and_clusters=_records_and_clusters,
)
