"""Predictions of trained networks."""

from __future__ import annotations

import torch
from torch import Tensor

from privprune.memory import images_at_once
from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble, side_of


@torch.no_grad()
def predict(ensemble: Ensemble, images: Tensor, records: Tensor, batch: int = 2000) -> Tensor:
    """Return the logits of every member on the same records, in evaluation mode, without augmentation.

    Args:
        ensemble: the networks.
        images: uint8 [all, channels, height, width].
        records: int64 [n], indices of images.
        batch: records in one forward pass, at most; it affects speed and memory only.

    Returns:
        float32 [members, n, classes].

    """
    ensemble.train(mode=False)
    parts = []
    together = min(batch, images_at_once(images.shape[1:])) // ensemble.members
    for part in records.split(max(1, together)):
        inputs = as_input(images[part])
        repeated = inputs.expand(ensemble.members, *inputs.shape).flatten(0, 1)
        parts.append(side_of(ensemble(repeated).float(), ensemble.members))
    return torch.cat(parts, dim=1)
