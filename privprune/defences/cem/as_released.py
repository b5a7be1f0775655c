"""CEM's loss as the released code has it (github.com/xiasong0501/CEM, model_training_paral_pruning.py).

Unlike the paper, it clusters the noise-free features of each class separately, estimates one variance per cluster
instead of a covariance, uses a fixed floor in place of the noise's variance, and cuts the logarithm off below a
threshold.

Deviations: the first centres are drawn by k-means++ as published, where the code draws proportionally to distances
instead of their squares; and scikit-learn relocates the centre of a cluster that has become empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from privprune.defences.cem.features import Features
from privprune.defences.cem.form import FormMethod, flat
from privprune.defences.cem.known_gradient import with_gradient
from privprune.defences.defence import DefenceContext
from privprune.metrics.clusters import Clusters, k_means
from privprune.settings import NonNegative, Positive, Range, Repeats
from privprune.training.loop import Step

_FILLED_WEIGHT = 0.01  # with which the code pads the list of weights


Slip = Literal["wrong_index", "misaligned_clusters"]


@dataclass(frozen=True)
class AsReleasedSettings:
    """The loss of the released code.

    Attributes:
        clusters_per_class: 5 for VGG-11, 15 for ResNet-20 in the code.
        floor: gamma, 0.01.
        threshold: tau, the fraction of the noise's variance at which the loss is cut off: 0.125, for Tiny-ImageNet
            0.0625.
        batch_factor: factor by which a batch counts more in a variance than the number of its records: 10.
        batch_cap: weight of the batch where the product would be 1 or more: 0.99.
        slips: mistakes of the code to repeat: `wrong_index` uses, for the q-th class of a batch, weight and stored
            variance of the class of the batch's q-th record; `misaligned_clusters` drops empty clusters from the list
            of variances, drops them and clusters of one record from the list of weights, and pads both at the end, so
            that entries no longer belong to their clusters.

    """

    name: Literal["as_released"]
    clusters_per_class: Repeats
    floor: Positive
    threshold: NonNegative
    batch_factor: Positive
    batch_cap: Annotated[float, Range(0, 1, open_low=True)]
    slips: tuple[Slip, ...]


class ClassClusters(NamedTuple):
    """The clusters of each class.

    Attributes:
        centres: [classes, k, D].
        variances: [classes, k], mean square distance per dimension of a cluster's records from its centre.
        weights: [classes, k], fraction of the class's records that are in the cluster.

    """

    centres: Tensor
    variances: Tensor
    weights: Tensor


def fit_classes(
    form: AsReleasedSettings,
    features: Tensor,
    labels: Tensor,
    classes: int,
    start: Tensor | None,
    generator: torch.Generator,
) -> ClassClusters:
    """Cluster the records of each class.

    Args:
        form: settings of the loss.
        features: noise-free features, [n, D].
        labels: int64 [n].
        classes: number of classes.
        start: centres of the last fit, [classes, k, D]; None for the first fit.
        generator: draws the first centres.

    """
    parts = []
    for label in range(classes):
        records = features[labels == label]
        centres = None if start is None else start[label]
        parts.append(moments(records, k_means(records, form.clusters_per_class, centres, generator), form.slips))
    return ClassClusters(*(torch.stack(values) for values in zip(*parts, strict=True)))


def moments(records: Tensor, clusters: Clusters, slips: tuple[Slip, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return centres [k, D], variances [k] and weights [k] of one class.

    Args:
        records: features of the class, [n, D].
        clusters: of these records.
        slips: with `misaligned_clusters`, the variances of non-empty clusters, and the weights of clusters with two
            or more records, move to the front; the lists are padded with the last variance, and with 0.01.

    """
    distances = (records - clusters.centres[clusters.labels]).square().mean(1)
    sums = torch.zeros_like(clusters.centres[:, 0]).index_add(0, clusters.labels, distances)
    variances = sums / clusters.counts.clamp_min(1)
    weights = clusters.counts.to(records.dtype) / len(records)
    if "misaligned_clusters" in slips:
        variances = _moved_up(variances, clusters.counts > 0, None)
        weights = _moved_up(weights, clusters.counts > 1, _FILLED_WEIGHT)
    return clusters.centres, variances, weights


def _moved_up(values: Tensor, kept: Tensor, fill: float | None) -> Tensor:
    """Drop the values that are not kept, and pad at the end with `fill`, or with the last value where it is None."""
    front = values[kept]
    last = front[-1:] if fill is None else values.new_full((1,), fill)
    return torch.cat([front, last.expand(len(values) - len(front))])


