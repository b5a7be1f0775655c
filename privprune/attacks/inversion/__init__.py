"""Model inversion: reconstruct an image from the features that an edge device transmitted. One file per attack.

Each file declares its attack (`METHOD`, see `method.py`), and `INVERSION_ATTACKS` finds it there:

method = INVERSION_ATTACKS["decoder"]
attack = method.attack(settings)  # settings: an instance of method.settings
reconstruction = attack(threat, generator)

This module imports no attack, so that code which uses one attack does not depend on the files of the others.
"""

from __future__ import annotations

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.registry import Registry

INVERSION_ATTACKS = Registry("privprune.attacks.inversion", InversionAttack, "privprune.attacks")

__all__ = [
    "INVERSION_ATTACKS",
    "AttackerData",
    "Inversion",
    "InversionAttack",
    "Reconstruction",
    "ThreatModel",
]
