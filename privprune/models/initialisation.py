"""Initial values of a network's parameters, drawn from a generator that the caller passes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

Layer = nn.Conv2d | nn.Linear
Initialiser = Callable[[Layer, torch.Generator], None]


def uniform(layer: Layer, generator: torch.Generator) -> None:
    """Draw weight and bias from U(-b, b), b = 1 / sqrt(fan in): the default of PyTorch's layers."""
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if layer.bias is not None:
        bound = 1 / math.sqrt(layer.weight[0].numel())
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def xavier(layer: Layer, generator: torch.Generator) -> None:
    """Draw the weight from Glorot's uniform distribution, bias 0: CEM's edge convolutions."""
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def fan_out(layer: Layer, generator: torch.Generator) -> None:
    """Draw the weight from N(0, 2 / fan out), bias 0: torchvision's convolutions in VGG, ResNet and MobileNetV2."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def small_normal(layer: Layer, generator: torch.Generator) -> None:
    """Draw the weight with standard deviation 0.01, bias 0: torchvision's linear layers in VGG and MobileNetV2."""
    nn.init.normal_(layer.weight, 0.0, 0.01, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def allocate(model: nn.Module, filled: Callable[..., torch.Tensor] = torch.empty) -> None:
    """Allocate a network from the meta device on the CPU, with values from `filled`: arbitrary ones, or zeros.

    It replaces `nn.Module.to_empty`, which imports SymPy for a meta tensor: half a second in every process.
    """
    model._apply(lambda value: filled(value.shape, dtype=value.dtype))  # noqa: SLF001 (as `to_empty` does)


@torch.no_grad()
def initialise(model: nn.Module, convolution: Initialiser, linear: Initialiser, generator: torch.Generator) -> None:
    """Fill every parameter and buffer of a network, in the order of its modules.

    Args:
        model: a network fresh from `allocate`.
        convolution: initialises the convolutions.
        linear: initialises the linear layers.
        generator: the only source of randomness.

    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            convolution(module, generator)
        elif isinstance(module, nn.Linear):
            linear(module, generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | FixedValues):
            module.reset_parameters()


class FixedValues(nn.Module):
    """A layer without parameters whose buffers are constants."""

    def reset_parameters(self) -> None:
        """Write the constants."""
        raise NotImplementedError
