"""The layout of networks in memory."""

import copy

import pytest
import torch
from torch import nn

from privprune.models.layout import in_fast_layout


def shortcut(channels: int) -> nn.Sequential:
    """Return a convolution, and one of a pixel with a stride that reads so many channels."""
    chance = torch.Generator().manual_seed(channels)
    with torch.random.fork_rng(devices=[]):
        layers = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.Conv2d(channels, 5, 1, stride=2, bias=False))
    for value in layers.parameters():
        value.data = torch.randn(value.shape, generator=chance)
    return layers


@pytest.mark.parametrize("channels", [2, 7, 8, 12])
def test_the_layout_changes_no_gradient(channels: int) -> None:
    """Outputs and gradients are those of the plain layout; the heap survives, as the next steps show."""
    plain = shortcut(channels)
    fast = in_fast_layout(copy.deepcopy(plain))
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for _ in range(5):
        for network in (plain, fast):
            network.zero_grad()
            network(images).square().mean().backward()
    for one, other in zip(plain.parameters(), fast.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("channels", "unsafe"), [(7, True), (12, True), (8, False)])
def test_only_what_would_be_damaged_is_laid_out_plainly(channels: int, unsafe: bool) -> None:
    """The first convolution has channels last, and so has the second where it reads a multiple of 8."""
    layers = in_fast_layout(shortcut(channels))
    assert layers[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert bool(layers[1]._forward_pre_hooks) == unsafe
