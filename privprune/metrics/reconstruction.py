"""Quality of reconstructed images: MSE, PSNR and SSIM over all images and seeds, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from privprune.metrics.image_quality import decibels, mse, psnr, ssim
from privprune.metrics.intervals import Array, Interval, bootstrap, resampled_means
from privprune.metrics.record_draws import RecordDraws, Records

QUALITIES = ("mse", "psnr", "ssim")
_RANGES = {"mse": (0.0, 1.0), "psnr": (-np.inf, np.inf), "ssim": (-1.0, 1.0)}


@dataclass(frozen=True)
class Quality:
    """The quality of each image's reconstruction, for one target.

    Attributes:
        mse: [images], on [0, 1].
        psnr: [images], dB.
        ssim: [images].
        records: int64 [images], the records that the images are.

    """

    mse: Array
    psnr: Array
    ssim: Array
    records: Records

    @classmethod
    def of(cls, images: Tensor, reconstructed: Tensor, records: Tensor) -> Quality:
        """Compare images with their reconstructions, float [n, C, H, W] in [0, 1] each; `records` is int64 [n]."""
        errors, decibel, likeness = (
            measure(images, reconstructed).double().cpu().numpy() for measure in (mse, psnr, ssim)
        )
        return cls(errors, decibel, likeness, records.cpu().numpy())

    def take(self, rows: Tensor) -> Quality:
        """Return the qualities of the images with the given indices, int64 [k]."""
        chosen = rows.cpu().numpy()
        return Quality(self.mse[chosen], self.psnr[chosen], self.ssim[chosen], self.records[chosen])


def measure(
    targets: Sequence[Quality], resamples: int, generator: np.random.Generator, compared: Sequence[str] = QUALITIES
) -> dict[str, Interval]:
    """Measure one attack on several targets that differ in their seed.

    MSE and SSIM are means over images. PSNR is computed from the mean squared error of all images, as the released code
    of CEM does batch by batch, and as the paper's Tables 4 to 7 have it; the mean of the images' PSNR is higher.

    Args:
        targets: the attack's qualities, one per target.
        resamples: of the bootstrap (`intervals.bootstrap`), which draws an image that several targets are scored on
            once for all of them.
        generator: source of the drawn targets; the draws of the images depend on the images alone.
        compared: the qualities whose record parts are kept, since they are compared between cells.

    """
    values = [np.stack([one.mse, one.ssim], axis=1) for one in targets]
    points = _with_psnr(np.stack([own.mean(axis=0) for own in values]))
    draws = RecordDraws.of([(one.records,) for one in targets])
    means = resampled_means(values, draws)
    found = bootstrap(points, lambda counts: _with_psnr(means(counts)), draws, resamples, generator)
    return {name: found.interval(at, part=name in compared).within(*_RANGES[name]) for at, name in enumerate(QUALITIES)}


def _with_psnr(means: Array) -> Array:
    """Add PSNR: [..., 2], mean MSE and SSIM, to [..., 3] in the order of QUALITIES."""
    errors = torch.from_numpy(np.ascontiguousarray(means[..., 0]))
    return np.stack([means[..., 0], decibels(errors).numpy(), means[..., 1]], axis=-1)
