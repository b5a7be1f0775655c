"""The one loop that trains the networks of attacks: until held-out records of known membership no longer gain by it.

The held-out records are a part of those whose membership the attacker knows; evaluated records decide nothing. An
attack says what it trains as a `Trainee`; how its known records are divided and drawn is here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.checks.converged import Budget
from privprune.attacks.membership.early_stopping import EarlyStopping
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.training.optimisers import Adam

Batch = TypeVar("Batch")


class AdamBudget(Budget, Protocol):
    """The settings of a training: how many steps of Adam at most, steps between two evaluations, and of what size."""

    @property
    def learning_rate(self) -> float: ...  # noqa: D102


class Trainee(Protocol[Batch]):
    """S networks in one module, and the known records that they are trained on.

    Attributes:
        network: the module. Networks that stop at steps of their own have S as the first dimension of all parameters.
        generators: those that `batches` draws from.

    """

    @property
    def network(self) -> nn.Module: ...  # noqa: D102
    @property
    def generators(self) -> Sequence[torch.Generator]: ...  # noqa: D102

    def batches(self, steps: int) -> Iterable[Batch]:
        """Draw the batches of so many steps."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of each network on a batch, float [S], or their sum, float []; in training mode."""
        ...

    def evaluate(self, losses: Sequence[Tensor]) -> dict[str, Tensor]:
        """Measure each network, float [S] or [] each; in evaluation mode, without gradients.

        Args:
            losses: of the steps since the last evaluation.

        Returns:
            `validation_loss`, that of the held-out records, and whatever else has a curve.

        """
        ...


def train_to_plateau(
    trainee: Trainee[Batch], budget: AdamBudget, stopping: EarlyStopping, checkpoints: Checkpoints = NONE
) -> dict[str, list[Tensor]]:
    """Train until each network has stopped or no steps are left, and give each its weights of the lowest held-out loss.

    Args:
        trainee: what is trained; its module is left in evaluation mode.
        budget: steps of Adam at most.
        stopping: decides which networks have stopped. It has met the networks before their first step where those may
            be the best.
        checkpoints: where the state is stored between evaluations.

    Returns:
        what `evaluate` returned, one value per evaluation: name -> float [S] or [] each.

    """
    network, generators = trainee.network, trainee.generators
    optimiser = Adam(network.parameters(), lr=budget.learning_rate)
    history: dict[str, list[Tensor]] = {}
    state = [network, optimiser, generators, history, stopping]
    for turn in checkpoints.turns("training", math.ceil(budget.steps / budget.interval), state):
        network.train()
        losses = []
        for batch in trainee.batches(min(budget.interval, budget.steps - turn * budget.interval)):
            loss = trainee.loss(batch)
            optimiser.zero_grad()
            loss.sum().backward()
            optimiser.step()
            losses.append(loss.detach())
        network.eval()
        with torch.no_grad():
            measured = trainee.evaluate(losses)
        for name, values in measured.items():
            history.setdefault(name, []).append(values)
        stopping.evaluate(network, measured["validation_loss"])
        if bool(stopping.stopped.all()):
            break
    stopping.restore(network)
    return history


def divided(labels: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Divide records at random into those for training and those held out, with equal shares of every class.

    A random part that has more of one class than the rest would make membership depend on the class.

    Args:
        labels: int64 [n], the classes.
        share: of the records that is held out, rounded down.
        generator: draws, on the CPU.

    Returns:
        rows for training and rows held out, int64, on the CPU.

    """
    order = torch.randperm(len(labels), generator=generator)
    order = order[labels.cpu()[order].argsort(stable=True)]
    counts = (torch.arange(len(labels) + 1, dtype=torch.float64) * share).floor()
    held_out = counts.diff() > 0
    return order[~held_out], order[held_out]


def drawn(records: int, needed: int, generator: torch.Generator) -> Tensor:
    """Draw rows, int64 [needed], on the CPU; none is drawn k + 1 times before all are drawn k times."""
    rounds = range(math.ceil(needed / records))
    return torch.cat([torch.randperm(records, generator=generator) for _ in rounds])[:needed]


def share_of_members(odds: float) -> float:
    """Return the share of members at `odds` members per non-member."""
    return odds / (1 + odds)


def batch_sizes(batch: int, odds: float) -> tuple[int, int]:
    """Divide a batch of so many records into members and non-members at the odds, at least one of each."""
    members = min(max(round(batch * share_of_members(odds)), 1), batch - 1)
    return members, batch - members


def membership_loss(log_odds: Sequence[Tensor], odds: float) -> Tensor:
    """Return the cross-entropy of membership at the odds: the negative gain of MIA-Pruning's Equation 1.

    Args:
        log_odds: of f, the answer of a network: float [..., n] on members and [..., m] on non-members.
        odds: members per non-member.

    Returns:
        the mean of -log f on members and of -log(1 - f) on non-members, weighted by their shares, float [...].

    """
    share = share_of_members(odds)
    return share * F.softplus(-log_odds[0]).mean(-1) + (1 - share) * F.softplus(log_odds[1]).mean(-1)
