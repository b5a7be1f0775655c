"""Quality of reconstructed images: MSE, PSNR and SSIM over all images and seeds, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from privprune.metrics.image_quality import decibels, mse, psnr, ssim
from privprune.metrics.intervals import Array, Interval, basis_of, chunks, nested_bootstrap, resampled_counts

QUALITIES = ("mse", "psnr", "ssim")


@dataclass(frozen=True)
class Quality:
    """The quality of each image's reconstruction, for one target.

    Attributes:
        mse: [images], on [0, 1].
        psnr: [images], dB.
        ssim: [images].

    """

    mse: Array
    psnr: Array
    ssim: Array

    @classmethod
    def of(cls, images: Tensor, reconstructed: Tensor) -> Quality:
        """Compare images with their reconstructions, float [n, C, H, W] in [0, 1] each."""
        found = [measure(images, reconstructed).double().cpu().numpy() for measure in (mse, psnr, ssim)]
        return cls(*found)

    def take(self, rows: Tensor) -> Quality:
        """Return the qualities of the images with the given indices, int64 [k]."""
        chosen = rows.cpu().numpy()
        return Quality(self.mse[chosen], self.psnr[chosen], self.ssim[chosen])


def measure(targets: Sequence[Quality], resamples: int, generator: np.random.Generator) -> dict[str, Interval]:
    """Measure one attack on several targets that differ in their seed.

    MSE and SSIM are means over images. PSNR is computed from the mean squared error of all images, as the released code
    of CEM does batch by batch, and as the paper's Tables 4 to 7 have it; the mean of the images' PSNR is higher.

    Args:
        targets: the attack's qualities, one per target.
        resamples: of the bootstrap over images nested in seeds (`intervals.nested_bootstrap`).
        generator: source of the bootstrap's draws.

    """
    values = [np.stack([one.mse, one.ssim], axis=1) for one in targets]

    def draw(seed: int, count: int, generator: np.random.Generator) -> Array:
        own = values[seed]
        means = [resampled_counts(len(own), part, generator) @ own / len(own) for part in chunks(count, len(own))]
        return _with_psnr(np.concatenate([*means, np.empty((0, 2))]))

    points = _with_psnr(np.stack([own.mean(axis=0) for own in values]))
    low, high = nested_bootstrap(points, draw, resamples, generator)
    low, high = (np.clip(end, (0.0, -np.inf, -1.0), (1.0, np.inf, 1.0)) for end in (low, high))
    return {
        name: Interval(tuple(points[:, at].tolist()), float(low[at]), float(high[at]), basis_of(len(targets)))
        for at, name in enumerate(QUALITIES)
    }


def _with_psnr(means: Array) -> Array:
    """Add PSNR: [n, 2], mean MSE and SSIM, to [n, 3] in the order of QUALITIES."""
    errors = torch.from_numpy(np.ascontiguousarray(means[:, 0]))
    return np.stack([means[:, 0], decibels(errors).numpy(), means[:, 1]], axis=1)
