"""The layout of a network's tensors in memory: channels last, which is the fast one for convolutions."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
_SAFE_MULTIPLE = 8  # of channels; the vector width of 32-bit numbers with AVX2


def in_fast_layout(model: Network) -> Network:
    """Lay out a network's weights with channels last, in place, and return it.

    With PyTorch 2.15 on a CPU with AVX2, the backward pass of a convolution of one pixel with a stride writes beyond
    its memory where images have channels last and their number is above 1 and no multiple of 8: the process dies of a
    damaged heap (seen with 2 to 7 channels; not with 8, 16 and 32, nor in the other layout). The shortcuts of a ResNet
    are such convolutions, and pruning leaves such numbers. There, images are brought into the other layout first.
    """
    laid_out: Network = model.to(memory_format=torch.channels_last)
    for layer in laid_out.modules():
        if isinstance(layer, nn.Conv2d) and _unsafe(layer):
            _with_channels_first(layer)
    return laid_out


def _with_channels_first(layer: nn.Conv2d) -> None:
    # not contiguous(): to it, the weights of one pixel or one channel have either layout
    layer.weight.data = layer.weight.data.clone(memory_format=torch.contiguous_format)
    layer.register_forward_pre_hook(_contiguous)


def _unsafe(layer: nn.Conv2d) -> bool:
    points = layer.kernel_size == (1, 1) and max(layer.stride) > 1
    return points and layer.weight.device.type == "cpu" and layer.in_channels % _SAFE_MULTIPLE != 0


def _contiguous(layer: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Return inputs [batch, channels, height, width] whose width varies fastest."""
    del layer
    return tuple(value.contiguous() for value in inputs)
