"""Settings of CEM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from privprune.defences.distance_correlation import DistanceCorrelationSettings
from privprune.defences.patrol import PatrolSettings
from privprune.defences.patrol_as_in_cem import PatrolAsInCemSettings
from privprune.defences.resfl import ResSflSettings
from privprune.settings import AtLeastOne, NonNegative, Positive, Range
from privprune.training.batches import Augmentation

Slip = Literal["wrong_index", "misaligned_clusters"]


@dataclass(frozen=True)
class AsWrittenSettings:
    """The loss of Equation 7.

    Attributes:
        clusters_per_class: components of the mixture per class of the data; 3 in the paper, k = 3n.
        covariance: Sigma_j; `full` is the paper's, with Equations 5 and 6 running from batch to batch; `from_fit` the
            same for a batch that follows the fit, for every batch; `diagonal` runs on variances alone.

    """

    name: Literal["as_written"]
    clusters_per_class: AtLeastOne
    covariance: Literal["full", "from_fit", "diagonal"]


@dataclass(frozen=True)
class AsReleasedSettings:
    """The loss of the released code.

    Attributes:
        clusters_per_class: 5 for VGG-11, 15 for ResNet-20 in the code.
        floor: gamma, 0.01.
        threshold: tau, what counts of the noise's variance: 0.125, for Tiny-ImageNet 0.0625.
        batch_factor: how much more a batch weighs in a variance than its records do: 10.
        batch_cap: its weight where that would be 1 or more: 0.99.
        slips: mistakes of the code to repeat: `wrong_index` takes weight and stored variance of the class that the
            q-th record belongs to for the q-th class; `misaligned_clusters` closes up the variances and weights where
            a cluster is empty, or the weights alone where it has a single record, and fills up at the end.

    """

    name: Literal["as_released"]
    clusters_per_class: AtLeastOne
    floor: Positive
    threshold: NonNegative
    batch_factor: Positive
    batch_cap: Annotated[float, Range(0, 1, open_low=True)]
    slips: tuple[Slip, ...]


@dataclass(frozen=True)
class CollectedSettings:
    """Fit the mixture to the features that the epoch's own steps computed.

    They are the features of a network that moved meanwhile, in training mode, of images varied as for training; no
    network runs for them. The first epoch has no mixture.
    """

    name: Literal["collected"]


@dataclass(frozen=True)
class SeparatePassSettings:
    """Fit the mixture to the features of the network as it is between two epochs, in evaluation mode.

    Attributes:
        augmentation: of the images; the released code varies them as for training.

    """

    name: Literal["separate_pass"]
    augmentation: Augmentation


@dataclass(frozen=True)
class CemSettings:
    """Conditional-entropy maximisation, beside any other defence of the cut.

    Attributes:
        form: the loss as the paper writes it or as its code has it.
        weight: lambda, 16 in the paper.
        weight_schedule: `released` multiplies lambda by 0.001 / learning rate while the rate is at least 0.00041.
        refit: what the mixture is fitted to after each epoch.
        base: the defence that CEM is plugged into; null for none but the cut's own.

    """

    name: Literal["cem"]
    form: AsWrittenSettings | AsReleasedSettings
    weight: NonNegative
    weight_schedule: Literal["constant", "released"]
    refit: CollectedSettings | SeparatePassSettings
    base: DistanceCorrelationSettings | ResSflSettings | PatrolAsInCemSettings | PatrolSettings | None
