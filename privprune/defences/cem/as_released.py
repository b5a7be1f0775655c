"""CEM's loss as the released code has it (github.com/xiasong0501/CEM, model_training_paral_pruning.py).

Other than the paper it clusters each class apart, without noise, measures one variance per cluster in place of a
covariance, keeps a fixed floor where the noise would stand, and cuts the logarithm off below a threshold.

Deviation: the first centres are drawn by k-means++ proper, where the code draws proportionally to distances instead
of their squares; and scikit-learn moves the centre of a cluster that has lost its records.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from privprune.defences.cem.settings import AsReleasedSettings, Slip
from privprune.metrics.clusters import Clusters, k_means

_FILLED_WEIGHT = 0.01  # what the code fills up with


class ClassClusters(NamedTuple):
    """The clusters of each class.

    Attributes:
        centres: [classes, k, D].
        variances: [classes, k], mean square distance per dimension of a cluster's records from its centre.
        weights: [classes, k], the cluster's share of the class.

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
        form: how.
        features: noise-free features, [n, D].
        labels: int64 [n].
        classes: their number.
        start: centres of the last fit, [classes, k, D].
        generator: source of the first centres.

    """
    parts = []
    for label in range(classes):
        own = features[labels == label]
        centres = None if start is None else start[label]
        parts.append(moments(own, k_means(own, form.clusters_per_class, centres, generator), form.slips))
    return ClassClusters(*(torch.stack(values) for values in zip(*parts, strict=True)))


def moments(own: Tensor, found: Clusters, slips: tuple[Slip, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return centres [k, D], variances [k] and weights [k] of one class.

    Args:
        own: the class's records, [n, D].
        found: their clusters.
        slips: with `misaligned_clusters` the variances of clusters with records, and the weights of those with two or
            more, move up to the front; behind them stand the last variance again, and 0.01.

    """
    distances = (own - found.centres[found.labels]).square().mean(1)
    sums = torch.zeros_like(found.centres[:, 0]).index_add(0, found.labels, distances)
    variances = sums / found.counts.clamp_min(1)
    weights = found.counts.to(own.dtype) / len(own)
    if "misaligned_clusters" in slips:
        variances = _moved_up(variances, found.counts > 0, None)
        weights = _moved_up(weights, found.counts > 1, _FILLED_WEIGHT)
    return found.centres, variances, weights


def _moved_up(values: Tensor, kept: Tensor, fill: float | None) -> Tensor:
    """Close the gaps and fill up at the end, with the last value where no other is given."""
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
    """Return the code's loss of a batch; no value is fetched from the device.

    For the records of class c in cluster j, n of them: b, their mean square distance per dimension from the centre;
    a = batch_factor * n / (weight * class_records), or the cap where that is 1 or more; v = a b + (1 - a) * variance;
    weight * relu(log(v + gamma) - log(tau * deviation^2 + gamma)), summed over the clusters that have records in the
    batch, averaged over the classes that have.

    Args:
        form: gamma, tau, factor, cap and slips.
        clusters: of the last fit.
        features: noise-free, with their graph, [batch, D].
        labels: int64 [batch].
        deviation: standard deviation of the noise on the wire.
        class_records: records of a class, on average, in an epoch of full batches.

    """
    classes, each, _ = clusters.centres.shape
    cluster = _nearest_of_own(features.detach(), clusters.centres, labels)
    centred = features - clusters.centres[labels, cluster]
    place = labels * each + cluster
    owns = (place[:, None] == torch.arange(classes * each, device=place.device)).to(features.dtype)  # [batch, c k]
    counts = owns.sum(0)
    present = counts.view(classes, each).sum(1) > 0
    source = _class_of_qth_record(labels, present) if "wrong_index" in form.slips else None
    weights = (clusters.weights if source is None else clusters.weights[source]).flatten()
    stored = (clusters.variances if source is None else clusters.variances[source]).flatten()
    share = form.batch_factor * counts / (weights * class_records)
    share = torch.where(share < 1, share, form.batch_cap) * (counts > 0)
    scatter = centred.square().mean(1) @ (owns / counts.clamp_min(1))
    variance = torch.lerp(stored, scatter, share)
    above = torch.log((variance + form.floor) / (form.threshold * deviation**2 + form.floor)).relu()
    return (weights * (counts > 0)) @ above / present.sum()


def _nearest_of_own(features: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    """Return the nearest centre of its own class to each record, int64 [batch]."""
    products = centres[labels] @ features[:, :, None]  # [batch, k, 1]
    return (centres.square().sum(2)[labels] - 2 * products[:, :, 0]).argmin(1)


def _class_of_qth_record(labels: Tensor, present: Tensor) -> Tensor:
    """Return, for the q-th class of the batch, the class of the q-th record of the batch sorted by class."""
    rank = (present.cumsum(0) - 1).clamp_min(0)
    return labels.sort().values[rank]
