"""How an inversion attack declares itself: its file sets `METHOD` to an `InversionAttack`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from privprune.attacks.inversion.attack import Inversion


@dataclass(frozen=True)
class InversionAttack:
    """Declaration of one inversion attack.

    Attributes:
        name: value of the key `attack` in a suite.
        settings: frozen dataclass of its settings, the other keys in the suite.
        attack: builds the attack from an instance of `settings`; usually the attack's class.
        examples: settings as a suite has them, with the key `attack`, that invert a few images of 8 x 8 pixels in
            about a second; the tests that all attacks share use them.

    """

    name: str
    settings: type[Any]
    attack: Callable[[Any], Inversion]
    examples: tuple[Mapping[str, object], ...] = ()
