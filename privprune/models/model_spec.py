"""What a network declares of itself: how it is built, what it accepts, and its known sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from privprune.models.block_net import BlockNet, Shape
from privprune.models.initialisation import Initialiser


@dataclass(frozen=True)
class KnownCount:
    """Size of a network at one shape of its input, counted by hand (weights) or published elsewhere (parameters).

    Attributes:
        in_channels: of the images.
        image_size: pixels.
        classes: number of logits.
        weights: of convolutions and linear layers, without bias.
        parameters: all that is trained.

    """

    in_channels: int
    image_size: int
    classes: int
    weights: int
    parameters: int


@dataclass(frozen=True)
class ModelSpec:
    """The declaration of a network, `METHOD` in its file, or one of `METHODS` for a family.

    Attributes:
        name: its name in a suite.
        builder: (shape, width) -> network; width multiplies the channels of every hidden layer.
        image_multiple: the image size is a multiple of this.
        convolution: draws the initial values of convolutions.
        linear: draws those of linear layers.
        example: small images and some classes, for the tests that all networks share.
        in_channels: the only number of channels that it takes, where there is only one.
        pretrained: torchvision's name of the same architecture, if its ImageNet weights can be loaded.
        known_counts: its sizes as known from elsewhere, for the tests.
        vectors: whether it takes records that are vectors of numbers, images of one pixel, beside images.
        widths: whether the suite says how many units its hidden layers have.
        learns: whether its training is to learn the classes; false for an instrument whose records have random ones.

    """

    name: str
    builder: Callable[[Shape, float], BlockNet]
    image_multiple: int
    convolution: Initialiser
    linear: Initialiser
    example: Shape
    in_channels: int | None = None
    pretrained: str | None = None
    known_counts: tuple[KnownCount, ...] = ()
    vectors: bool = False
    widths: bool = False
    learns: bool = True
