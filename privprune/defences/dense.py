"""The control that a referee asks for: the dense network, trained on for as long as the pruned one was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod


@dataclass(frozen=True)
class DenseSettings:
    """More epochs and nothing else; the plan of the cell says how many."""

    name: Literal["dense"]


def dense(settings: DenseSettings, context: DefenceContext) -> Defence:
    """Add nothing to the training."""
    del settings, context
    return Defence()


METHOD = DefenceMethod(settings=DenseSettings, build=dense, examples=({"name": "dense"},))
