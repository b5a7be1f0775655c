"""The attackers' decoder: the paper's size, the images' shape, one source of randomness."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from privprune.models.decoder import build_decoder, check_decoder

CIFAR = (3, 32, 32)


def built(features: tuple[int, ...], images: tuple[int, int, int], *, blocks: int = 1, seed: int = 0) -> nn.Module:
    """Build a narrow decoder."""
    return build_decoder(features, images, blocks=blocks, width=8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("blocks", "parameters"), [(8, 711_539), (4, 415_091)])
def test_the_decoders_have_the_printed_size(blocks: int, parameters: int) -> None:
    """CEM prints 711.54 k for its attacks; 415,091 was counted for the one that ResSFL plays against."""
    decoder = build_decoder((8, 8, 8), CIFAR, blocks=blocks, width=64, generator=torch.Generator())
    assert sum(value.numel() for value in decoder.parameters()) == parameters


@pytest.mark.parametrize(
    ("features", "images"),
    [
        ((8, 8, 8), CIFAR),
        ((8, 16, 16), CIFAR),
        ((16, 32, 32), CIFAR),
        ((8, 12, 12), (3, 48, 48)),
        ((8, 16, 16), (3, 64, 64)),
        ((4, 7, 7), (1, 28, 28)),
        ((10,), (1, 8, 8)),
    ],
)
def test_a_decoder_gives_images(features: tuple[int, ...], images: tuple[int, int, int]) -> None:
    """Features of any size that doubling leads to the image's become images in [0, 1], with a gradient everywhere."""
    decoder = built(features, images)
    out = decoder(torch.rand(2, *features))
    assert out.shape == (2, *images)
    assert 0 <= out.min() <= out.max() <= 1
    out.square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in decoder.parameters())


@pytest.mark.parametrize(
    ("features", "images"),
    [((8, 6, 6), CIFAR), ((8, 8, 4), CIFAR), ((8, 64, 64), CIFAR), ((10,), (1, 28, 28)), ((4, 5, 5), (1, 28, 28))],
)
def test_a_bottleneck_that_no_decoder_matches_is_refused(
    features: tuple[int, ...], images: tuple[int, int, int]
) -> None:
    """One line says what was found and what is allowed."""
    with pytest.raises(ValueError, match="a bottleneck the decoder cannot match") as refused:
        check_decoder(features, images)
    assert "\n" not in str(refused.value)


def test_weights_come_from_the_generator_alone() -> None:
    """Equal generators give equal decoders, whatever the global state; another seed gives another one."""
    torch.manual_seed(1)
    first = built((8, 8, 8), CIFAR).state_dict()
    torch.manual_seed(2)
    again, other = (built((8, 8, 8), CIFAR, seed=seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.conv1.weight"], other["0.conv1.weight"])


def test_the_first_values_are_pytorchs() -> None:
    """Drawn weights spread as those of a layer that PyTorch fills itself: uniform, within 1 / sqrt(fan in)."""
    drawn = build_decoder((8, 8, 8), CIFAR, blocks=0, width=64, generator=torch.Generator().manual_seed(0))
    for module in drawn.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.weight.numel() > 10_000:
            fresh = type(module)(module.in_channels, module.out_channels, 3)
            assert module.weight.std().item() == pytest.approx(fresh.weight.std().item(), rel=0.05)
            assert module.weight.abs().max().item() == pytest.approx(fresh.weight.abs().max().item(), rel=0.01)
