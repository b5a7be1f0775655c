"""Deep image prior (Ulyanov et al., CVPR 2018): fit an untrained network to output the image behind some features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import optimisation_converged
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.objective import ObjectiveCurve
from privprune.attacks.inversion.threat_model import ThreatModel
from privprune.models.decoder import build_decoder
from privprune.settings import AtLeastOne, Depth, Positive, Repeats, Width
from privprune.training.optimisers import Adam

_NOISE_CHANNELS = 32  # of the fixed input, as in Ulyanov et al.
_NOISE_SCALE = 0.1  # the input is drawn from U(0, 0.1), as in Ulyanov et al.


@dataclass(frozen=True)
class DeepPriorSettings:
    """Settings of the attack, which trains one network per image.

    Attributes:
        images: how many images are inverted at most: of those in the figure's panel, evenly spaced.
        blocks: residual blocks of the network, a decoder (`models.decoder`).
        width: its channels.
        steps: number of Adam steps for each image.
        learning_rate: of Adam; 0.01 in Ulyanov et al.
        queries: how often each image is transmitted where the wire is random; the features are averaged.

    """

    images: AtLeastOne
    blocks: Depth
    width: Width
    steps: AtLeastOne
    learning_rate: Positive
    queries: Repeats


class DeepPriorAttack(Inversion):
    """White-box attack: for each image, minimise over w the mismatch between the features of G_w(u) and those observed.

    u is fixed noise and G an initially untrained decoder, whose convolutions favour natural images; there is no other
    penalty. Unlike the hourglass network of Ulyanov et al., G has no skip connections. History: `loss`, the
    mismatch, mean over images.
    """

    def __init__(self, settings: DeepPriorSettings) -> None:
        self.settings = settings
        self.limit, self.queries = settings.images, settings.queries

    def doubled(self) -> Self:
        """Return the same attack with twice the steps."""
        return type(self)(replace(self.settings, steps=2 * self.settings.steps))

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert the scored images one after another; the generator draws networks and their inputs."""
        observed = threat.observed(self.settings.queries)
        images, curve = enumerate(observed.split(1)), ObjectiveCurve(self.settings.steps)
        inverted = [self._inverted(f"image {number}", threat, one, curve, generator) for number, one in images]
        return Reconstruction(torch.cat(inverted), {"loss": curve.means()})

    def _inverted(
        self, loop: str, threat: ThreatModel, observed: Tensor, curve: ObjectiveCurve, generator: torch.Generator
    ) -> Tensor:
        """Return the image, float [1, C, H, W], of observed features [1, *feature_shape], in a loop of that name."""
        settings, height = self.settings, threat.image_shape[1]
        side = next(height // times for times in (4, 2, 1) if height % times == 0)
        shape = (_NOISE_CHANNELS, side, side)
        network = build_decoder(
            shape, threat.image_shape, blocks=settings.blocks, width=settings.width, generator=generator
        )
        network = network.to(observed.device).to(memory_format=torch.channels_last)
        noise = (_NOISE_SCALE * torch.rand(1, *shape, generator=generator)).to(observed.device)
        optimiser = Adam(network.parameters(), lr=settings.learning_rate, foreach=True)
        measured: list[Tensor] = []
        for step in threat.turns(loop, settings.steps, [network, optimiser, generator, measured]):
            loss = threat.mismatch(network(noise), observed).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if curve.notes(step):
                measured.append(loss.detach())
        curve.add(measured, 1)
        with torch.no_grad():  # still in training mode, with the batch statistics of this one image
            image: Tensor = network(noise)
        return image.contiguous()


METHOD = InversionAttack(
    name="deep_prior",
    settings=DeepPriorSettings,
    attack=DeepPriorAttack,
    checks=optimisation_converged,
    examples=(
        {
            "attack": "deep_prior",
            "images": 2,
            "blocks": 0,
            "width": 16,
            "steps": 2,
            "learning_rate": 0.02,
            "queries": 2,
        },
    ),
)
