"""Quality of reconstructions over images and seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privprune.metrics.intervals import bootstrap_of_means
from privprune.metrics.reconstruction import Quality, measure


def quality(seed: int, level: float = 1.0) -> Quality:
    """Return made-up qualities of 150 images."""
    draw = np.random.default_rng(seed)
    errors = level * draw.lognormal(-4, 0.5, 150)
    similarities = [draw.uniform(0.2, 0.9, 150) for _ in range(3)]
    return Quality(errors, -10 * np.log10(errors), *similarities, records=np.arange(150))


def test_means_and_intervals_are_those_of_the_images() -> None:
    """All are means with the interval of a bootstrap of means, but PSNR, which is that of the mean squared error."""
    targets = [quality(seed) for seed in range(3)]
    found, shared = measure(targets, 2000, np.random.default_rng(0)), [one.records for one in targets]
    for name in ("mse", "ssim", "ssim_valid", "ssim_uniform", "psnr_of_images"):
        values = [getattr(one, name.removesuffix("_of_images")) for one in targets]
        expected = bootstrap_of_means(values, 2000, np.random.default_rng(0), shared)
        assert found[name].values == pytest.approx(expected.values)
        assert found[name].low == pytest.approx(expected.low, rel=0.05)
        assert found[name].high == pytest.approx(expected.high, rel=0.05)
        assert found[name].basis == "seeds and shared records"
    assert found["psnr"].values == pytest.approx([-10 * np.log10(one.mse.mean()) for one in targets])
    assert found["psnr"].low is not None
    assert found["psnr"].high is not None
    assert found["psnr"].low < found["psnr"].mean < found["psnr"].high


def test_of_compares_image_by_image() -> None:
    """Known values, and kept rows keep their own."""
    images = torch.zeros(3, 1, 16, 16)
    made = torch.stack([images[0], images[0] + 0.1, images[0] + 1])
    found = Quality.of(images, made, torch.tensor([4, 5, 6]))
    assert found.mse == pytest.approx([0, 0.01, 1])
    assert found.psnr == pytest.approx([100, 20, 0], abs=1e-4)
    assert (found.ssim[0], found.ssim_valid[0], found.ssim_uniform[0]) == pytest.approx((1, 1, 1), abs=1e-5)
    assert found.ssim[1] != pytest.approx(found.ssim_valid[1], abs=1e-3)
    taken = found.take(torch.tensor([2, 1]))
    assert taken.mse == pytest.approx([1, 0.01])
    assert taken.records.tolist() == [6, 5]
