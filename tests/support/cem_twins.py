"""CEM's losses written slowly: loops over classes and clusters, derivatives by autograd alone."""

from typing import Any

import torch
from torch import Tensor

from privprune.defences.cem.as_released import AsReleasedSettings, ClassClusters
from privprune.metrics.clusters import Clusters


class SlowMixture:
    """Equations 5 to 7 with dense covariances, or their diagonals."""

    def __init__(self, features: Tensor, found: Clusters, deviation: float, *, diagonal: bool, running: bool) -> None:
        self.records, self.diagonal, self.running = len(features), diagonal, running
        self.noise = deviation**2 * torch.eye(features.shape[1], dtype=features.dtype)
        self.means = found.centres
        self.weights = [float((found.labels == j).sum()) / len(features) for j in range(len(self.means))]
        self.covariances = []
        for j, mean in enumerate(self.means):
            own = features[found.labels == j] - mean
            self.covariances.append(self._shaped(own.T @ own / max(len(own), 1)))

    def _shaped(self, covariance: Tensor) -> Tensor:
        return torch.diag(torch.diag(covariance)) if self.diagonal else covariance

    def loss(self, sent: Tensor) -> Tensor:
        """Return Equation 7 with its graph."""
        nearest = [int(torch.stack([(z - mean).norm() for mean in self.means]).argmin()) for z in sent]
        weights, covariances = [], []
        total = sent.new_zeros(())
        for j, mean in enumerate(self.means):
            own = sent[[i for i, component in enumerate(nearest) if component == j]] - mean
            weight = (self.weights[j] * (self.records - len(sent)) + len(own)) / self.records
            covariance = self.covariances[j]
            if len(own):
                share = len(own) / (weight * self.records)
                covariance = (1 - share) * covariance + share * self._shaped(own.T @ own / len(own))
            if weight > 0:
                ratio = torch.logdet(covariance + self.noise) - torch.logdet(self.noise)
                total = total + weight * (-torch.tensor(weight, dtype=sent.dtype).log() + 0.5 * ratio)
            weights.append(weight)
            covariances.append(covariance.detach())
        if self.running:
            self.weights, self.covariances = weights, covariances
        return total


def slow_released_loss(
    form: AsReleasedSettings, clusters: ClassClusters, features: Tensor, labels: Tensor, **known: Any
) -> Tensor:
    """Return the released code's loss, class by class and cluster by cluster, values fetched as they come."""
    order = labels.argsort(stable=True)
    features, labels = features[order], labels[order]
    present = labels.unique().tolist()
    total = features.new_zeros(())
    for place, label in enumerate(present):
        own = features[labels == label]
        taken = int(labels[place]) if "wrong_index" in form.slips else label
        assigned = torch.cdist(own.detach(), clusters.centres[label]).argmin(1)
        for j in assigned.unique().tolist():
            mine = own[assigned == j]
            weight, stored = clusters.weights[taken, j].item(), clusters.variances[taken, j].item()
            share = form.batch_factor * len(mine) / (weight * known["class_records"]) if weight else 1.0
            if share >= 1:
                share = form.batch_cap
            variance = share * (mine - clusters.centres[label, j]).square().mean() + (1 - share) * stored
            threshold = torch.tensor(form.threshold * known["deviation"] ** 2 + form.floor, dtype=features.dtype)
            total = total + weight * torch.relu(torch.log(variance + form.floor) - torch.log(threshold))
    return total / len(present)
