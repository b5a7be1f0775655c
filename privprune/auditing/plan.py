"""Which attacks the evidence allows, and why it does not allow the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privprune.attacks.choice import attack_of, read_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Attack, MembershipAttack, View
from privprune.attacks.membership.method import KnownRecords
from privprune.auditing.queries import Changes
from privprune.auditing.settings import Chosen

NO_SHADOWS = "needs shadow models: `train` and `shadows` of `audit`, or their scores in the file"
_NO_COMPANION = "needs a second network that was released together with the model, which an audit has not"
_NEEDS: Mapping[Changes, str] = {
    "noise": "needs inputs of floating-point numbers, to which noise can be added, and the model itself",
    "images": "needs inputs that are images [n, channels, height, width], to shift or mirror, and the model itself",
}
_REACH: Mapping[Changes, int] = {"none": 0, "noise": 1, "images": 2}


@dataclass(frozen=True)
class PlannedAttack:
    """An attack that is run: its declaration, its settings, as read and as written, and the attack itself."""

    method: MembershipAttack
    settings: Any
    written: Mapping[str, object]
    attack: Attack

    @property
    def views(self) -> tuple[View, ...]:
        """The changed records that the model is asked about."""
        return self.method.views(self.settings)


@dataclass(frozen=True)
class Plan:
    """The attacks of an audit by label, and label -> why for those that cannot be run."""

    attacks: Mapping[str, PlannedAttack]
    not_run: Mapping[str, str]

    @property
    def views(self) -> tuple[View, ...]:
        """The changed records that all attacks need, each once."""
        return tuple(dict.fromkeys(view for one in self.attacks.values() for view in one.views))

    @property
    def shadow_views(self) -> tuple[View, ...]:
        """Those of them that shadow models are asked about too."""
        shadowed = (one for one in self.attacks.values() if one.method.needs_shadows)
        return tuple(dict.fromkeys(view for one in shadowed for view in one.views))


def plan_attacks(chosen: Chosen, changes: Changes, known: KnownRecords, *, shadows: bool) -> Plan:
    """Decide which attacks are run.

    Args:
        chosen: label -> settings as in a suite.
        changes: how the model can be asked about changed records.
        known: what the attacker knows.
        shadows: whether there are shadow models.

    Raises:
        UserError: an attack is unknown, or its settings are wrong.

    """
    attacks: dict[str, PlannedAttack] = {}
    not_run: dict[str, str] = {}
    for label, written in chosen.items():
        method, settings = read_attack(MEMBERSHIP_ATTACKS, written, f"attacks.{label}")
        planned = PlannedAttack(method, settings, written, attack_of(method, settings))
        why = _refusal(planned, changes, known, shadows=shadows)
        if why:
            not_run[label] = why
        else:
            attacks[label] = planned
    return Plan(attacks, not_run)


def _refusal(planned: PlannedAttack, changes: Changes, known: KnownRecords, *, shadows: bool) -> str:
    """Return why an attack cannot be run; empty where it can."""
    if planned.method.needs_companion:
        return _NO_COMPANION
    if planned.method.needs_shadows and not shadows:
        return NO_SHADOWS
    needed = _most([_needed(view) for view in planned.views])
    if _REACH[needed] > _REACH[changes]:
        return _NEEDS[needed]
    try:
        planned.method.check(planned.settings, known)
    except ValueError as refused:
        return str(refused)
    return ""


def _most(needs: list[Changes]) -> Changes:
    """Return the need that includes all others; of none, none."""
    return max(needs, key=lambda need: _REACH[need]) if needs else "none"


def _needed(view: View) -> Changes:
    return "images" if view.mirrored or view.down or view.right else "noise"