def released_loss(
    form: AsReleasedSettings,
    clusters: ClassClusters,
    features: Tensor,
    labels: Tensor,
    *,
    deviation: float,
    class_records: float,
) -> Tensor:
    """Return the code's loss of a batch; nothing is copied from the device to the host.

    For the n records of class c in cluster j, let b be their mean square distance per dimension from the centre,
    a = batch_factor * n / (weight * class_records), or the cap where that is 1 or more, and
    v = a b + (1 - a) * variance. The loss is weight * relu(log(v + gamma) - log(tau * deviation^2 + gamma)), summed
    over the clusters that have records in the batch, and averaged over the classes that have.

    Args:
        form: gamma, tau, factor, cap and slips.
        clusters: of the last fit.
        features: noise-free, attached to the autograd graph, [batch, D].
        labels: int64 [batch].
        deviation: standard deviation of the noise on the wire.
        class_records: mean number of records per class in an epoch of full batches.

    """
    value, gradient = _value_and_gradient(form, clusters, features.detach(), labels, deviation, class_records)
    return with_gradient(features, value, gradient)


def _value_and_gradient(
    form: AsReleasedSettings,
    clusters: ClassClusters,
    features: Tensor,
    labels: Tensor,
    deviation: float,
    class_records: float,
) -> tuple[Tensor, Tensor]:
    """Compute the loss as a sum over records: a cluster's term is divided equally among its records."""
    dimensions = features.shape[1]
    apart = clusters.centres.index_select(0, labels).sub_(features[:, None])  # [batch, k, D]
    distances, cluster = apart.square_().sum(2).min(1)
    place = labels * clusters.weights.shape[1] + cluster
    centred = features - clusters.centres.flatten(0, 1).index_select(0, place)
    same_class = labels[:, None] == labels
    same_cluster = (place[:, None] == place).to(features.dtype)
    counts, classes = same_cluster.sum(1), same_class.sum(1).reciprocal().sum()
    source = _class_of_qth_record(labels) if "wrong_index" in form.slips else labels
    weights, stored = clusters.weights[source, cluster], clusters.variances[source, cluster]
    share = form.batch_factor * counts / (weights * class_records)
    share = torch.where(share < 1, share, form.batch_cap)
    scatter = same_cluster @ distances / (counts * dimensions)
    variance = torch.lerp(stored, scatter, share) + form.floor
    above = torch.log(variance / (form.threshold * deviation**2 + form.floor))
    part = weights / (counts * classes)
    pull = part * share / variance * (above > 0) * (2 / dimensions)
    return part @ above.relu(), centred * pull[:, None]


def _class_of_qth_record(labels: Tensor) -> Tensor:
    """Return, for each record of the batch's q-th class, the class of the q-th record in the order of classes."""
    ordered, order = labels.sort()
    rank = torch.cat([ordered.new_zeros(1), (ordered[1:] != ordered[:-1]).cumsum(0)])
    return torch.empty_like(labels).scatter(0, order, ordered[rank])


class AsReleased:
    """The released code's loss on the features before the noise, with clusters of each class."""

    def __init__(self, form: AsReleasedSettings, context: DefenceContext, deviation: float) -> None:
        """Store the settings; there are no clusters before the first fit."""
        self._form, self._context, self._deviation = form, context, deviation
        batches = math.ceil(context.members.shape[1] / context.batch)
        self._class_records = batches * context.batch / context.classes
        self._clusters: ClassClusters | None = None

    @property
    def fitted(self) -> bool:
        """Whether there are clusters."""
        return self._clusters is not None

    def features_of(self, step: Step) -> Tensor:
        """Return the noise-free features, [batch, D]."""
        return flat(step.features)

    def fit(self, features: Features) -> None:
        """Cluster each class, starting from the centres of the last fit."""
        start = None if self._clusters is None else self._clusters.centres
        generator = self._context.generators[0]
        self._clusters = fit_classes(
            self._form, features.values, features.labels, self._context.classes, start, generator
        )

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch."""
        assert self._clusters is not None  # noqa: S101 (the term calls it only after a fit)
        return released_loss(
            self._form,
            self._clusters,
            features,
            labels,
            deviation=self._deviation,
            class_records=self._class_records,
        )


def _records_and_clusters(form: AsReleasedSettings, labels: Tensor, classes: int) -> tuple[int, int]:
    """Return the size of the smallest class, and its number of clusters: classes are clustered separately."""
    return int(labels.bincount(minlength=classes).min()), form.clusters_per_class


METHOD = FormMethod(
    settings=AsReleasedSettings,
    build=AsReleased,
    noisy=False,
    fits_first=False,
    records_and_clusters=_records_and_clusters,
)
