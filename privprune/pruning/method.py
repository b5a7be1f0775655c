"""What a pruning method declares of itself; it finds a mask, or removes structures and leaves a smaller network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from privprune.annotations import name_of
from privprune.checks import Check, no_checks
from privprune.models import BlockNet
from privprune.models.shapes import NetworkShapes
from privprune.pruning.budget import Counts
from privprune.pruning.mask import Mask
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Masks, Term, TrainingPlan
from privprune.training.trained import Trained

# A training plan for the examples of methods that train; SGD with momentum and weight decay would both revive a weight
# that is not masked at every step.
EXAMPLE_PLAN: Mapping[str, object] = {
    "epochs": 2,
    "batch": 32,
    "optimiser": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.001},
    "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
    "augmentation": "none",
    "precision": "float32",
}


class PruningSettings(Protocol):
    """The settings of any pruning method; `name` is that of the method."""

    @property
    def name(self) -> str:
        """The method's name in a suite."""
        ...


class Fit(Protocol):
    """The training loop for one group of networks; data, generators and the defence's terms are already bound."""

    def __call__(self, phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
        """Train the networks for one phase.

        Args:
            phase: its name in the record.
            plan: length, batches, optimiser, schedule, augmentation, precision.
            terms: those of the pruning method; the defence's come before them.
            masks: masks of the weights that stay zero throughout the phase; empty for none.

        """


@dataclass(frozen=True)
class Removed:
    """The result of a removal.

    Attributes:
        model: the smaller network, on the CPU.
        measured: metrics of the removal, by their names in a record.

    """

    model: BlockNet
    measured: dict[str, float]


@dataclass(frozen=True)
class PrunedCell:
    """The cell that a method is to prune, as its suite describes it before anything is trained.

    Attributes:
        shapes: a network like those of the cell, with arbitrary weights.
        records: number of records that each network trains on.
        identities: whether the networks are for re-identification, whose epochs have whole batches only.

    """

    shapes: NetworkShapes
    records: int
    identities: bool

    def steps(self, plan: TrainingPlan) -> int:
        """Return the number of training steps of a phase."""
        each = max(1, self.records // plan.batch) if self.identities else math.ceil(self.records / plan.batch)
        return plan.epochs * each


def _accept_all(settings: Any, cell: PrunedCell) -> None:
    """Accept all settings that could be read."""


def _no_terms(settings: Any, teacher: BlockNet) -> tuple[Term, ...]:
    """Return no terms: the retraining has the task's loss and the defence's terms alone."""
    del settings, teacher
    return ()


@dataclass(frozen=True, kw_only=True)
class PruningMethod:
    """The declaration of a pruning method, `METHOD` in its file.

    Attributes:
        settings: its frozen dataclass; the literal of its field `name` is the method's name.
        examples: small settings as a suite has them, for the tests that all methods share.
        check: validates settings against a cell before anything is trained; raises a ValueError that begins with the
            key at fault, such as `method.threshold`.
        checks: (settings, training) -> checks of a cell that was pruned with the method, such as whether its masks
            were near zero when they were removed.

    """

    settings: type[Any]
    examples: tuple[Mapping[str, object], ...]
    check: Callable[[Any, PrunedCell], None] = _accept_all
    checks: Callable[[Any, Trained], tuple[Check, ...]] = no_checks

    @property
    def name(self) -> str:
        """The method's name in a suite."""
        return name_of(self.settings)


@dataclass(frozen=True, kw_only=True)
class MaskMethod(PruningMethod):
    """A method that finds a mask under a budget; the networks keep their shape, so that several can run as a stack.

    Attributes:
        find_mask: (settings, M networks, how many weights each layer keeps, training loop, one generator per network)
            -> mask. It may train the networks, and changes them in place.

    """

    find_mask: Callable[[Any, Ensemble, Counts, Fit, Sequence[torch.Generator]], Mask]


@dataclass(frozen=True, kw_only=True)
class RemovalMethod(PruningMethod):
    """A method that removes structures from the edge of one network with a cut; it has no budget.

    Attributes:
        remove: (settings, one network, the network as its architecture defines it, (C, H, W), training loop) -> the
            smaller network. It may train the given network, and changes it in place; ValueError where the settings
            would remove nothing, too much, or too little.
        plan: the training plan of its own phase, out of its settings; the defence of the entry is set up for it.
        retraining: (settings, the trained network before its removal) -> terms of the retraining, after the defence's.

    """

    remove: Callable[[Any, Ensemble, BlockNet, tuple[int, int, int], Fit], Removed]
    plan: Callable[[Any], TrainingPlan]
    retraining: Callable[[Any, BlockNet], tuple[Term, ...]] = _no_terms
