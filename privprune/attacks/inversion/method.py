"""How an inversion attack declares itself: its file sets `METHOD` to an `InversionAttack`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privprune.attacks.inversion.attack import Inversion
from privprune.checks import Check, no_checks

Histories = Sequence[Mapping[str, Sequence[float]]]  # one per target: curve -> a number per epoch


@dataclass(frozen=True)
class InversionAttack:
    """Declaration of one inversion attack.

    Attributes:
        name: value of the key `attack` in a suite.
        settings: frozen dataclass of its settings, the other keys in the suite.
        attack: builds the attack from an instance of `settings`; usually the attack's class.
        checks: (settings, the curves of each target's attack) -> checks of the attack itself, such as whether its
            decoder had converged. Those that all attacks share are made by the stage, see `checks/`.
        control: whether it ignores the features: a control is shown beside the attacks, and is never the strongest.
        needs_classes: whether it uses the classes that the target predicts, which re-identification networks do not.
        examples: settings as a suite has them, with the key `attack`, that invert a few images of 8 x 8 pixels in
            about a second; the tests that all attacks share use them.

    """

    name: str
    settings: type[Any]
    attack: Callable[[Any], Inversion]
    checks: Callable[[Any, Histories], tuple[Check, ...]] = no_checks
    control: bool = False
    needs_classes: bool = False
    examples: tuple[Mapping[str, object], ...] = ()
