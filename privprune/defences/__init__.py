"""Defences, one file each: terms of the loss, gradient transforms, stopping rules; layers on the wire are in `models`.

A new defence is one file with a settings class, whose `name` is a literal, and a function that turns settings into a
`Defence`; then one line in `DefenceSettings` and one in `DEFENCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from privprune.defences.cem import CemSettings, cem, needs_noise
from privprune.defences.confidence_penalty import ConfidencePenaltySettings, confidence_penalty
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.dense import DenseSettings, dense
from privprune.defences.distance_correlation import DistanceCorrelationSettings, defend_by_distance_correlation
from privprune.defences.dp_sgd import DpSgdSettings, dp_sgd
from privprune.defences.lipschitz import LipschitzSettings, check_lipschitz
from privprune.defences.matched_accuracy import MatchedAccuracySettings, matched_accuracy
from privprune.defences.min_max import MinMaxSettings, min_max
from privprune.defences.patrol import PatrolSettings, patrol
from privprune.defences.patrol_as_in_cem import PatrolAsInCemSettings, check_patrol, patrol_as_in_cem
from privprune.defences.resfl import GameSettings, ResSflSettings, resfl

DefenceSettings = (
    CemSettings
    | ConfidencePenaltySettings
    | DenseSettings
    | DistanceCorrelationSettings
    | DpSgdSettings
    | MatchedAccuracySettings
    | MinMaxSettings
    | PatrolAsInCemSettings
    | PatrolSettings
    | ResSflSettings
)


def _cem(settings: CemSettings, context: DefenceContext) -> Defence:
    """Plug CEM into the defence that it is to stand on."""
    return cem(settings, context, Defence() if settings.base is None else set_up(settings.base, context))


DEFENCES: dict[type[Any], Callable[[Any, DefenceContext], Defence]] = {
    CemSettings: _cem,
    ConfidencePenaltySettings: confidence_penalty,
    DenseSettings: dense,
    DistanceCorrelationSettings: defend_by_distance_correlation,
    DpSgdSettings: dp_sgd,
    MatchedAccuracySettings: matched_accuracy,
    MinMaxSettings: min_max,
    PatrolAsInCemSettings: patrol_as_in_cem,
    PatrolSettings: patrol,
    ResSflSettings: resfl,
}

NEEDS_REFERENCE: tuple[type[Any], ...] = (MinMaxSettings,)
NEEDS_CUT: tuple[type[Any], ...] = (
    CemSettings,
    DistanceCorrelationSettings,
    PatrolAsInCemSettings,
    PatrolSettings,
    ResSflSettings,
)

LATE: dict[type[Any], str] = {CemSettings: "sklearn.cluster", DpSgdSettings: "opacus"}  # seconds that others need not


def import_late(settings: DefenceSettings | None) -> None:
    """Import what a defence needs and others do without, before workers fork that would each import it again."""
    if type(settings) in LATE:
        import_module(LATE[type(settings)])


def games_of(settings: DefenceSettings | None) -> tuple[LipschitzSettings | None, GameSettings | None]:
    """Return the Lipschitz terms and the game against a decoder that a defence brings, under CEM too."""
    own = settings.base if isinstance(settings, CemSettings) else settings
    if isinstance(own, PatrolSettings):
        return own.lipschitz, own.game
    return None, own if isinstance(own, GameSettings) else None


def set_up(settings: DefenceSettings, context: DefenceContext) -> Defence:
    """Turn settings into what the training loop is handed.

    Raises:
        ValueError: the defence cannot work on what it is given; says why.

    """
    return DEFENCES[type(settings)](settings, context)


__all__ = [
    "DEFENCES",
    "NEEDS_CUT",
    "NEEDS_REFERENCE",
    "CemSettings",
    "Defence",
    "DefenceContext",
    "DefenceSettings",
    "DpSgdSettings",
    "GameSettings",
    "LipschitzSettings",
    "MatchedAccuracySettings",
    "PatrolAsInCemSettings",
    "PatrolSettings",
    "check_lipschitz",
    "check_patrol",
    "games_of",
    "import_late",
    "needs_noise",
    "set_up",
]
