"""The tasks that networks are trained for: how the batches of an epoch are drawn, and their loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.models import ReidentificationSettings
from privprune.models.reidentification import batch_hard_triplet
from privprune.training.batches import TrainingData, by_identity, shuffled
from privprune.training.ensemble import side_of


class Task(Protocol):
    """The interface of a task for the training loop."""

    def batches(self, data: TrainingData, batch: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
        """Draw one epoch of batches: positions [members, b] into `data.indices`."""

    def losses(self, logits: Tensor, pooled: Tensor | None, labels: Tensor, members: int) -> Tensor:
        """Return the loss of each member, [members].

        Args:
            logits: float [members * batch, classes].
            pooled: float [batch, D], the mean of a single network's feature maps before BNNeck; None without BNNeck.
            labels: int64 [members * batch].
            members: number of networks.

        """


class Classification:
    """Cross-entropy; every epoch has each record once."""

    def batches(self, data: TrainingData, batch: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
        """Draw the records in random order."""
        return shuffled(data, batch, generators)

    def losses(self, logits: Tensor, pooled: Tensor | None, labels: Tensor, members: int) -> Tensor:
        """Return the mean cross-entropy."""
        return side_of(F.cross_entropy(logits, labels, reduction="none"), members).mean(1)


class Reidentification:
    """Cross-entropy over identities after BNNeck, and batch-hard triplet loss before it, on batches of P x K records.

    Bag of tricks (Luo et al., CVPR workshops 2019), without its random erasing and warm-up.
    """

    def __init__(self, settings: ReidentificationSettings) -> None:
        self._settings = settings

    def batches(self, data: TrainingData, batch: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
        """Draw P identities and K images of each for every batch.

        Raises:
            ValueError: `batch` is not P x K, or too few identities have several records.

        """
        own = self._settings
        if batch != own.batch:
            raise ValueError(f"plan.batch: found {batch}, allowed {own.batch} (network.reidentification: P x K)")
        return by_identity(data, own.identities, own.images, generators)

    def losses(self, logits: Tensor, pooled: Tensor | None, labels: Tensor, members: int) -> Tensor:
        """Return the weighted sum of both losses of a single network, [1].

        Raises:
            ValueError: the network has no BNNeck, or there are several members.

        """
        if pooled is None:
            raise ValueError("network.reidentification: found a network without BNNeck or a stack, allowed one with it")
        own = self._settings
        smooth = F.cross_entropy(logits, labels, label_smoothing=own.label_smoothing)
        return (smooth + own.triplet_weight * batch_hard_triplet(pooled, labels, own.margin))[None]


def task_of(settings: ReidentificationSettings | None) -> Task:
    """Return the task of networks with these settings; None is for classifiers."""
    return Classification() if settings is None else Reidentification(settings)
