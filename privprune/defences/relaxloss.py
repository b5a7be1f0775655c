"""RelaxLoss (Chen, Yu and Fritz, ICLR 2022, arXiv 2207.05801): stop learning at a loss that non-members can reach.

Where the loss of a batch is above a target, the network learns as always. Below the target, even epochs climb back to
it, and odd epochs flatten the posteriors of the wrong classes, which keeps the prediction right. So the losses of
members stay near the target, where those of non-members lie too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.checks import Check, check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.settings import Positive
from privprune.training.ensemble import side_of
from privprune.training.loop import Step, Term
from privprune.training.trained import Trained

_LEAST_RELAXED = 0.1  # of steps below the target (our choice): a network that never gets there was trained as always


@dataclass(frozen=True)
class RelaxLossSettings:
    """The settings of RelaxLoss.

    Attributes:
        target: the loss that is enough, alpha of the paper, in nats; its CIFAR-10 networks have 1.
        variant: how odd epochs flatten. `paper`: as in Algorithm 1, all records learn a soft label that keeps the
            posterior of the true class and divides the rest evenly; the released code does so for tables. `released`:
            as that code does for CIFAR, only wrongly classified records learn the soft label, through which the
            gradient passes, and all records climb as well.

    """

    name: Literal["relaxloss"]
    target: Positive
    variant: Literal["paper", "released"]


class RelaxedLoss(Term):
    """Replace the loss of networks whose batch is below the target.

    The training loop adds penalties to the task's loss, so the penalty is the loss that is wanted minus that of the
    task: exactly 0 above the target, and -2 L where a step climbs, whose gradient together with L's is exactly -L's.
    """

    def __init__(self, settings: RelaxLossSettings) -> None:
        """Store the settings."""
        self._settings = settings
        self._below: list[Tensor] = []

    def penalty(self, step: Step) -> Tensor:
        """Return the difference between the relaxed loss and the task's, summed over the networks."""
        members = step.ensemble.members
        losses = side_of(F.cross_entropy(step.logits, step.labels, reduction="none"), members)
        loss = losses.mean(1)
        below = loss.detach() < self._settings.target
        self._below.append(below.float())
        wanted = -loss if step.epoch % 2 == 0 else self._flattening(step, losses)
        return torch.where(below, wanted - loss, torch.zeros_like(loss)).sum()

    def _flattening(self, step: Step, losses: Tensor) -> Tensor:
        """Return the loss of posterior flattening of each network, [members]; `losses` are [members, batch]."""
        members, labels = step.ensemble.members, step.labels
        soft = flattened(step.logits, labels)
        if self._settings.variant == "paper":
            return side_of(F.cross_entropy(step.logits, soft.detach(), reduction="none"), members).mean(1)
        towards = -(soft * F.log_softmax(step.logits, dim=1)).sum(1)
        wrong = (step.logits.argmax(1) != labels).float()
        return (side_of(wrong * towards, members) - losses).mean(1)

    def measurements(self) -> dict[str, Tensor]:
        """Return the share of the epoch's steps in which the loss was below the target."""
        share, self._below = torch.stack(self._below).mean(0), []
        return {"relaxed_share": share}


def flattened(logits: Tensor, labels: Tensor) -> Tensor:
    """Return soft labels: the posterior of the true class, and the rest divided evenly among the others.

    Args:
        logits: [n, classes].
        labels: int64 [n].

    Returns:
        [n, classes]; each row sums to 1.

    """
    truth = logits.softmax(1).gather(1, labels[:, None])
    others = (1 - truth) / (logits.shape[1] - 1)
    return others.expand_as(logits).scatter(1, labels[:, None], truth)


def relaxloss(settings: RelaxLossSettings, context: DefenceContext) -> Defence:
    """Relax the loss during the whole training, or in all phases of pruning."""
    del context
    return Defence(terms=(RelaxedLoss(settings),))


def check_target(settings: RelaxLossSettings, training: Trained) -> tuple[Check, ...]:
    """Check that the loss came down to the target: only from there on does the method do anything."""
    curves = training.curve("relaxed_share")
    shares = [sum(last) / len(last) for epochs in curves if (last := epochs[-max(1, len(epochs) // 10) :])]
    reason = f"share of the steps of the last tenth of the epochs whose loss was below the target, {settings.target:g}"
    return (check("target reached", shares, "at least", _LEAST_RELAXED, reason),)


_EXAMPLE = {"name": "relaxloss", "target": 1.2}
METHOD = DefenceMethod(
    settings=RelaxLossSettings,
    build=relaxloss,
    needs=frozenset({"classes"}),
    checks=check_target,
    examples=({**_EXAMPLE, "variant": "paper"}, {**_EXAMPLE, "variant": "released"}),
)
