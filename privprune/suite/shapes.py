"""Layers and shapes of a suite's networks, for its validation; networks of the same architecture are built once."""

from __future__ import annotations

import functools
import warnings
from dataclasses import fields, replace

import torch

from privprune.datasets.catalogue import ImageShape
from privprune.datasets.entry import DatasetSettings
from privprune.errors import UserError, within
from privprune.models import MODELS, CutSettings, blank, reseed, small_dense
from privprune.models.shapes import NetworkShapes
from privprune.models.wire import ReducingWire, build_wire
from privprune.models.wire.plain import PlainSettings
from privprune.workflow.context import NetworkSettings


def network_shapes(data: DatasetSettings, network: NetworkSettings, where: str) -> NetworkShapes:
    """Build a network with arbitrary weights, and return its layers and shapes.

    Args:
        data: dataset of its images.
        network: its settings.
        where: location of the settings, for the message.

    Raises:
        UserError: an unknown model, one that does not take the images, or a cut that it does not have.

    """
    try:
        return _shapes(
            network.model, network.widths, network.small_dense, _with_plain_wire(network.cut), data.info.image_shape
        )
    except UserError as refused:
        raise UserError(within(where, refused, [field.name for field in fields(network)])) from None


def _with_plain_wire(cut: CutSettings | None) -> CutSettings | None:
    """Replace a wire on which no shape depends by a plain one, so that fewer networks are built."""
    if cut is None or isinstance(build_wire(cut.wire), ReducingWire):
        return cut
    return replace(cut, wire=PlainSettings("plain"))


@functools.cache
def _shapes(
    model: str, widths: tuple[int, ...] | None, narrow: int | None, cut: CutSettings | None, image: ImageShape
) -> NetworkShapes:
    """Build each architecture once: many cells have the same one, and the largest takes a second."""
    sizes = {"in_channels": image.channels, "image_size": image.size, "classes": image.classes}
    _check_side(model, image, widths)
    if narrow is not None:
        return NetworkShapes(
            small_dense(model, narrow, **sizes, generator=torch.Generator(), widths=widths), image.image
        )
    try:
        built = blank(model, **sizes, cut=cut, widths=widths)
    except RuntimeError as failure:
        if cut is None or not cut.extra_convolution:
            raise
        raise UserError(
            f"cut.extra_convolution: found true, allowed false with {model}, which takes images of {image.channels} "
            "channels and nothing else"
        ) from failure
    reseed(built, 0)  # blocks that are skipped at random cannot run without a seed
    return NetworkShapes(built, image.image)


def _check_side(model: str, image: ImageShape, widths: tuple[int, ...] | None) -> None:
    """Run a network on images that are smaller than those of its example, whose kernels may be larger than they are.

    Raises:
        UserError: it cannot run, or has layers without a weight.

    """
    example = MODELS[model].example.image_size if model in MODELS else 0
    if image.size >= example:
        return
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("error", message="Initializing zero-element tensors")
            network = blank(
                model,
                in_channels=image.channels,
                image_size=image.size,
                classes=image.classes,
                cut=None,
                widths=widths,
            )
            reseed(network, 0)
            network.eval()(torch.zeros(1, *image.image))
    except (RuntimeError, ValueError, UserWarning):
        raise UserError(
            f"{model}: found images of {image.size} pixels, allowed larger ones, such as {example} (its layers leave "
            "nothing of these)"
        ) from None
