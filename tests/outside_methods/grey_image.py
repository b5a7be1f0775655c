"""The plainest inversion attack: answer every query with mid grey, which needs neither features nor images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.threat_model import ThreatModel


@dataclass(frozen=True)
class GreyImageSettings:
    """There are none."""


class GreyImageAttack(Inversion):
    """Ignore what was sent."""

    def __init__(self, settings: GreyImageSettings) -> None:
        """Store nothing."""
        del settings

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Return float32 [m, C, H, W] in [0, 1]."""
        return Reconstruction(torch.full((len(threat.scored), *threat.image_shape), 0.5))


METHOD = InversionAttack(
    name="grey_image",
    settings=GreyImageSettings,
    attack=GreyImageAttack,
    control=True,
    examples=({"attack": "grey_image"},),
)
