"""The registry of networks, and how one is built from its name."""

from __future__ import annotations

import torch

from privprune.errors import UserError, shown
from privprune.models.block_net import BlockNet, Shape, prunable
from privprune.models.cut import WIRE, CutSettings, cut_network, input_shape
from privprune.models.initialisation import allocate, initialise, xavier
from privprune.models.model_spec import ModelSpec
from privprune.registry import Registry

MODELS: Registry[ModelSpec] = Registry("privprune.models", ModelSpec, "privprune.models")


def build(
    name: str,
    *,
    in_channels: int,
    image_size: int,
    classes: int,
    generator: torch.Generator,
    cut: CutSettings | None = None,
    widths: tuple[int, ...] | None = None,
) -> BlockNet:
    """Build a network with random weights.

    Args:
        name: key of `MODELS`.
        in_channels: of the images.
        image_size: height and width of the images, pixels.
        classes: number of logits.
        generator: of the CPU; the only source of randomness, so that equal generators give equal networks.
        cut: where it is cut into edge and cloud; None for a whole network.
        widths: units of each hidden layer; None for an architecture that has its own.

    Raises:
        UserError: unknown name, images or widths that the network does not accept, or no such cut.

    """
    return _build(name, Shape(in_channels, image_size, classes, widths or ()), 1.0, generator, cut)


def blank(
    name: str,
    *,
    in_channels: int,
    image_size: int,
    classes: int,
    cut: CutSettings | None,
    widths: tuple[int, ...] | None = None,
) -> BlockNet:
    """Build a network whose parameters are all zero, to inspect its layers and shapes; arguments as for `build`.

    The operating system provides memory for zeros only when they are overwritten, so this is fast and small.

    Raises:
        UserError: as for `build`.

    """
    model = _skeleton(name, Shape(in_channels, image_size, classes, widths or ()), 1.0, cut)
    allocate(model, torch.zeros)
    return model


def small_dense(
    name: str,
    weights: int,
    *,
    in_channels: int,
    image_size: int,
    classes: int,
    generator: torch.Generator,
    widths: tuple[int, ...] | None = None,
) -> BlockNet:
    """Build a narrower network of the same family: the control for the claim that pruning is more than a smaller size.

    Args:
        name: key of `MODELS`.
        weights: how many prunable weights it should have; the width multiplier that comes nearest is used.
        in_channels: of the images.
        image_size: height and width of the images, pixels.
        classes: number of logits.
        generator: as for `build`.
        widths: as for `build`, of the whole network.

    Raises:
        UserError: as for `build`, or the number of weights is outside the range of all widths.

    """
    shape = Shape(in_channels, image_size, classes, widths or ())

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
    model, spec = _skeleton(name, shape, width, cut), MODELS[name]
    allocate(model)
    initialise(model, spec.convolution, spec.linear, generator)
    if cut is not None:  # CEM's code draws the edge's convolutions a second time
        for block in model[: model.block_names.index(WIRE)]:
            initialise(block, xavier, spec.linear, generator)
    return model


def _skeleton(name: str, shape: Shape, width: float, cut: CutSettings | None = None) -> BlockNet:
    """Return the network on the meta device, without values: building it draws nothing from the global generator."""
    spec = MODELS.look_up(name, "model")
    if shape.image_size < 1 or shape.image_size % spec.image_multiple:
        raise UserError(
            f"{name}: found images of {shape.image_size} pixels, allowed multiples of {spec.image_multiple}"
        )
    if spec.in_channels not in (None, shape.in_channels):
        raise UserError(f"{name}: found images of {shape.in_channels} channels, allowed {spec.in_channels}")
    if bool(shape.widths) != spec.widths:
        found, allowed = list(shape.widths) or None, "units of each hidden layer, [64, 32]" if spec.widths else "null"
        raise UserError(f"widths: found {shown(found)}, allowed {allowed} ({name})")
    with torch.device("meta"):
        whole = spec.builder(shape, width)
        if cut is None:
            return whole
        return cut_network(spec.builder(input_shape(cut, whole, shape), width), cut, shape)
