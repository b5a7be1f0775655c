"""The decoding-based attack with a decoder that small machines train to its plateau, see `models.sub_pixel_decoder`.

It is the attack of `decoder` in all but the network (ours), which sees whitened features, and whose error falls several
times as fast on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import training_converged
from privprune.attacks.inversion.decoder import EXAMPLE_FIT
from privprune.attacks.inversion.decoder_training import FitSettings, decode, fit
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.models.sub_pixel_decoder import build_sub_pixel_decoder, check_sub_pixel_decoder
from privprune.settings import Depth, Range, Repeats, Width


@dataclass(frozen=True)
class SubPixelDecoderSettings:
    """Settings of the attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        patch: side, in pixels, of the square that one place of the decoder's grid makes.
        blocks: residual blocks of the decoder.
        width: its channels.
        queries: how often each image is transmitted where the wire is random; the features are averaged.
        fit: how the decoder is trained.

    """

    attacker_data: AttackerData
    patch: Annotated[int, Range(1, 64)]
    blocks: Depth
    width: Width
    queries: Repeats
    fit: FitSettings


class SubPixelDecoderAttack(Inversion):
    """Train the decoder on transmitted features of the attack's images, with fresh noise in every batch; MSE loss.

    History as of `decoder`.
    """

    def __init__(self, settings: SubPixelDecoderSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries

    def doubled(self) -> Self:
        """Return the same attack with twice the epochs."""
        return type(self)(replace(self.settings, fit=self.settings.fit.doubled()))

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features, or a patch, with which the decoder makes no image of that size: ValueError, one line."""
        check_sub_pixel_decoder(feature_shape, image_shape, self.settings.patch)

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; the generator draws initial weights and batches."""
        settings = self.settings
        pairs = FeatureImagePairs(threat, threat.auxiliary, settings.queries)
        decoder = build_sub_pixel_decoder(
            pairs.examples(),
            threat.image_shape,
            patch=settings.patch,
            blocks=settings.blocks,
            width=settings.width,
            generator=generator,
        )
        decoder = decoder.to(threat.images.device).to(memory_format=torch.channels_last)
        history = fit(decoder, pairs, settings.fit, generator)
        return Reconstruction(decode(decoder, threat.observed(settings.queries)), history)


METHOD = InversionAttack(
    name="sub_pixel_decoder",
    settings=SubPixelDecoderSettings,
    attack=SubPixelDecoderAttack,
    checks=training_converged,
    examples=(
        {
            "attack": "sub_pixel_decoder",
            "attacker_data": "train",
            "patch": 2,
            "blocks": 1,
            "width": 16,
            "queries": 2,
            "fit": EXAMPLE_FIT,
        },
    ),
)
