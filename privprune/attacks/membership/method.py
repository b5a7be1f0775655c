"""How a membership attack declares itself: its file sets `METHOD` to a `MembershipAttack`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privprune.attacks.membership.attack import Attack
from privprune.attacks.membership.view import View
from privprune.checks import Check, no_checks
from privprune.metrics.membership import Scores


def _one_query(_: Any) -> tuple[View, ...]:
    """Return none: the attack queries the target once with each record, as it is."""
    return ()


@dataclass(frozen=True)
class KnownRecords:
    """What an attacker knows, as its suite describes it before anything is trained.

    Attributes:
        members: number of records that are known as members.
        nonmembers: number of those that are known as non-members.
        side: of the images, in pixels.

    """

    members: int
    nonmembers: int
    side: int


def check_held_out(validation: float, known: KnownRecords) -> None:
    """Refuse a share of the known records that is no record, or all of them, of members or of non-members.

    Raises:
        ValueError: begins with the key `validation`.

    """
    for kind, count in (("members", known.members), ("non-members", known.nonmembers)):
        if not 0 < math.floor(count * validation) < count:
            raise ValueError(
                f"validation: found {validation:g} of {count} known {kind}, allowed a share that leaves records on "
                "both sides"
            )


def _accept_all(settings: Any, known: KnownRecords) -> None:
    """Accept all settings that could be read."""


@dataclass(frozen=True)
class MembershipAttack:
    """Declaration of one membership attack.

    Attributes:
        name: value of the key `attack` in a suite.
        settings: frozen dataclass of its settings, the other keys in the suite.
        attack: builds the attack from an instance of `settings`; usually the attack's class.
        needs_shadows: whether it needs shadow models of its target; a suite that attacks a target without shadow
            models is refused before anything is trained.
        needs_companion: whether it compares its target with a second network that was released together with it; an
            entry of a suite names that network's cell as `released_with`.
        views: settings -> the changed records that the target (and the shadow models, where the attack needs them) are
            queried with, besides each record as it is; `Outputs.views` has the answers.
        check: validates settings against what the attacker knows, before anything is trained; raises a ValueError that
            begins with the key at fault.
        checks: (settings, scores of each target) -> checks of the attack itself, such as whether its network had
            converged. Those that all attacks share are made by the stage.
        examples: settings as a suite has them, with the key `attack`, that run in about a second; the tests that all
            attacks share use them. They shorten training further where a key is `epochs` or `steps`, nested keys too.
        control: whether it ignores the model on purpose, to show what can be scored without it; a control can never be
            called the strongest attack.

    """

    name: str
    settings: type[Any]
    attack: Callable[[Any], Attack]
    needs_shadows: bool = False
    needs_companion: bool = False
    views: Callable[[Any], tuple[View, ...]] = _one_query
    check: Callable[[Any, KnownRecords], None] = _accept_all
    checks: Callable[[Any, Sequence[Scores]], tuple[Check, ...]] = no_checks
    examples: tuple[Mapping[str, object], ...] = ()
    control: bool = False

    @property
    def logits_suffice(self) -> bool:
        """Whether it needs no more than one network's answers to the records as they are, of some known membership."""
        return not self.needs_shadows and not self.needs_companion and self.views is _one_query
