"""Membership inference: was a record in the training set of a model? One file per attack.

Each file declares its attack (`METHOD`, see `method.py`), and `MEMBERSHIP_ATTACKS` finds it there:

method = MEMBERSHIP_ATTACKS["nasr"]
attack = method.attack(settings)  # settings: an instance of method.settings
scores = attack(evidence, generator)

This module imports no attack, so that code which uses one attack does not depend on the files of the others.
"""

from __future__ import annotations

from privprune.attacks.membership.attack import Attack, TrainsTogether, attack_each
from privprune.attacks.membership.base_rate import at_odds, replay
from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows, evidence_about, evidence_from_halves
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.view import View
from privprune.registry import Registry

MEMBERSHIP_ATTACKS = Registry("privprune.attacks.membership", MembershipAttack, "privprune.attacks")

__all__ = [
    "MEMBERSHIP_ATTACKS",
    "Attack",
    "Evidence",
    "MembershipAttack",
    "Outputs",
    "Shadows",
    "TrainsTogether",
    "View",
    "at_odds",
    "attack_each",
    "evidence_about",
    "evidence_from_halves",
    "replay",
]
