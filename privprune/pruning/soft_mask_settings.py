"""The settings of the soft mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privprune.pruning.channel_groups import Structures
from privprune.pruning.distillation import DistillationSettings
from privprune.pruning.sparsity import Weighing
from privprune.pruning.threshold import OpenFraction, Threshold
from privprune.settings import AtLeastOne, Fraction, NonNegative, Positive
from privprune.training.loop import TrainingPlan


@dataclass(frozen=True)
class WidthSettings:
    """The numbers of channels that layers may be left with.

    Attributes:
        multiple: widths are rounded up to multiples of this; 4 or 8 suit the vectors of runtimes, 1 allows any.
        least: fewest channels of a layer.

    """

    multiple: AtLeastOne
    least: AtLeastOne


@dataclass(frozen=True)
class SoftMaskSettings:
    """The phase in which masks and weights are trained together, and what is removed after it.

    Attributes:
        sparsity: lambda, the weight of ||m||_1 in the loss.
        weigh: whether lambda is `equal` for all structures, or in proportion to their `parameters` or `operations`.
        learning_rate: of the masks, constant.
        momentum: of the masks.
        structures: which structures of the edge are masked.
        widths: which numbers of channels may stay.
        wire_removed: the share of the channels on the wire that is removed, whatever the threshold; null to treat them
            as all others.
        threshold: tau, as a value or as the share of the parameters or operations that it removes.
        distillation: retraining with the dense network as a teacher; null for the task's loss alone.
        plan: how the weights are trained together with the masks; fine-tuning is set by the entry, as for every method.

    """

    name: Literal["soft_mask"]
    sparsity: NonNegative
    weigh: Weighing
    learning_rate: Positive
    momentum: Fraction
    structures: Structures
    widths: WidthSettings
    wire_removed: OpenFraction | None
    threshold: Threshold
    distillation: DistillationSettings | None
    plan: TrainingPlan

    def __post_init__(self) -> None:
        """Refuse a phase in which no mask changes."""
        if self.plan.epochs < 1:
            raise ValueError(f"plan.epochs: found {self.plan.epochs}, allowed at least 1")
