"""Logit decay, a defence of a plugin: a penalty on large logits, against confident outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from outside_methods.strength import STRENGTH
from privprune.defences import Defence, DefenceContext, DefenceMethod
from privprune.settings import NonNegative
from privprune.training.loop import Step, Term


@dataclass(frozen=True)
class LogitDecaySettings:
    """The weight of the penalty."""

    name: Literal["logit_decay"]
    weight: NonNegative


class LogitDecay(Term):
    """Add the mean square of the logits to the loss."""

    def __init__(self, weight: float) -> None:
        """Store the weight."""
        self._weight = weight

    def penalty(self, step: Step) -> Tensor:
        """Return the penalty, summed over the networks of the stack."""
        return self._weight * STRENGTH * step.logits.square().mean() * step.ensemble.members


def logit_decay(settings: LogitDecaySettings, context: DefenceContext) -> Defence:
    """Apply the penalty during the whole training."""
    del context
    return Defence(terms=(LogitDecay(settings.weight),))


METHOD = DefenceMethod(
    settings=LogitDecaySettings,
    build=logit_decay,
    examples=({"name": "logit_decay", "weight": 0.1},),
)
