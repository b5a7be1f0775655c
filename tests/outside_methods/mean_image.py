"""The plainest inversion attack: answer every query with the mean image. An attack that is no better has failed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel


@dataclass(frozen=True)
class MeanImageSettings:
    """Which records the attacker knows: the target's training records, `train`, or test records, `infer`."""

    attacker_data: AttackerData


class MeanImageAttack(Inversion):
    """Ignore what was sent, and return the mean of the known images."""

    def __init__(self, settings: MeanImageSettings) -> None:
        """Store which records are known."""
        self.attacker_data = settings.attacker_data

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Return float32 [m, C, H, W] in [0, 1]."""
        mean = threat.targets(threat.auxiliary).mean(0)
        return Reconstruction(mean.expand(len(threat.scored), -1, -1, -1))


METHOD = InversionAttack(
    name="mean_image",
    settings=MeanImageSettings,
    attack=MeanImageAttack,
    examples=({"attack": "mean_image", "attacker_data": "train"},),
)
