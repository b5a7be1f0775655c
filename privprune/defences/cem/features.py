"""The features that CEM's mixture is fitted to after an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from privprune.defences.defence import DefenceContext
from privprune.models import WIRE
from privprune.training.batches import Augmentation, augmented
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step


@dataclass(frozen=True)
class CollectedSettings:
    """Fit the mixture to the features that the training steps of the epoch computed.

    No further pass is needed. The network changed between these steps, was in training mode, and its images were
    augmented. In the first epoch there is no mixture.
    """

    name: Literal["collected"]


@dataclass(frozen=True)
class SeparatePassSettings:
    """Fit the mixture to features that are computed in a pass of their own between two epochs, in evaluation mode.

    Attributes:
        augmentation: of the images; that of the training in the released code.

    """

    name: Literal["separate_pass"]
    augmentation: Augmentation


class Features(NamedTuple):
    """Features of records: float [n, D], and their labels, int64 [n]."""

    values: Tensor
    labels: Tensor


class Collector:
    """The features that the steps of an epoch have computed, on their device."""

    def __init__(self) -> None:
        """Start without features."""
        self._parts: list[Features] = []

    def add(self, features: Tensor, step: Step) -> None:
        """Add a copy of a step's features, [batch, D]."""
        self._parts.append(Features(features.detach().clone(), step.labels))

    def take(self) -> Features:
        """Return the collected features, and start again without any."""
        values, labels = zip(*self._parts, strict=True)
        self._parts = []
        return Features(torch.cat(values), torch.cat(labels))


@torch.no_grad()
def separate_pass(
    settings: SeparatePassSettings, context: DefenceContext, ensemble: Ensemble, *, sent: bool
) -> Features:
    """Compute the features of all training records in evaluation mode, and set the network back to training mode.

    The convolutions have the precision of the training.

    Args:
        settings: the augmentation of the images.
        context: the records; its generator draws the augmentation.
        ensemble: the network, one member.
        sent: whether the features pass through the wire, with its noise.

    """
    records = context.members[0]
    wire = ensemble.module.get_submodule(WIRE)
    ensemble.train(mode=False)
    parts = []
    for part in records.split(context.batch):
        inputs = augmented(context.images[part], settings.augmentation, context.generators)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=context.precision == "bfloat16"):
            values = ensemble.encode(inputs)
            values = wire(values) if sent else values
        parts.append(values.float().flatten(1))
    ensemble.train()
    return Features(torch.cat(parts), context.labels[records])
