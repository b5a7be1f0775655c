"""How a membership attack declares itself: its file sets `METHOD` to a `MembershipAttack`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from privprune.attacks.membership.attack import Attack


@dataclass(frozen=True)
class MembershipAttack:
    """Declaration of one membership attack.

    Attributes:
        name: value of the key `attack` in a suite.
        settings: frozen dataclass of its settings, the other keys in the suite.
        attack: builds the attack from an instance of `settings`; usually the attack's class.
        needs_shadows: whether it needs shadow models of its target; a suite that attacks a target without shadow
            models is refused before anything is trained.
        examples: settings as a suite has them, with the key `attack`, that run in about a second; the tests that all
            attacks share use them. They shorten training further where a key is `epochs` or `steps`.

    """

    name: str
    settings: type[Any]
    attack: Callable[[Any], Attack]
    needs_shadows: bool = False
    examples: tuple[Mapping[str, object], ...] = ()
