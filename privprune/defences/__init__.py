"""Defences against membership inference, one file each: terms of the loss, gradient transforms, stopping rules.

A new defence is one file with a settings class, whose `name` is a literal, and a function that turns settings into a
`Defence`; then one line in `DefenceSettings` and one in `DEFENCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from privprune.defences.confidence_penalty import ConfidencePenaltySettings, confidence_penalty
from privprune.defences.defence import Defence, Setting
from privprune.defences.dense import DenseSettings, dense
from privprune.defences.dp_sgd import DpSgdSettings, dp_sgd
from privprune.defences.matched_accuracy import MatchedAccuracySettings, matched_accuracy
from privprune.defences.min_max import MinMaxSettings, min_max

DefenceSettings = ConfidencePenaltySettings | DenseSettings | DpSgdSettings | MatchedAccuracySettings | MinMaxSettings

DEFENCES: dict[type[Any], Callable[[Any, Setting], Defence]] = {
    ConfidencePenaltySettings: confidence_penalty,
    DenseSettings: dense,
    DpSgdSettings: dp_sgd,
    MatchedAccuracySettings: matched_accuracy,
    MinMaxSettings: min_max,
}

NEEDS_REFERENCE: tuple[type[Any], ...] = (MinMaxSettings,)


def set_up(settings: DefenceSettings, setting: Setting) -> Defence:
    """Turn settings into what the training loop is handed.

    Raises:
        ValueError: the defence cannot work on what it is given; says why.

    """
    return DEFENCES[type(settings)](settings, setting)


__all__ = [
    "DEFENCES",
    "NEEDS_REFERENCE",
    "Defence",
    "DefenceSettings",
    "DpSgdSettings",
    "MatchedAccuracySettings",
    "Setting",
    "set_up",
]
