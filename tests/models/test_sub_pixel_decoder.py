"""The decoder that works on a coarse grid: the images' shape, where its pixels come from, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from privprune.models.sub_pixel_decoder import Whitening, build_sub_pixel_decoder, check_sub_pixel_decoder

CIFAR = (3, 32, 32)


def built(features: tuple[int, ...], images: tuple[int, int, int], *, patch: int = 4, blocks: int = 1) -> nn.Module:
    """Build a narrow decoder."""
    generator = torch.Generator().manual_seed(0)
    examples = torch.rand(20, *features, generator=generator)
    return build_sub_pixel_decoder(examples, images, patch=patch, blocks=blocks, width=8, generator=generator)


@pytest.mark.parametrize(
    ("features", "images", "patch"),
    [
        ((8, 8, 8), CIFAR, 4),
        ((8, 16, 16), CIFAR, 4),
        ((16, 32, 32), CIFAR, 4),
        ((8, 4, 4), CIFAR, 4),
        ((8, 8, 8), CIFAR, 1),
        ((8, 4, 4), CIFAR, 32),
        ((4, 7, 7), (1, 28, 28), 4),
        ((10,), (1, 8, 8), 2),
    ],
)
def test_features_of_any_size_become_images(
    features: tuple[int, ...], images: tuple[int, int, int], patch: int
) -> None:
    """Coarser than the grid, as coarse, finer, or a vector: images in [0, 1], with a gradient everywhere."""
    decoder = built(features, images, patch=patch)
    out = decoder(torch.rand(2, *features))
    assert out.shape == (2, *images)
    assert 0 <= out.min() <= out.max() <= 1
    out.square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in decoder.parameters())


@pytest.mark.parametrize("features", [(8, 4, 4), (8, 8, 8), (8, 16, 16)])
def test_a_place_makes_the_pixels_around_it(features: tuple[int, ...]) -> None:
    """Without blocks, one changed feature moves pixels of its own place and of its neighbours, and no others."""
    decoder = built(features, CIFAR, blocks=0).eval()
    sent = torch.zeros(1, *features)
    changed = sent.clone()
    changed[0, 0, features[1] // 2, features[2] // 2] = 5.0
    moved = (decoder(sent) - decoder(changed)).abs().amax((0, 1)) > 1e-6
    rows, columns = (moved.any(dim).nonzero().flatten() for dim in (1, 0))
    for positions in (rows, columns):
        middle, side = 16, 32 // min(features[1], 8)
        assert middle - 8 <= positions.min() <= middle
        assert middle + side - 1 <= positions.max() < middle + side + 8


@pytest.mark.parametrize(
    ("features", "images", "patch", "reason"),
    [
        ((8, 8, 8), CIFAR, 5, "found 5, allowed a divisor of the sides 32 and 32"),
        ((8, 8, 8), (3, 32, 16), 4, "allowed a divisor of the sides 32 and 16"),
        ((8, 6, 6), CIFAR, 4, "a grid of 8x8 for features of 6x6"),
        ((8, 12, 12), CIFAR, 4, "a grid of 8x8 for features of 12x12"),
        ((8, 8, 4), CIFAR, 4, "features of 8x4"),
    ],
)
def test_what_it_does_not_fit_is_refused(
    features: tuple[int, ...], images: tuple[int, int, int], patch: int, reason: str
) -> None:
    """One line names the key, what was found and what is allowed."""
    with pytest.raises(ValueError, match=f"^patch: .*{reason}") as refused:
        check_sub_pixel_decoder(features, images, patch)
    assert "\n" not in str(refused.value)


def test_whitened_channels_are_uncorrelated() -> None:
    """Mixed channels of very different size come out with mean 0, no correlations, and variances of 1 and less."""
    generator = torch.Generator().manual_seed(0)
    independent = torch.rand(200, 3, 4, 4, generator=generator, dtype=torch.float64)
    mixing = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.4], [0.0, 0.3, 2.0]], dtype=torch.float64)
    sent = 5 + torch.einsum("ij,njhw->nihw", mixing, independent)
    white = Whitening(sent)(sent).movedim(1, 0).flatten(1)
    covariance = torch.cov(white, correction=0)
    assert white.mean(1).abs().max() < 1e-9
    assert torch.corrcoef(5 + sent.movedim(1, 0).flatten(1))[0, 1] > 0.8
    assert (covariance - covariance.diagonal().diag()).abs().max() < 0.1
    assert 0.8 < covariance.diagonal().min() <= covariance.diagonal().max() <= 1


@pytest.mark.parametrize("channels", [1, 4])
def test_features_that_do_not_vary_are_whitened_to_zero(channels: int) -> None:
    """A channel that pruning has closed, or all of them, give numbers that are finite."""
    closed = torch.full((10, channels, 2, 2), 3.0)
    assert Whitening(closed)(closed).abs().max() < 1e-3
    closed[:, 0] = torch.rand(10, 2, 2, generator=torch.Generator().manual_seed(0))
    white = Whitening(closed)(closed)
    assert white.isfinite().all()
    assert not white[:, 1:].abs().gt(1e-3).any()
