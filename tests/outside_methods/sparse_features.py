"""A defence of what the edge sends: every feature costs its magnitude, so that the network learns to send little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from privprune.defences.at_the_cut import features_of
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.settings import NonNegative
from privprune.training.loop import Step, Term


@dataclass(frozen=True)
class SparseFeaturesSettings:
    """What a feature of magnitude 1 costs, in units of the task loss."""

    name: Literal["sparse_features"]
    weight: NonNegative


class SparseFeatures(Term):
    """Add weight * mean |z| to the loss."""

    def __init__(self, settings: SparseFeaturesSettings) -> None:
        """Store the weight."""
        self._weight = settings.weight

    def penalty(self, step: Step) -> Tensor:
        """Return weight * mean |z| over the noise-free features z, [batch, channels, height, width]."""
        return self._weight * features_of(step).abs().mean()


def sparse_features(settings: SparseFeaturesSettings, context: DefenceContext) -> Defence:
    """Train with the term from the first step to the last."""
    del context
    return Defence(terms=(SparseFeatures(settings),))


METHOD = DefenceMethod(
    settings=SparseFeaturesSettings,
    build=sparse_features,
    needs=frozenset({"cut"}),
    examples=({"name": "sparse_features", "weight": 0.1},),
)
