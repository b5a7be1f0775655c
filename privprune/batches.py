"""Batches from data that lies on the device: shuffled, varied and scaled there, without loader processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor


@dataclass(frozen=True)
class TrainingData:
    """What an ensemble trains on: each member has its own records of one resident set of images.

    Attributes:
        images: uint8 [records, channels, height, width].
        labels: int64 [records].
        indices: int64 [members, n], the records of each member.

    """

    images: Tensor
    labels: Tensor
    indices: Tensor


def as_input(images: Tensor) -> Tensor:
    """Scale uint8 images [0, 255] to float [-1, 1], the range that every network here is fed with."""
    return images.float().div_(127.5).sub_(1)


def shuffled(data: TrainingData, batch: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """One epoch in random order, each member in its own: positions [members, <= batch] into `data.indices`."""
    records, device = data.indices.shape[1], data.indices.device
    order = torch.stack([torch.randperm(records, generator=generator) for generator in generators])
    return iter(order.to(device).split(batch, dim=1))


def augmented(images: Tensor, name: str, generators: Sequence[torch.Generator]) -> Tensor:
    """Vary a batch on its device and scale it to the networks' input.

    Args:
        images: uint8 [members * batch, channels, height, width].
        name: `none`, or `crop_flip`: zero padding of 4, a random crop of the old size, a mirror image half of the time.
        generators: one per member.

    Returns:
        float of the same shape, in [-1, 1].

    """
    if name == "none":
        return as_input(images)
    count, _, height, width = images.shape
    each = count // len(generators)
    draws = torch.stack([torch.randint(0, 162, (each,), generator=generator) for generator in generators]).flatten()
    draws = draws.to(images.device)  # 9 vertical shifts x 9 horizontal shifts x 2 mirror images
    padded = F.pad(images, (4, 4, 4, 4))
    rows = (draws // 18)[:, None] + torch.arange(height, device=images.device)
    columns = (draws // 2 % 9)[:, None] + torch.arange(width, device=images.device)
    columns = torch.where((draws % 2 == 1)[:, None], columns.flip(1), columns)
    picked = padded.gather(2, rows[:, None, :, None].expand(-1, images.shape[1], -1, width + 8))
    return as_input(picked.gather(3, columns[:, None, None, :].expand(-1, images.shape[1], height, -1)))
