"""The plainest inversion attack: answer every query with the mean image. An attack that is no better has failed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from privprune.attacks.inversion.method import InversionAttack

from privprune.attacks.inversion.threat_model import AttackerData, Reconstruction, ThreatModel


@dataclass(frozen=True)
class MeanImageSettings:
    """Which records the attacker knows: the target's training records, `train`, or test records, `infer`."""

    attacker_data: AttackerData


class MeanImageAttack:
    """Ignore what was sent, and return the mean of the known images."""

    limit = None  # it inverts any number of images

    def __init__(self, settings: MeanImageSettings) -> None:
        """Store which records are known."""
        self.attacker_data = settings.attacker_data

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Accept features of any shape."""

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Return float32 [m, C, H, W] in [0, 1]."""
        mean = victim.targets(victim.known).mean(0)
        return Reconstruction(mean.expand(len(victim.scored), -1, -1, -1))


METHOD = InversionAttack(
    name="mean_image",
    settings=MeanImageSettings,
    attack=MeanImageAttack,
    examples=({"attack": "mean_image", "attacker_data": "train"},),
)
