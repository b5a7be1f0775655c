"""Membership attacks: was this record in the training set? One file per attack; `ATTACKS` is the table of all.

settings_class, attack_class = ATTACKS["nasr"]
attack = attack_class(settings)
scores = attack(evidence, generator)
"""

from __future__ import annotations

from typing import Any

from privprune.attacks.membership.attack import Attack, TrainsTogether, attack_each
from privprune.attacks.membership.base_rate import at_odds, replay
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.entropy import EntropyAttack
from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows, evidence_about, evidence_from_halves
from privprune.attacks.membership.gap import GapAttack, GapSettings
from privprune.attacks.membership.lira import LiRAAttack, LiRASettings
from privprune.attacks.membership.loss import LossAttack, LossSettings
from privprune.attacks.membership.modified_entropy import ModifiedEntropyAttack
from privprune.attacks.membership.nasr import NasrAttack, NasrSettings
from privprune.attacks.membership.rahman import RahmanAttack, RahmanSettings
from privprune.attacks.membership.rmia import RMIAAttack, RMIASettings
from privprune.attacks.membership.thresholds import ThresholdSettings

ATTACKS: dict[str, tuple[type[Any], type[Any]]] = {
    "nasr": (NasrSettings, NasrAttack),
    "gap": (GapSettings, GapAttack),
    "loss": (LossSettings, LossAttack),
    "confidence": (ThresholdSettings, ConfidenceAttack),
    "entropy": (ThresholdSettings, EntropyAttack),
    "modified_entropy": (ThresholdSettings, ModifiedEntropyAttack),
    "rahman": (RahmanSettings, RahmanAttack),
    "lira": (LiRASettings, LiRAAttack),
    "rmia": (RMIASettings, RMIAAttack),
}

__all__ = [
    "ATTACKS",
    "Attack",
    "Evidence",
    "LiRAAttack",
    "Outputs",
    "RMIAAttack",
    "Shadows",
    "TrainsTogether",
    "at_odds",
    "attack_each",
    "evidence_about",
    "evidence_from_halves",
    "replay",
]
