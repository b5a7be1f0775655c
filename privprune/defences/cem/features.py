"""Where the features come from that CEM's mixture is fitted to after an epoch."""

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
    """Fit the mixture to the features that the epoch's own steps computed.

    They are the features of a network that moved meanwhile, in training mode, of images varied as for training; no
    network runs for them. The first epoch has no mixture.
    """

    name: Literal["collected"]


@dataclass(frozen=True)
class SeparatePassSettings:
    """Fit the mixture to the features of the network as it is between two epochs, in evaluation mode.

    Attributes:
        augmentation: of the images; the released code varies them as for training.

    """

    name: Literal["separate_pass"]
    augmentation: Augmentation


class Features(NamedTuple):
    """Features of records: float [n, D], and their labels, int64 [n]."""

    values: Tensor
    labels: Tensor


class Collector:
    """The features that the steps of an epoch have computed, kept on their device."""

    def __init__(self) -> None:
        """Begin with none."""
        self._parts: list[Features] = []

    def add(self, features: Tensor, step: Step) -> None:
        """Keep a copy of a step's features, [batch, D]."""
        self._parts.append(Features(features.detach().clone(), step.labels))

    def take(self) -> Features:
        """Return what was collected, and forget it."""
        values, labels = zip(*self._parts, strict=True)
        self._parts = []
        return Features(torch.cat(values), torch.cat(labels))


@torch.no_grad()
def separate_pass(
    settings: SeparatePassSettings, context: DefenceContext, ensemble: Ensemble, *, sent: bool
) -> Features:
    """Compute the features of all training records in evaluation mode, and leave the network in training mode.

    The convolutions are of the training's precision.

    Args:
        settings: how the images are varied.
        context: the records; its generator draws the variation.
        ensemble: the network, one member.
        sent: whether to pass them through the wire.

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
