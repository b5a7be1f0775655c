"""The curve of an objective that an attack minimises image by image: its mean over images, at some of the steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_POINTS = 100  # of a curve, at most


class ObjectiveCurve:
    """Collects the objectives of the batches, or of the images, that an attack inverts one after another."""

    def __init__(self, steps: int) -> None:
        """Choose at most 100 of so many steps, evenly spaced, the last one among them."""
        self._every = -(-steps // _POINTS)
        self._last = (steps - 1) % self._every
        self._sum: Tensor | None = None
        self._images = 0

    def notes(self, step: int) -> bool:
        """Return whether the objective of a step, counted from 0, belongs to the curve."""
        return step % self._every == self._last

    def add(self, objectives: Sequence[Tensor], images: int) -> None:
        """Add the objectives of a batch at the chosen steps, each a scalar summed over so many images."""
        values = torch.stack(list(objectives)).double()
        self._sum = values if self._sum is None else self._sum + values
        self._images += images

    def means(self) -> list[float]:
        """Return the mean over all images that were added, at each of the chosen steps."""
        assert self._sum is not None  # noqa: S101 (an attack inverts at least one image)
        curve: list[float] = (self._sum / self._images).tolist()
        return curve
