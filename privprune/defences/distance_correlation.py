"""NoPeek (Vepakomma et al. 2020, arXiv 2008.09161): reduce the distance correlation of images and features.

This is `DistCorr` in the tables of CEM (arXiv 2503.00383) and, with more noise on the wire, their `Noise_NoPeek`. The
term weight * dCor(x, z) of each batch, on the features before noise, is added to the loss. CEM's released code
multiplies its strength s by 1 on CIFAR-10 and by 0.1 on every other dataset; `weight` is that product. The code also
divides each image channel by its standard deviation, where the images here are in [-1, 1]. dCor is invariant to a
common scale of all channels, but changes a little with separate ones.
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

_FLOOR = 1e-7  # of the released code: added under every square root, so that no gradient is infinite


@dataclass(frozen=True)
class DistanceCorrelationSettings:
    """The weight of the distance correlation in the loss."""

    name: Literal["distance_correlation"]
    weight: NonNegative


class DistanceCorrelation(Term):
    """Add the distance correlation of images and features to the loss."""

    def __init__(self, settings: DistanceCorrelationSettings) -> None:
        """Store the weight."""
        self._weight = settings.weight

    def penalty(self, step: Step) -> Tensor:
        """Return weight * dCor(x, z) of the batch."""
        return self._weight * distance_correlation(step.inputs, features_of(step))


def distance_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return the sample distance correlation dCor, not squared (Szekely, Rizzo and Bakirov 2007, Definition 3).

    Args:
        first: [n, ...], n vectors of any shape.
        second: [n, ...], n vectors of any shape.

    Returns:
        a scalar in [0, 1], up to the floor of 1e-7 under its square roots: 1 where one argument is a shifted, scaled
        and rotated copy of the other, near 0 for many independent vectors.

    """
    first_distances, second_distances = _centred_distances(first), _centred_distances(second)
    covariance = (first_distances * second_distances).mean().add(_FLOOR).sqrt()
    variances = first_distances.square().mean().add(_FLOOR).sqrt() * second_distances.square().mean().add(_FLOOR).sqrt()
    return covariance / variances.add(_FLOOR).sqrt()


def _centred_distances(vectors: Tensor) -> Tensor:
    """Return the Euclidean distances of all pairs minus the means of row and column plus the overall mean: [n, n]."""
    flat = vectors.flatten(1)
    flat = flat - flat.mean(0)  # changes no distance, but the squares subtracted below are smaller: less rounding error
    squares = flat.square().sum(1)
    distances = (squares[:, None] - 2 * flat @ flat.T + squares).clamp(min=_FLOOR).sqrt()
    return distances - distances.mean(0) - distances.mean(1, keepdim=True) + distances.mean()


def defend_by_distance_correlation(settings: DistanceCorrelationSettings, context: DefenceContext) -> Defence:
    """Add the distance correlation to the loss during the whole training."""
    require_cut(settings.name, context)
    return Defence(terms=(DistanceCorrelation(settings),))


METHOD = DefenceMethod(
    settings=DistanceCorrelationSettings,
    build=defend_by_distance_correlation,
    needs=frozenset({"cut"}),
    examples=({"name": "distance_correlation", "weight": 0.5},),
)
