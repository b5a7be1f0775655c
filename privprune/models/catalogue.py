"""The networks by name, and how one is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from privprune.errors import UserError
from privprune.models.block_net import BlockNet, Shape, prunable
from privprune.models.cut import WIRE, CutSettings, cut_network, input_shape
from privprune.models.digits_cnn import digits_cnn
from privprune.models.four_layer_cnn import four_layer_cnn
from privprune.models.initialisation import Initialiser, allocate, fan_out, initialise, small_normal, uniform, xavier
from privprune.models.lenet import lenet5
from privprune.models.mobilenet import mobilenet_v2, mobilenet_v2_imagenet
from privprune.models.photos_cnn import photos_cnn
from privprune.models.photos_resnet import photos_resnet
from privprune.models.resnet import resnet18, resnet18_imagenet, resnet18_reid
from privprune.models.resnet20 import resnet20
from privprune.models.vgg import vgg16
from privprune.models.vgg11 import vgg11_bn


@dataclass(frozen=True)
class ModelSpec:
    """How a network is built.

    Attributes:
        builder: (shape, width) -> network; width multiplies the channels of every hidden layer.
        image_multiple: the image size is a multiple of this.
        convolution: draws the first values of convolutions.
        linear: draws those of linear layers.
        in_channels: the only number of channels that it takes, where there is only one.

    """

    builder: Callable[[Shape, float], BlockNet]
    image_multiple: int
    convolution: Initialiser
    linear: Initialiser
    in_channels: int | None = None


MODELS: dict[str, ModelSpec] = {
    "digits_cnn": ModelSpec(digits_cnn, 4, uniform, uniform),
    "lenet5": ModelSpec(lenet5, 4, uniform, uniform),
    "four_layer_cnn": ModelSpec(four_layer_cnn, 4, uniform, uniform),
    "photos_cnn": ModelSpec(photos_cnn, 8, uniform, uniform),
    "vgg11_bn": ModelSpec(vgg11_bn, 16, uniform, uniform),
    "resnet20": ModelSpec(resnet20, 8, uniform, uniform),
    "vgg16": ModelSpec(vgg16, 32, fan_out, small_normal),
    "resnet18": ModelSpec(resnet18, 8, fan_out, uniform),
    "mobilenet_v2": ModelSpec(mobilenet_v2, 8, fan_out, small_normal),
    "photos_resnet": ModelSpec(photos_resnet, 4, fan_out, uniform),
    "resnet18_reid": ModelSpec(resnet18_reid, 16, fan_out, small_normal),
    "resnet18_imagenet": ModelSpec(resnet18_imagenet, 32, fan_out, uniform, in_channels=3),
    "mobilenet_v2_imagenet": ModelSpec(mobilenet_v2_imagenet, 32, fan_out, small_normal, in_channels=3),
}


def build(
    name: str,
    *,
    in_channels: int,
    image_size: int,
    classes: int,
    generator: torch.Generator,
    cut: CutSettings | None = None,
) -> BlockNet:
    """Build a network with random weights.

    Args:
        name: key of `MODELS`.
        in_channels: of the images.
        image_size: height and width of the images, pixels.
        classes: number of logits.
        generator: of the CPU; the only source of randomness, so equal generators give equal networks.
        cut: where it is cut into edge and cloud; None for a whole network.

    Raises:
        UserError: unknown name, images that the network does not take, or no such cut.

    """
    return _build(name, Shape(in_channels, image_size, classes), 1.0, generator, cut)


def blank(name: str, *, in_channels: int, image_size: int, classes: int, cut: CutSettings | None) -> BlockNet:
    """Build a network whose parameters are all zero, to look at its layers and shapes; arguments as for `build`.

    Zeros that nobody writes over take neither time nor memory.

    Raises:
        UserError: as for `build`.

    """
    model = _skeleton(name, Shape(in_channels, image_size, classes), 1.0, cut)
    allocate(model, torch.zeros)
    return model


def small_dense(
    name: str, weights: int, *, in_channels: int, image_size: int, classes: int, generator: torch.Generator
) -> BlockNet:
    """Build a narrower network of the same family: the control "a small dense net does the same".

    Args:
        name: key of `MODELS`.
        weights: how many prunable weights it should have; the nearest that a common width multiplier gives is built.
        in_channels: of the images.
        image_size: height and width of the images, pixels.
        classes: number of logits.
        generator: as for `build`.

    Raises:
        UserError: as for `build`, or no width gives about so many weights.

    """
    shape = Shape(in_channels, image_size, classes)

    def count(width: float) -> int:
        return count_weights(_skeleton(name, shape, width))

    smallest, largest = count(0.0), count(1.0)
    if not smallest <= weights <= largest:
        raise UserError(f"small_dense {name}: found {weights} weights, allowed {smallest} to {largest}")
    low, high = 0.0, 1.0
    while high - low > 1e-4:  # finer than one channel of the widest layer, 1280
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) <= weights else (low, middle)
    width = min((low, high), key=lambda candidate: abs(count(candidate) - weights))
    return _build(name, shape, width, generator)


def count_weights(model: torch.nn.Module) -> int:
    """Count the prunable weights."""
    return sum(weight.numel() for weight in prunable(model).values())


def count_parameters(model: torch.nn.Module) -> int:
    """Count all trained parameters, biases and normalisation included."""
    return sum(parameter.numel() for parameter in model.parameters())


def _build(
    name: str, shape: Shape, width: float, generator: torch.Generator, cut: CutSettings | None = None
) -> BlockNet:
    model = _skeleton(name, shape, width, cut)
    allocate(model)
    initialise(model, MODELS[name].convolution, MODELS[name].linear, generator)
    if cut is not None:  # CEM's code draws the edge's convolutions anew
        for block in model[: model.block_names.index(WIRE)]:
            initialise(block, xavier, MODELS[name].linear, generator)
    return model


def _skeleton(name: str, shape: Shape, width: float, cut: CutSettings | None = None) -> BlockNet:
    """Return the network without memory or values: building it draws nothing from the global generator."""
    if name not in MODELS:
        raise UserError(f"model: found {name!r}, allowed {', '.join(MODELS)}")
    spec = MODELS[name]
    if shape.image_size < 1 or shape.image_size % spec.image_multiple:
        raise UserError(
            f"{name}: found images of {shape.image_size} pixels, allowed multiples of {spec.image_multiple}"
        )
    if spec.in_channels not in (None, shape.in_channels):
        raise UserError(f"{name}: found images of {shape.in_channels} channels, allowed {spec.in_channels}")
    with torch.device("meta"):
        whole = spec.builder(shape, width)
        if cut is None:
            return whole
        return cut_network(spec.builder(input_shape(cut, whole, shape), width), cut, shape)
