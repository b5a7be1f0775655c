"""Batches of images that are in the device's memory: drawn, augmented and scaled there, without loader processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

Augmentation = Literal["none", "crop_flip", "crop_flip_rotate", "flip_rotate"]
_LARGEST_ANGLE = 15  # degrees, of a random rotation


@dataclass(frozen=True)
class TrainingData:
    """The training data of an ensemble: each member has its own records out of one set of images on the device.

    Attributes:
        images: uint8 [records, channels, height, width], or float32 [records, numbers, 1, 1] of a table.
        labels: int64 [records].
        indices: int64 [members, n], the records of each member.

    """

    images: Tensor
    labels: Tensor
    indices: Tensor


def as_input(images: Tensor) -> Tensor:
    """Scale uint8 images in [0, 255] to float in [-1, 1], the input range of every network here.

    Records of a table are float32 and scaled already; they are copied.
    """
    if images.is_floating_point():
        return images.clone()
    return images.float().div_(127.5).sub_(1)


def shuffled(data: TrainingData, batch: int, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """Draw one epoch in random order, one per member: positions [members, <= batch] into `data.indices`."""
    records, device = data.indices.shape[1], data.indices.device
    order = torch.stack([torch.randperm(records, generator=generator) for generator in generators])
    return iter(order.to(device).split(batch, dim=1))


def by_identity(
    data: TrainingData, identities: int, images: int, generators: Sequence[torch.Generator]
) -> Iterator[Tensor]:
    """Draw one epoch of P x K batches, one order per member: positions [members, P * K] into `data.indices`.

    No identity is drawn again before all others (except the fewer than P that remain when the others have been drawn),
    and no image of an identity before all its other images. An identity with fewer than K images has some of them twice
    in a batch, as in fast-reid's sampler. An epoch has as many batches as fit into the number of records, at least one.

    Args:
        data: the records, identities as labels.
        identities: P, per batch.
        images: K, per identity.
        generators: one per member.

    Raises:
        ValueError: fewer than P identities have two images.

    """
    labels = data.labels[data.indices].cpu()
    number = max(1, data.indices.shape[1] // (identities * images))
    drawn = [
        _by_identity(own, identities, images, number, chance) for own, chance in zip(labels, generators, strict=True)
    ]
    return iter(torch.stack(drawn, dim=1).to(data.indices.device))


def _by_identity(labels: Tensor, identities: int, images: int, number: int, generator: torch.Generator) -> Tensor:
    """Draw the positions of one member, int64 [number, P * K]."""
    groups = labels.sort(stable=True).indices.split(labels.unique(return_counts=True)[1].tolist())
    several = [group for group in groups if len(group) > 1]
    if len(several) < identities:
        raise ValueError(
            f"network.reidentification.identities: found {identities}, allowed at most {len(several)} "
            "(those with two training images or more)"
        )
    turns = len(several) // identities
    rows: list[Tensor] = []
    decks = [group[:0] for group in several]
    while len(rows) < number:
        for chosen in torch.randperm(len(several), generator=generator)[: turns * identities].view(turns, -1).tolist():
            for place in chosen:
                while len(decks[place]) < images:
                    decks[place] = _refilled(decks[place], several[place], generator)
            rows.append(torch.cat([decks[place][:images] for place in chosen]))
            for place in chosen:
                decks[place] = decks[place][images:]
    return torch.stack(rows[:number])


def _refilled(deck: Tensor, group: Tensor, generator: torch.Generator) -> Tensor:
    """Append all images of an identity in random order, those that are still in the deck last."""
    again = group[torch.randperm(len(group), generator=generator)]
    left = torch.isin(again, deck)
    return torch.cat([deck, again[~left], again[left]])


def augmented(images: Tensor, name: Augmentation, generators: Sequence[torch.Generator]) -> Tensor:
    """Augment a batch on its device, and scale it to the input range of the networks.

    Args:
        images: uint8 [members * batch, channels, height, width].
        name: `none`, or a combination of `crop`: zero padding of 4 and a random crop of the original size; `flip`: a
            horizontal mirror image with probability 1/2; `rotate`: by up to 15 degrees, nearest pixel, black corners.
        generators: one per member.

    Returns:
        float of the same shape, in [-1, 1].

    """
    if name == "none":
        return as_input(images)
    varied = _shifted(images, generators, reach=4 if name.startswith("crop") else 0)
    return as_input(_rotated(varied, generators) if name.endswith("rotate") else varied)


def _shifted(images: Tensor, generators: Sequence[torch.Generator], reach: int) -> Tensor:
    """Pad with zeros by `reach`, crop at random to the original size, and mirror with probability 1/2."""
    count, _, height, width = images.shape
    each, shifts = count // len(generators), 2 * reach + 1
    possible = shifts * shifts * 2  # vertical shifts x horizontal shifts x mirror images
    draws = torch.stack([torch.randint(0, possible, (each,), generator=generator) for generator in generators])
    draws = draws.flatten().to(images.device)
    padded = F.pad(images, (reach, reach, reach, reach))
    rows = (draws // (2 * shifts))[:, None] + torch.arange(height, device=images.device)
    columns = (draws // 2 % shifts)[:, None] + torch.arange(width, device=images.device)
    columns = torch.where((draws % 2 == 1)[:, None], columns.flip(1), columns)
    picked = padded.gather(2, rows[:, None, :, None].expand(-1, images.shape[1], -1, width + 2 * reach))
    return picked.gather(3, columns[:, None, None, :].expand(-1, images.shape[1], height, -1))


def _rotated(images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Rotate each image around its centre by a random angle."""
    each = images.shape[0] // len(generators)
    draws = torch.cat([torch.rand(each, generator=generator) for generator in generators]).to(images.device)
    angles = torch.deg2rad((2 * draws - 1) * _LARGEST_ANGLE)
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    turns = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).unflatten(1, (2, 3))
    grid = F.affine_grid(turns, list(images.shape), align_corners=False)
    return F.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False).to(
        torch.uint8
    )
