"""A control: the dense network, trained for as many further epochs as the pruned one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod


@dataclass(frozen=True)
class DenseSettings:
    """No settings: further training only, whose epochs are in the plan of the cell."""

    name: Literal["dense"]


def dense(settings: DenseSettings, context: DefenceContext) -> Defence:
    """Leave the training unchanged."""
    del settings, context
    return Defence()


METHOD = DefenceMethod(settings=DenseSettings, build=dense, examples=({"name": "dense"},))
