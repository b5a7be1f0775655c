"""Image quality against scikit-image, SciPy and the public code of others, known values, and with gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from similarity import padded_with_zeros
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from privprune.metrics.image_quality import Padding, decibels, mse, psnr, ssim, ssim_uniform

# What Po-Hsun-Su/pytorch-ssim (pytorch_ssim/__init__.py, commit 183b60c) gives for `waves`, run once in float64.
PYTORCH_SSIM = {(32, 32, 3): 0.93713218, (28, 28, 1): 0.92875329, (8, 12, 3): 0.94352039}
SIZES = [(32, 32), (48, 48), (64, 64), (28, 28), (11, 11), (12, 40), (8, 8), (5, 9), (10, 12)]


def waves(height: int, width: int, channels: int) -> tuple[Tensor, Tensor]:
    """Return an image of waves and a distorted one, float64 [1, channels, height, width], the same everywhere."""
    row, column = torch.arange(height, dtype=torch.float64)[:, None], torch.arange(width, dtype=torch.float64)
    phases = [0.7 * row + 0.3 * (channel + 1) * column for channel in range(channels)]
    image = torch.stack([0.5 + 0.5 * phase.sin() for phase in phases])
    distorted = torch.stack([0.5 + 0.4 * (phase + 0.4 * (0.9 * row * column / height).cos()).sin() for phase in phases])
    return image[None], distorted[None]


def window_of(size: tuple[int, int]) -> dict[str, int]:
    """Return scikit-image's setting for images smaller than its default window."""
    return {} if min(size) >= 7 else {"win_size": min(size) - 1 + min(size) % 2}


def pair(shape: tuple[int, ...], noise: float = 0.2) -> tuple[Tensor, Tensor]:
    """Return images of every brightness and contrast, flat ones too, and noisy versions of them."""
    draw = torch.Generator().manual_seed(shape[-1])
    images = torch.rand(shape, generator=draw)
    images *= torch.linspace(0, 1, shape[0])[:, None, None, None]
    images[-1] = 1.0
    images[: shape[0] // 2] = 1 - images[: shape[0] // 2]
    noisy = images + noise * torch.randn(shape, generator=draw) * torch.linspace(0.01, 1, shape[0])[:, None, None, None]
    return images, noisy.clamp(0, 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_valid_ssim_equals_scikit_image(size: tuple[int, int], channels: int) -> None:
    """To 1e-4, every image; below 11 pixels against its window of the largest odd size that fits."""
    first, second = pair((8, channels, *size))
    window = {} if min(size) >= 11 else {"win_size": min(size) - 1 + min(size) % 2}
    expected = [
        structural_similarity(
            one,
            other,
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            **window,
        )
        for one, other in zip(first.double().numpy(), second.double().numpy(), strict=True)
    ]
    assert ssim(first, second, "valid").numpy() == pytest.approx(expected, abs=1e-4)
    assert ssim(first.double(), second.double(), "valid").numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_padded_with_zeros_equals_scipys(size: tuple[int, int], channels: int) -> None:
    """To 1e-4, every image; smaller than the window too."""
    first, second = pair((8, channels, *size))
    expected = [padded_with_zeros(*one) for one in zip(first.double().numpy(), second.double().numpy(), strict=True)]
    assert ssim(first, second, "zero").numpy() == pytest.approx(expected, abs=1e-4)
    assert ssim(first.double(), second.double(), "zero").numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", list(PYTORCH_SSIM))
def test_ssim_padded_with_zeros_equals_the_public_code(shape: tuple[int, int, int]) -> None:
    """The numbers that the code behind CEM's and ResSFL's gave, which the valid windows do not give."""
    assert ssim(*waves(*shape), "zero").item() == pytest.approx(PYTORCH_SSIM[shape], abs=1e-7)
    assert ssim(*waves(*shape), "valid").item() != pytest.approx(PYTORCH_SSIM[shape], abs=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (28, 28), (7, 9), (6, 12), (5, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_uniform_ssim_equals_scikit_image(size: tuple[int, int], channels: int) -> None:
    """With its default window, and the range of the second image; an image of one colour has a value too."""
    first, second = (images[1:] for images in pair((8, channels, *size)))  # less the one of almost one colour
    expected = [
        structural_similarity(one, other, data_range=other.max() - other.min(), channel_axis=0, **window_of(size))
        for one, other in zip(first.double().numpy(), second.double().numpy(), strict=True)
    ]
    assert ssim_uniform(first, second).numpy() == pytest.approx(expected, abs=1e-7)
    assert ssim_uniform(first, torch.full_like(first, 0.5)).isfinite().all()


def test_errors_equal_scikit_image() -> None:
    """MSE and PSNR of every image."""
    first, second = pair((8, 3, 16, 16))
    pairs = list(zip(first.numpy(), second.numpy(), strict=True))
    assert mse(first, second).numpy() == pytest.approx([mean_squared_error(*one) for one in pairs], rel=1e-4)
    expected = [peak_signal_noise_ratio(*one, data_range=1) for one in pairs]
    assert psnr(first, second).numpy() == pytest.approx(expected, abs=1e-3)


def test_known_values() -> None:
    """Equal images: 0, 100 dB (where infinity stood) and 1. Black beside white: 1, 0 dB and C1 / (1 + C1)."""
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert mse(image, image).tolist() == [0, 0]
    assert psnr(image, image).tolist() == [100, 100]
    assert ssim(image, image, "valid").numpy() == pytest.approx([1, 1], abs=1e-6)
    assert ssim(image, image, "zero").numpy() == pytest.approx([1, 1], abs=1e-6)
    assert ssim_uniform(image, image).numpy() == pytest.approx([1, 1], abs=1e-6)
    black, white = torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert mse(black, white).item() == 1
    assert psnr(black, white).item() == 0
    assert ssim(black, white, "valid").item() == pytest.approx(1e-4 / 1.0001, abs=1e-6)
    assert ssim(black, white, "zero").item() < 0.02
    assert decibels(torch.tensor(0.01)).item() == pytest.approx(20)


@pytest.mark.parametrize("padding", ["zero", "valid"])
def test_ssim_has_the_right_gradient(padding: Padding) -> None:
    """Automatic and numerical gradients agree in both images."""
    draw = torch.Generator().manual_seed(1)
    images = [torch.rand(2, 1, 12, 12, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda *both: ssim(*both, padding), images)


def test_ssim_ignores_autocast() -> None:
    """Inside a bfloat16 region it is computed in float32 all the same."""
    first, second = pair((4, 3, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        inside = ssim(first.bfloat16(), second.bfloat16(), "zero")
    assert inside.dtype == torch.float32
    assert np.allclose(inside, ssim(first.bfloat16().float(), second.bfloat16().float(), "zero"))
