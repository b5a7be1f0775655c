"""A training step whose logits are given, to test terms of the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privprune.models import build
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step


def step(logits: Tensor, members: int, labels: Tensor | None = None, epoch: int = 0) -> Step:
    """Return a step with logits [members * batch, 10]; without labels, all records are of class 0."""
    models: list[nn.Module] = [
        build("digits_cnn", in_channels=1, image_size=8, classes=10, generator=torch.Generator().manual_seed(number))
        for number in range(members)
    ]
    labels = torch.zeros(len(logits), dtype=torch.int64) if labels is None else labels
    inputs = torch.zeros(len(logits), 1, 8, 8)
    return Step(Ensemble(models), inputs, labels, logits, None, None, 0.1, epoch=epoch, last_of_epoch=False)
