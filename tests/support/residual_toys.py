"""Small networks with residual blocks and a cut, whose normalisations have seen data."""

import torch
from torch import nn

from privprune.models import WIRE, BlockNet
from privprune.models.block_net import block
from privprune.models.layers import GlobalMean
from privprune.models.mobilenet import InvertedResidual
from privprune.models.reidentification import Neck
from privprune.models.resnet import ResidualBlock
from privprune.models.resnet20 import PaddedBlock

SHAPE = (3, 8, 8)


def stem(channels: int) -> nn.Sequential:
    """Return a convolution with normalisation and ReLU."""
    return block(conv=nn.Conv2d(3, channels, 3, padding=1), norm=nn.BatchNorm2d(channels), relu=nn.ReLU())


def head(channels: int) -> nn.Sequential:
    """Return the end of a network."""
    return block(mean=GlobalMean(), linear=nn.Linear(channels, 4))


def residual(*, bottleneck: bool = False) -> BlockNet:
    """Return a ResNet whose second stage lies on both sides of the cut."""
    blocks = [
        ("stem", stem(6)),
        ("block1", ResidualBlock(6, 6, 1)),
        ("block2", ResidualBlock(6, 8, 2)),
        (WIRE, nn.Identity()),
        ("block3", ResidualBlock(8, 8, 1)),
        ("fc", head(8)),
    ]
    if bottleneck:
        blocks.insert(3, ("bottleneck", block(conv=nn.Conv2d(8, 3, 3, padding=1), sigmoid=nn.Sigmoid())))
        blocks.insert(5, ("widen", nn.Conv2d(3, 8, 3, padding=1)))
    return BlockNet(blocks)


def mobile() -> BlockNet:
    """Return a MobileNet with depthwise convolutions, and one block that has a shortcut."""
    blocks = [
        ("stem", stem(4)),
        ("block1", InvertedResidual(4, 6, 2, 2)),
        ("block2", InvertedResidual(6, 6, 1, 2)),
        (WIRE, nn.Identity()),
        ("fc", head(6)),
    ]
    return BlockNet(blocks)


def padded() -> BlockNet:
    """Return a ResNet with zero-padded shortcuts."""
    blocks = [
        ("stem", stem(4)),
        ("block1", PaddedBlock(4, 8, 2)),
        ("block2", PaddedBlock(8, 8, 1)),
        (WIRE, nn.Identity()),
        ("fc", head(8)),
    ]
    return BlockNet(blocks)


def neck() -> BlockNet:
    """Return a network whose last edge channels pass a BNNeck, which has no shift."""
    end = block(mean=GlobalMean(), neck=Neck(6), linear=nn.Linear(6, 4, bias=False))
    return BlockNet([("stem", stem(6)), ("block1", ResidualBlock(6, 6, 1)), (WIRE, nn.Identity()), ("fc", end)])


def settled(model: BlockNet, seed: int) -> BlockNet:
    """Give a network random weights, scales, shifts and statistics, away from zero; in evaluation mode."""
    chance = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=chance)
            value.copy_(noise.abs() + 0.5 if "running_var" in name else 0.5 * noise)
    return model.eval()
