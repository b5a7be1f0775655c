"""Pair-based posterior balancing, PPB (Yuan and Zhang, USENIX Security 2022, arXiv 2202.03335): alike confidences.

Pruning and fine-tuning spread the confidences of members and non-members apart, each class in its own way. PPB pulls
the ranked posteriors of the records of a batch together, so that less of a record shows in how sure the network is. The
paper uses it while a pruned network is fine-tuned; it can also be used without pruning.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.checks import Check, check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.gradient_share import LEAST_SHARE
from privprune.defences.method import DefenceMethod
from privprune.settings import NonNegative
from privprune.training.ensemble import side_of
from privprune.training.loop import Step, Term
from privprune.training.trained import Trained


@dataclass(frozen=True)
class PpbSettings:
    """The weight of the divergence between posteriors: lambda of the paper, 4 where its released code sets none."""

    name: Literal["ppb"]
    weight: NonNegative


class PosteriorBalancing(Term):
    """Add lambda * KL(ranked posteriors of one record || those of another) for the pairs of each batch."""

    def __init__(self, settings: PpbSettings) -> None:
        """Store the weight."""
        self._weight = settings.weight
        self._divergences: list[Tensor] = []
        self._gradients: list[Tensor] = []  # norms, [2, members]: of the penalty, of the task

    def penalty(self, step: Step) -> Tensor | None:
        """Return lambda times the mean divergence over the pairs of each network's batch, summed over the networks.

        The pairs are those of the released code (`mia_prune`, `train_defend_ppb`): record i of the first half of the
        batch with record i of the second; the last record of an odd batch has no partner.
        """
        if len(step.labels) // step.ensemble.members < 2:
            return None
        divergence = pair_divergence(side_of(step.logits, step.ensemble.members))
        penalty = self._weight * divergence.sum()
        self._divergences.append(divergence.detach())
        self._gradients.append(_gradient_norms(penalty, step))
        return penalty

    def measurements(self) -> dict[str, Tensor]:
        """Return the epoch's mean divergence, and the gradient of the penalty relative to that of the task."""
        divergence = torch.stack(self._divergences).mean(0)
        ours, task = torch.stack(self._gradients).sum(0)
        self._divergences, self._gradients = [], []
        return {"posterior_divergence": divergence, "balancing_share": ours / task.clamp_min(1e-12)}


def pair_divergence(logits: Tensor) -> Tensor:
    """Return the mean of KL(q || p) over pairs of records, where p and q are their posteriors, each sorted by size.

    Args:
        logits: [members, batch, classes] of at least 2 records; the first half of a batch gives p, the second q.

    Returns:
        [members], nats; 0 exactly where the sorted posteriors of each pair are equal.

    """
    ranked = logits.sort(dim=2, descending=True).values
    pairs = logits.shape[1] // 2
    first, second = F.log_softmax(ranked[:, :pairs], dim=2), F.log_softmax(ranked[:, pairs : 2 * pairs], dim=2)
    return F.kl_div(first, second, reduction="none", log_target=True).sum(2).mean(1)


def _gradient_norms(penalty: Tensor, step: Step) -> Tensor:
    """Return the 2-norms of the gradients of penalty and task with respect to each network's logits, [2, members]."""
    members = step.ensemble.members
    (ours,) = torch.autograd.grad(penalty, step.logits, retain_graph=True)
    with torch.no_grad():
        task = step.logits.softmax(1) - F.one_hot(step.labels, step.logits.shape[1])
        task = task / (len(step.labels) // members)  # cross-entropy is a mean over the batch
        return torch.stack([side_of(one, members).flatten(1).norm(dim=1) for one in (ours, task)])


def ppb(settings: PpbSettings, context: DefenceContext) -> Defence:
    """Apply the penalty during the whole training, or in all phases of pruning."""
    del context
    return Defence(terms=(PosteriorBalancing(settings),))


def check_effect(settings: PpbSettings, training: Trained) -> tuple[Check, ...]:
    """Check that the penalty had a part in the training: its gradient is not small beside the task's."""
    del settings
    # The median: at the end of a training the gradient of the task vanishes, and any penalty is large beside it.
    shares = [median(epochs) for epochs in training.curve("balancing_share")]
    reason = "gradient of the penalty at the logits / that of the task, median over all epochs"
    return (check("balancing takes part", shares, "at least", LEAST_SHARE, reason),)


METHOD = DefenceMethod(
    settings=PpbSettings,
    build=ppb,
    needs=frozenset({"classes"}),
    checks=check_effect,
    examples=({"name": "ppb", "weight": 4},),
)
