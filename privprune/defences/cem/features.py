"""Where the features come from that CEM's mixture is fitted to after an epoch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from privprune.batches import augmented
from privprune.defences.cem.settings import SeparatePassSettings
from privprune.defences.defence import Setting
from privprune.ensemble import Ensemble
from privprune.models import WIRE
from privprune.training import Step


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
def separate_pass(settings: SeparatePassSettings, setting: Setting, ensemble: Ensemble, *, sent: bool) -> Features:
    """Compute the features of all training records in evaluation mode, and leave the network in training mode.

    Args:
        settings: how the images are varied.
        setting: the records; its generator draws the variation.
        ensemble: the network, one member.
        sent: whether to pass them through the wire.

    """
    records = setting.members[0]
    wire = ensemble.module.get_submodule(WIRE)
    ensemble.train(mode=False)
    parts = []
    for part in records.split(setting.batch):
        inputs = augmented(setting.images[part], settings.augmentation, setting.generators)
        values = ensemble.encode(inputs)
        parts.append((wire(values) if sent else values).float().flatten(1))
    ensemble.train()
    return Features(torch.cat(parts), setting.labels[records])
