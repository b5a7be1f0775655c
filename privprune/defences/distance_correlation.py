"""NoPeek (Vepakomma et al. 2020, arXiv 2008.09161): features whose distances say little about those of the images.

`DistCorr` in the tables of CEM (arXiv 2503.00383), and with more noise on the wire its `Noise_NoPeek`. The loss gains
weight * dCor(x, z) over each batch, on the features before noise. CEM's released code multiplies its strength s by 1
on CIFAR-10 and by 0.1 on every other dataset; `weight` here is that product. It also normalises the images with each
channel's own deviation, where they lie in [-1, 1] here; distances change a little with that, not with a common scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from privprune.defences.at_the_cut import features_of, require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.settings import NonNegative
from privprune.training.loop import Step, Term

_FLOOR = 1e-7  # of the released code: under every root, so that no gradient is infinite


@dataclass(frozen=True)
class DistanceCorrelationSettings:
    """How much the distance correlation costs, in units of the task loss."""

    name: Literal["distance_correlation"]
    weight: NonNegative


class DistanceCorrelation(Term):
    """Add the distance correlation of images and features to the loss."""

    def __init__(self, settings: DistanceCorrelationSettings) -> None:
        """Take the weight."""
        self._weight = settings.weight

    def penalty(self, step: Step) -> Tensor:
        """Return weight * dCor(x, z) of the batch."""
        return self._weight * distance_correlation(step.inputs, features_of(step))


def distance_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Sample distance correlation (Szekely, Rizzo and Bakirov 2007, Definition 3), the root of its square.

    Args:
        first: [n, ...], n vectors of any shape.
        second: [n, ...], n others.

    Returns:
        a scalar in [0, 1] up to the floor of 1e-7 under its roots: 1 where one is a shifted, scaled and turned copy of
        the other, near 0 for many independent vectors.

    """
    one, other = _centred_distances(first), _centred_distances(second)
    covariance = (one * other).mean().add(_FLOOR).sqrt()
    variances = one.square().mean().add(_FLOOR).sqrt() * other.square().mean().add(_FLOOR).sqrt()
    return covariance / variances.add(_FLOOR).sqrt()


def _centred_distances(vectors: Tensor) -> Tensor:
    """Euclidean distances of all pairs, less the means of row and column, plus that of all: [n, n]."""
    flat = vectors.flatten(1)
    flat = flat - flat.mean(0)  # no distance changes, but less is lost where squares are subtracted below
    squares = flat.square().sum(1)
    distances = (squares[:, None] - 2 * flat @ flat.T + squares).clamp(min=_FLOOR).sqrt()
    return distances - distances.mean(0) - distances.mean(1, keepdim=True) + distances.mean()


def defend_by_distance_correlation(settings: DistanceCorrelationSettings, context: DefenceContext) -> Defence:
    """Train with the distance correlation in the loss from the first step to the last."""
    require_cut(settings.name, context)
    return Defence(terms=(DistanceCorrelation(settings),))


METHOD = DefenceMethod(
    settings=DistanceCorrelationSettings,
    build=defend_by_distance_correlation,
    needs=frozenset({"cut"}),
    examples=({"name": "distance_correlation", "weight": 0.5},),
)
