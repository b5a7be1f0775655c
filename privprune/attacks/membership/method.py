"""How a membership attack declares itself: its file sets `METHOD` to a `MembershipAttack`."""

from __future__ import annotations

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
    checks: Callable[[Any, Sequence[Scores]], tuple[Check, ...]] = no_checks
    examples: tuple[Mapping[str, object], ...] = ()
    control: bool = False
