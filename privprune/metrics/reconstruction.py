"""Quality of reconstructed images: MSE, PSNR and SSIM over all images and seeds, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from privprune.metrics.image_quality import decibels, mse, psnr, ssim, ssim_uniform
from privprune.metrics.intervals import Array, Interval, bootstrap, resampled_means
from privprune.metrics.record_draws import RecordDraws, Records

QUALITIES = ("mse", "psnr", "ssim", "ssim_valid", "ssim_uniform", "psnr_of_images")
_SIMILARITY, _DECIBELS = (-1.0, 1.0), (-np.inf, np.inf)
_RANGES = {
    "mse": (0.0, 1.0),
    "psnr": _DECIBELS,
    "ssim": _SIMILARITY,
    "ssim_valid": _SIMILARITY,
    "ssim_uniform": _SIMILARITY,
    "psnr_of_images": _DECIBELS,
}


@dataclass(frozen=True)
class Quality:
    """The quality of each image's reconstruction, for one target.

    Attributes:
        mse: [images], on [0, 1].
        psnr: [images], dB.
        ssim: [images], with black beyond the edges, as CEM's printed numbers.
        ssim_valid: [images], of windows inside the image.
        ssim_uniform: [images], as the printed numbers of He, Zhang and Lee (`image_quality.ssim_uniform`).
        records: int64 [images], the records that the images are.

    """

    mse: Array
    psnr: Array
    ssim: Array
    ssim_valid: Array
    ssim_uniform: Array
    records: Records

    @classmethod
    def of(cls, images: Tensor, reconstructed: Tensor, records: Tensor) -> Quality:
        """Compare images with their reconstructions, float [n, C, H, W] in [0, 1] each; `records` is int64 [n]."""
        errors, decibel, zero, valid, uniform = (
            one.double().cpu().numpy()
            for one in (
                mse(images, reconstructed),
                psnr(images, reconstructed),
                ssim(images, reconstructed, "zero"),
                ssim(images, reconstructed, "valid"),
                ssim_uniform(images, reconstructed),
            )
        )
        return cls(errors, decibel, zero, valid, uniform, records.cpu().numpy())

    def take(self, rows: Tensor) -> Quality:
        """Return the qualities of the images with the given indices, int64 [k]."""
        chosen = rows.cpu().numpy()
        return Quality(*(values[chosen] for values in vars(self).values()))


def measure(
    targets: Sequence[Quality], resamples: int, generator: np.random.Generator, compared: Sequence[str] = QUALITIES
) -> dict[str, Interval]:
    """Measure one attack on several targets that differ in their seed.

    MSE and SSIM are means over images. PSNR is computed from the mean squared error of all images, as the released code
    of CEM does batch by batch, and as the paper's Tables 4 to 7 have it. `psnr_of_images`, the mean of the images' own
    PSNR, is what He, Zhang and Lee print; it is at least as high.

    Args:
        targets: the attack's qualities, one per target.
        resamples: of the bootstrap (`intervals.bootstrap`), which draws an image that several targets are scored on
            once for all of them.
        generator: source of the drawn targets; the draws of the images depend on the images alone.
        compared: the qualities whose record parts are kept, since they are compared between cells.

    """
    values = [np.stack([one.mse, one.ssim, one.ssim_valid, one.ssim_uniform, one.psnr], axis=1) for one in targets]
    points = _with_psnr(np.stack([own.mean(axis=0) for own in values]))
    draws = RecordDraws.of([(one.records,) for one in targets])
    means = resampled_means(values, draws)
    found = bootstrap(points, lambda counts: _with_psnr(means(counts)), draws, resamples, generator)
    return {name: found.interval(at, part=name in compared).within(*_RANGES[name]) for at, name in enumerate(QUALITIES)}


def _with_psnr(means: Array) -> Array:
    """Add PSNR after the mean MSE, the first of means [..., k]; returns [..., k + 1] in the order of QUALITIES."""
    errors = torch.from_numpy(np.ascontiguousarray(means[..., :1]))
    return np.concatenate([means[..., :1], decibels(errors).numpy(), means[..., 1:]], axis=-1)
