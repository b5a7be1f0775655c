"""A control for pruning: a network of the same widths, trained from random weights.

Whether pruning is worth its trouble is a question to the narrow network that is trained for as long: Liu et al.,
"Rethinking the value of network pruning" (ICLR 2019), found it as good. The networks have the channels and blocks that
are left of those in `from`. Their weights are drawn as for the whole architecture, of which each layer takes the first
channels; a normalisation behind each convolution makes their scale irrelevant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod


@dataclass(frozen=True)
class FromScratchSettings:
    """No settings: the shapes are those of the cell in `from`, and the plan of the entry says how they are trained."""

    name: Literal["from_scratch"]


def from_scratch(settings: FromScratchSettings, context: DefenceContext) -> Defence:
    """Start from new weights."""
    del settings, context
    return Defence(fresh=True)


METHOD = DefenceMethod(
    settings=FromScratchSettings,
    build=from_scratch,
    needs=frozenset({"trained_start", "whole_training"}),
    examples=({"name": "from_scratch"},),
)
