"""A control for accuracy: a dense network whose training stops as soon as it is as accurate as the defended one.

Gonon et al. 2023 (arXiv 2304.10553) show that sparsity, privacy and classification error are correlated, so a pruned
network may leak less only because it is less accurate. This control shows what a dense network of that accuracy leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term
from privprune.training.prediction import predict


@dataclass(frozen=True)
class MatchedAccuracySettings:
    """No settings: the accuracy to match is that of the cell named in `from`, on the selection records."""

    name: Literal["matched_accuracy"]


class MatchedAccuracy(Term):
    """Keep each network's weights of the first epoch that reached its target accuracy, else those of the last epoch."""

    def __init__(self, context: DefenceContext, target: Tensor) -> None:
        """Store the selection records, and the accuracy to stop at, [networks]."""
        self._context = context
        self._target = target
        self._accuracy = torch.zeros_like(target)
        self._stopped: dict[int, dict[str, Tensor]] = {}
        self._epochs = torch.zeros_like(target)

    def update(self, step: Step) -> None:
        """At the end of an epoch, measure accuracy on the selection records and keep networks that reached theirs."""
        if not step.last_of_epoch:
            return
        self._accuracy = accuracy_each(
            step.ensemble, self._context.images, self._context.labels, self._context.selection
        )
        states = step.ensemble.state_dicts()
        for member in range(step.ensemble.members):
            if member in self._stopped:
                continue
            self._epochs[member] = step.epoch + 1
            if self._accuracy[member] >= self._target[member]:
                self._stopped[member] = states[member]

    def measurements(self) -> dict[str, Tensor]:
        """Return the accuracy on the selection records after the epoch."""
        return {"selection_accuracy": self._accuracy}

    def finish(self, ensemble: Ensemble) -> None:
        """Load the kept weights into each network that has some."""
        for member, state in self._stopped.items():
            ensemble.load_member(member, state)

    def measured(self) -> dict[str, list[float]]:
        """Return the number of epochs up to the stop, and the accuracy to match."""
        return {"stopped_after_epochs": self._epochs.tolist(), "accuracy_to_match": self._target.tolist()}


def accuracy_each(ensemble: Ensemble, images: Tensor, labels: Tensor, records: Tensor) -> Tensor:
    """Return the accuracy of each member on its own records, [members]; records int64 [members, n]."""
    logits = torch.stack([predict(ensemble, images, indices)[member] for member, indices in enumerate(records)])
    return (logits.argmax(2) == labels[records]).float().mean(1)


def matched_accuracy(settings: MatchedAccuracySettings, context: DefenceContext) -> Defence:
    """Stop the training of each network when it is as accurate as the network it is compared with."""
    del settings
    if context.target_accuracy is None:
        raise ValueError("matched_accuracy: starts from a dataset, allowed models/CELL whose accuracy to match")
    term = MatchedAccuracy(context, context.target_accuracy)
    return Defence(terms=(term,), fresh=True, finish=term.finish, measured=term.measured)


METHOD = DefenceMethod(
    settings=MatchedAccuracySettings,
    build=matched_accuracy,
    needs=frozenset({"classes", "whole_training", "trained_start"}),
    examples=({"name": "matched_accuracy"},),
)
