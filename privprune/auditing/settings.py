"""Settings of an audit: how records are divided, and how much is drawn and shown; each has a documented default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from privprune.auditing.menu import INVERSIONS, MEMBERSHIP
from privprune.errors import UserError, shown
from privprune.settings import Range

_LEAST_RESAMPLES = 100  # a percentile of fewer is one of the few most extreme ones
_SEEDS = Range(0, 2**32 - 1)
Chosen = Mapping[str, Mapping[str, object]]  # label -> settings of an attack, whose key `attack` names the method


@dataclass(frozen=True)
class AuditSettings:
    """Settings of `audit` and of `privprune audit`.

    Attributes:
        known: share of the members, and of the non-members, whose membership the attacker knows. Attacks learn and set
            their thresholds on these, and are never scored on them.
        selection: share on which attacks are compared, to choose the strongest one; neither known nor evaluated. All
            other records are evaluated.
        resamples: of the bootstrap of records behind each interval.
        exposed: how many of the most exposed records are listed.
        batch: records in one query of the model.
        attacks: the attacks that are run where the evidence allows them; by default those of `menu.MEMBERSHIP`.

    """

    known: float = 0.4
    selection: float = 0.1
    resamples: int = 1000
    exposed: int = 20
    batch: int = 512
    attacks: Chosen = field(default_factory=lambda: MEMBERSHIP)

    def __post_init__(self) -> None:
        """Refuse what leaves no records for a part: UserError, one line."""
        _check_shares(self.known, self.selection, "AuditSettings")
        _check_counts(self, {"resamples": _LEAST_RESAMPLES, "exposed": 0, "batch": 1})
        _check_attacks(self.attacks, "AuditSettings")


@dataclass(frozen=True)
class SplitSettings:
    """Settings of `audit_split`.

    Attributes:
        known: share of the images that the attacker has; it learns on these, and is never scored on them.
        images: how many of the other images are reconstructed and scored at most, evenly spaced.
        selection: how many further images are reconstructed, to choose the strongest attack, for each scored one.
        queries: how often each image is sent where the edge is random; the attacker averages the features.
        twice: whether decoder and rMLE run again with twice their budget, to check that more would not help.
        resamples: of the bootstrap of images behind each interval.
        shown: how many reconstructions are shown on the page.
        attacks: the attacks that are run where the features allow them; by default those of `menu.INVERSIONS`. Their
            keys `attacker_data` and `queries` are set by the audit.

    """

    known: float = 0.7
    images: int = 100
    selection: float = 0.2
    queries: int = 1
    twice: bool = False
    resamples: int = 1000
    shown: int = 8
    attacks: Chosen = field(default_factory=lambda: INVERSIONS)

    def __post_init__(self) -> None:
        """Refuse what leaves no images for a part: UserError, one line."""
        _check_shares(self.known, self.selection, "SplitSettings")
        _check_counts(self, {"images": 2, "queries": 1, "resamples": _LEAST_RESAMPLES, "shown": 0})
        _check_attacks(self.attacks, "SplitSettings")


def as_record(settings: AuditSettings | SplitSettings) -> dict[str, Any]:
    """Return the settings as plain data for JSON."""
    plain = {one.name: getattr(settings, one.name) for one in fields(settings)}
    return {**plain, "attacks": {label: dict(chosen) for label, chosen in settings.attacks.items()}}


def check_seed(seed: object) -> None:
    """Refuse what cannot seed a generator: UserError, one line."""
    if type(seed) is not int or seed not in _SEEDS:
        raise UserError(f"seed: found {shown(seed)}, allowed an integer of {_SEEDS}")


def _check_shares(known: float, selection: float, kind: str) -> None:
    for name, value in (("known", known), ("selection", selection)):
        if not 0 < value < 1:
            raise UserError(f"{kind}.{name}: found {shown(value)}, allowed above 0 and below 1")
    if known + selection >= 1:
        raise UserError(f"{kind}: found known {known:g} and selection {selection:g}, allowed a sum below 1")


def _check_counts(settings: object, least: Mapping[str, int]) -> None:
    for name, lowest in least.items():
        value = getattr(settings, name)
        if type(value) is not int or value < lowest:
            raise UserError(f"{type(settings).__name__}.{name}: found {shown(value)}, allowed at least {lowest}")


def _check_attacks(attacks: Chosen, kind: str) -> None:
    if not attacks:
        raise UserError(f"{kind}.attacks: found none, allowed at least one")
