"""CEM's loss as the paper writes it: Equations 5 to 7 and Algorithm 1 of arXiv 2503.00383.

Deviations, none of which changes a formula:

* The mixture is fitted by k-means, not by expectation maximisation: Algorithm 1 assigns records to the nearest mean,
  and in hundreds of dimensions posterior probabilities are 0 or 1 up to rounding.
* Delta Sigma_j, which the paper does not define, is taken about the component's mean, not the batch's.
* As Algorithm 1 says, the mixture is that of the noisy features z, and Sigma_p is added to its covariances. Theorem 2
  speaks of the noise-free ones, so the noise counts twice; the bound that it gives is looser, not wrong.
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
from privprune.settings import AtLeastOne
from privprune.training.loop import Step


@dataclass(frozen=True)
class AsWrittenSettings:
    """The loss of Equation 7.

    Attributes:
        clusters_per_class: components of the mixture per class of the data; 3 in the paper, k = 3n.
        covariance: Sigma_j; `full` is the paper's, with Equations 5 and 6 running from batch to batch; `from_fit` the
            same for a batch that follows the fit, for every batch; `diagonal` runs on variances alone.

    """

    name: Literal["as_written"]
    clusters_per_class: AtLeastOne
    covariance: Literal["full", "from_fit", "diagonal"]


class GlobalMixture:
    """One mixture for the noisy features of all records, k components; a new one for each fit."""

    def __init__(self, form: AsWrittenSettings, features: Tensor, found: Clusters, deviation: float) -> None:
        """Take the clusters of features [N, D] and the standard deviation of the noise on each of them."""
        self._records = len(features)
        self._weights = found.counts.double() / self._records
        self._means = found.centres.clone()
        self._covariances = COVARIANCES[form.covariance](features, found, deviation**2)
        self._running = form.covariance != "from_fit"

    def loss(self, sent: Tensor) -> Tensor:
        """Return L_C, Equation 7, after Equations 5 and 6 have taken the batch in.

        The gradient by a record is pi_j w_j (Sigma_j + Sigma_p)^-1 (z_i - mu_j) with pi_j w_j = 1 / N; pi_j has none.
        No value is fetched from the device.

        Args:
            sent: noisy features with their graph, [batch, D].

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
    """Return the nearest of centres [k, D] to each of points [n, D], int64 [n]."""
    return (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)


class AsWritten:
    """Equation 7 on what is sent, with one mixture for all classes."""

    def __init__(self, form: AsWrittenSettings, context: DefenceContext, deviation: float) -> None:
        """Have no mixture yet."""
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
        """Fit the mixture, beginning with the means of the last one."""
        clusters = self._form.clusters_per_class * self._context.classes
        found = k_means(features.values, clusters, self._centres, self._context.generators[0])
        self._centres = found.centres
        self._mixture = GlobalMixture(self._form, features.values, found, self._deviation)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch."""
        del labels
        assert self._mixture is not None  # noqa: S101 (asked for by the term after a fit alone)
        return self._mixture.loss(features)


def _records_and_clusters(form: AsWrittenSettings, labels: Tensor, classes: int) -> tuple[int, int]:
    """All records are clustered together."""
    return len(labels), form.clusters_per_class * classes


METHOD = FormMethod(
    settings=AsWrittenSettings,
    build=AsWritten,
    noisy=True,
    fits_first=True,
    records_and_clusters=_records_and_clusters,
)
