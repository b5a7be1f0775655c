"""How many weights the networks have, and how many the paper prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownCount:
    """Size of a network at one shape of its input, counted by hand (weights) or published elsewhere (parameters).

    Attributes:
        model: key of `MODELS`.
        in_channels: of the images.
        image_size: pixels.
        classes: number of logits.
        weights: of convolutions and linear layers, without bias.
        parameters: all that is trained.

    """

    model: str
    in_channels: int
    image_size: int
    classes: int
    weights: int
    parameters: int


KNOWN_COUNTS = (
    KnownCount("lenet5", 1, 28, 10, 61_470, 61_706),
    KnownCount("four_layer_cnn", 3, 24, 10, 1_143_232, 1_144_138),
    KnownCount("four_layer_cnn", 3, 32, 10, 1_831_360, 1_832_266),
    KnownCount("vgg16", 3, 32, 10, 14_715_584, 14_728_266),
    KnownCount("vgg16", 3, 32, 100, 14_761_664, 14_774_436),
    KnownCount("resnet18", 3, 32, 10, 11_164_352, 11_173_962),
    KnownCount("resnet18", 3, 32, 100, 11_210_432, 11_220_132),
    KnownCount("resnet18_imagenet", 3, 224, 1000, 11_678_912, 11_689_512),
    KnownCount("mobilenet_v2", 3, 32, 10, 2_202_560, 2_236_682),
    KnownCount("mobilenet_v2", 3, 32, 100, 2_317_760, 2_351_972),
    KnownCount("mobilenet_v2_imagenet", 3, 224, 1000, 3_469_760, 3_504_872),
)


@dataclass(frozen=True)
class PrintedCount:
    """One row of MIA-Pruning's Table 4 beside the network that it seems to mean.

    Attributes:
        data: as printed.
        model: key of `MODELS`.
        weights: as printed, dense.
        weights_left: as printed, after pruning.
        ratio: as printed.
        note: what a recount of standard networks says. A printed number that no such network has is reported beside
            the measured one, never imitated.

    """

    data: str
    model: str
    weights: float
    weights_left: float
    ratio: float
    note: str


PRINTED_COUNTS = (
    PrintedCount("MNIST", "lenet5", 60.0e3, 3.80e3, 15.78, "61,470 weights, 61,706 parameters: printed as 60 K"),
    PrintedCount(
        "CIFAR-10/100",
        "vgg16",
        13.83e6,
        1.00e6,
        13.84,
        "no standard VGG16 for CIFAR has 13.83 M; without two of the conv3 layers it would be 13,830,848 weights",
    ),
    PrintedCount("CIFAR-10/100", "resnet18", 11.17e6, 1.06e6, 10.54, "11,173,962 parameters at 10 classes"),
    PrintedCount(
        "CIFAR-10/100",
        "mobilenet_v2",
        3.46e6,
        0.34e6,
        10.06,
        "3,469,760 weights with ImageNet's 1000 classes; with CIFAR's 10 there are 2,202,560",
    ),
    PrintedCount(
        "ImageNet",
        "resnet18_imagenet",
        11.17e6,
        3.47e6,
        3.37,
        "11,166,912 weights without the last layer, 11,678,912 with it; 11.17 / 3.47 is 3.22, not 3.37",
    ),
    PrintedCount("ImageNet", "mobilenet_v2_imagenet", 3.46e6, 1.06e6, 3.27, "3,469,760 weights, truncated"),
)
