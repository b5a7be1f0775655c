"""The control of every inversion attack: answer every query with the mean of the known images, whatever was sent."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel


@dataclass(frozen=True)
class MeanImageSettings:
    """Settings of the control.

    Attributes:
        attacker_data: whose mean it is: `train`, that of the target's training records, or `infer`, that of the first
            90 % of the test records.

    """

    attacker_data: AttackerData


class MeanImageAttack(Inversion):
    """The image with the least squared error for an attacker who receives nothing. History: none."""

    def __init__(self, settings: MeanImageSettings) -> None:
        self.attacker_data = settings.attacker_data

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Return the mean of the auxiliary images for each scored image; draws nothing."""
        mean = threat.mean_image(threat.auxiliary)
        return Reconstruction(mean.expand(len(threat.scored), *mean.shape))


METHOD = InversionAttack(
    name="mean_image",
    settings=MeanImageSettings,
    attack=MeanImageAttack,
    control=True,
    examples=({"attack": "mean_image", "attacker_data": "train"},),
)
