"""Model inversion: what image was this, going by the features that were sent? One file per attack.

settings_class, attack_class = INVERSIONS["decoder"]
attack = attack_class(settings)
reconstruction = attack(victim, generator)
"""

from __future__ import annotations

from typing import Any

from privprune.attacks.inversion.decoder import DecoderAttack, DecoderSettings
from privprune.attacks.inversion.deep_prior import DeepPriorAttack, DeepPriorSettings
from privprune.attacks.inversion.gan import GanAttack, GanSettings
from privprune.attacks.inversion.rmle import RmleAttack, RmleSettings
from privprune.attacks.inversion.threat_model import AttackerData, Inversion, Reconstruction, ThreatModel

INVERSIONS: dict[str, tuple[type[Any], type[Any]]] = {
    "decoder": (DecoderSettings, DecoderAttack),
    "gan": (GanSettings, GanAttack),
    "rmle": (RmleSettings, RmleAttack),
    "deep_prior": (DeepPriorSettings, DeepPriorAttack),
}

__all__ = ["INVERSIONS", "AttackerData", "DecoderAttack", "Inversion", "Reconstruction", "ThreatModel"]
