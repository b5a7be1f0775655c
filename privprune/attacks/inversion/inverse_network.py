"""The inverse network of He, Zhang and Lee (ACSAC 2019, Section 5): a short chain of transposed convolutions.

It is the decoding-based attack with the authors' decoders, which mirror the edge's layers. The calibration suite runs
it against numbers that they print.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch
from torch import nn

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import training_converged
from privprune.attacks.inversion.decoder import EXAMPLE_FIT
from privprune.attacks.inversion.decoder_training import FitSettings, decode, fit
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.models.decoder import draw_weights
from privprune.settings import Range, Repeats, Width


@dataclass(frozen=True)
class LayerSettings:
    """One transposed convolution of PyTorch; a ReLU stands between two of them.

    Attributes:
        channels: of its output; those of the last layer are the image's.
        kernel: side of the kernel.
        stride: of the output.
        padding: cut off on every side of the output.
        output_padding: added to one side of it.

    """

    channels: Width
    kernel: Annotated[int, Range(1, 64)]
    stride: Annotated[int, Range(1, 64)]
    padding: Annotated[int, Range(0, 64)]
    output_padding: Annotated[int, Range(0, 64)]

    def side(self, before: int) -> int:
        """Return the side of the output for that of the input, in pixels."""
        return (before - 1) * self.stride - 2 * self.padding + self.kernel + self.output_padding


@dataclass(frozen=True)
class InverseNetworkSettings:
    """Settings of the attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        layers: from the features to the image.
        queries: how often each image is transmitted where the wire is random; the features are averaged.
        fit: how the network is trained.

    """

    attacker_data: AttackerData
    layers: tuple[LayerSettings, ...]
    queries: Repeats
    fit: FitSettings


class _Clipped(nn.Module):
    """Clip images to [0, 1] in evaluation mode, as the authors' code does when it scores; not in training."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images [batch, C, H, W]."""
        return images if self.training else images.clamp(0, 1)


class InverseNetworkAttack(Inversion):
    """Train the chain by the mean squared error of the images (zechenghe/Inverse_Collaborative_Inference).

    Their code trains on images with normalised channels, here on [0, 1]; their Adam has epsilon 0.001 and AMSGrad.
    """

    def __init__(self, settings: InverseNetworkSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries

    def doubled(self) -> Self:
        """Return the same attack with twice the epochs."""
        return type(self)(replace(self.settings, fit=self.settings.fit.doubled()))

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse layers that do not lead from the features to the image: ValueError, one line."""
        if len(feature_shape) != 3:
            raise ValueError(f"layers: found features of {feature_shape[0]} values, allowed maps")
        height, width = feature_shape[1:]
        channels = feature_shape[0]
        for layer in self.settings.layers:
            channels, height, width = layer.channels, layer.side(height), layer.side(width)
        if (channels, height, width) != image_shape:
            found, wanted = ("x".join(map(str, shape)) for shape in ((channels, height, width), image_shape))
            raise ValueError(f"layers: found an output of {found}, allowed {wanted}, the image's")

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; the generator draws initial weights and batches."""
        settings = self.settings
        pairs = FeatureImagePairs(threat, threat.auxiliary, settings.queries)
        network = self._network(pairs.feature_shape[0], generator).to(threat.images.device)
        history = fit(network, pairs, settings.fit, generator)
        return Reconstruction(decode(network, threat.observed(settings.queries)), history)

    def _network(self, channels: int, generator: torch.Generator) -> nn.Sequential:
        """Build the chain with PyTorch's own initial distributions, on the CPU."""
        layers: list[nn.Module] = []
        with torch.device("meta"):
            for one in self.settings.layers:
                if layers:
                    layers.append(nn.ReLU())
                layers.append(
                    nn.ConvTranspose2d(
                        channels, one.channels, one.kernel, one.stride, one.padding, output_padding=one.output_padding
                    )
                )
                channels = one.channels
            chain = nn.Sequential(*layers, _Clipped())
        return draw_weights(chain, generator)


METHOD = InversionAttack(
    name="inverse_network",
    settings=InverseNetworkSettings,
    attack=InverseNetworkAttack,
    checks=training_converged,
    examples=(
        {
            "attack": "inverse_network",
            "attacker_data": "train",
            "layers": [
                {"channels": 8, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1},
                {"channels": 3, "kernel": 3, "stride": 1, "padding": 1, "output_padding": 0},
            ],
            "queries": 1,
            "fit": EXAMPLE_FIT,
        },
    ),
)
