"""The control for Gonon's caveat: a dense network stopped as soon as it is as accurate as the defended one.

Gonon et al. 2023 (arXiv 2304.10553) show that sparsity, privacy and classification error move together, so a pruned
network that leaks less may only be a less accurate one. This control says what leaks at the same accuracy.
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
    """Stop a fresh dense network at the accuracy, on the selection records, of the cell that it starts `from`."""

    name: Literal["matched_accuracy"]


class MatchedAccuracy(Term):
    """Remember each network as it was at the end of the first epoch that reached its target, else as it ended."""

    def __init__(self, context: DefenceContext, target: Tensor) -> None:
        """Take the selection records, and the accuracy to stop at, [networks]."""
        self._context = context
        self._target = target
        self._accuracy = torch.zeros_like(target)
        self._stopped: dict[int, dict[str, Tensor]] = {}
        self._epochs = torch.zeros_like(target)

    def update(self, step: Step) -> None:
        """At the end of an epoch, look at the selection records and remember who has arrived."""
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
        """Give each network the weights that it is remembered with."""
        for member, state in self._stopped.items():
            ensemble.load_member(member, state)

    def measured(self) -> dict[str, list[float]]:
        """Return the epoch of the stop, and the accuracy that was to be matched."""
        return {"stopped_after_epochs": self._epochs.tolist(), "accuracy_to_match": self._target.tolist()}


def accuracy_each(ensemble: Ensemble, images: Tensor, labels: Tensor, records: Tensor) -> Tensor:
    """Accuracy of each member on its own records, [members]; records int64 [members, n]."""
    logits = torch.stack([predict(ensemble, images, own)[member] for member, own in enumerate(records)])
    return (logits.argmax(2) == labels[records]).float().mean(1)


def matched_accuracy(settings: MatchedAccuracySettings, context: DefenceContext) -> Defence:
    """Stop each network where it is as accurate as the one it is compared with."""
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
