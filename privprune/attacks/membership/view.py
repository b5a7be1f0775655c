"""Views of a record: how an attacker changes it before it queries a network with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.training.batches import as_input


@dataclass(frozen=True)
class View:
    """One change of all records: mirrored, then shifted, then with noise.

    Attributes:
        down, right: pixels by which the image is shifted; the pixels that come in are those of the reflected image.
        mirrored: left and right exchanged.
        noise: standard deviation of Gaussian noise on every pixel, in units of the range [0, 1].
        draw: number of the noise's draw, so that several views can have different noise of one strength.

    """

    down: int = 0
    right: int = 0
    mirrored: bool = False
    noise: float = 0.0
    draw: int = 0

    def of(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return what a network is queried with.

        Args:
            images: uint8 [n, C, H, W].
            generator: draws the noise, on the CPU; not used without noise.

        Returns:
            float32 [n, C, H, W] in [-1, 1], and beyond where noise was added.

        """
        changed = as_input(images)
        if self.mirrored:
            changed = changed.flip(-1)
        for axis, shift in ((-2, self.down), (-1, self.right)):
            changed = _shifted(changed, axis, shift)
        if self.noise:
            noise = torch.randn(changed.shape, generator=generator).to(changed.device)
            changed = changed + 2 * self.noise * noise
        return changed


def _shifted(images: Tensor, axis: int, shift: int) -> Tensor:
    """Shift images along an axis; a row that comes in repeats the image mirrored at its edge."""
    if not shift:
        return images
    side = images.shape[axis]
    places = torch.arange(side, device=images.device) - shift
    places = torch.where(places < 0, -1 - places, torch.where(places >= side, 2 * side - 1 - places, places))
    return images.index_select(axis, places)
