"""A training that diverges: noticed at the end of an epoch, and told in one line with cell, seed and epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from privprune.errors import UserError
from privprune.training.ensemble import Ensemble


class Diverged(Exception):  # noqa: N818 (what happened, not a mistake of the code)
    """A training whose loss or weights are no longer finite.

    Attributes:
        phase: name of the training phase.
        epoch: in which it was noticed, counted from 1.
        members: numbers of the networks within their stack.

    """

    def __init__(self, phase: str, epoch: int, members: tuple[int, ...]) -> None:
        """Store what is known inside the training loop."""
        super().__init__(phase, epoch, members)  # all of them, so that it can be sent between processes
        self.phase, self.epoch, self.members = phase, epoch, members


def check_finite(values: Sequence[float], epoch: int, phase: str) -> None:
    """Refuse values of which one is not finite.

    Args:
        values: one per network of the stack, on the host.
        epoch: that has just ended, counted from 1.
        phase: name of the training phase.

    Raises:
        Diverged: names the networks.

    """
    members = tuple(place for place, value in enumerate(values) if not math.isfinite(value))
    if members:
        raise Diverged(phase, epoch, members)


@torch.no_grad()
def sums_of_weights(ensemble: Ensemble) -> list[float]:
    """Return the sum of the absolute prunable weights of each network; not finite where one of them is not."""
    sums = [weight.flatten(1).abs().sum(1) for weight in ensemble.weights().values()]
    total: list[float] = torch.stack(sums).double().sum(0).tolist() if sums else []
    return total


@contextmanager
def told_with_seeds(label: str, seeds: Sequence[int]) -> Iterator[None]:
    """Turn a divergence inside the block into a user's error.

    Args:
        label: of the cell.
        seeds: of the networks of the stack.

    Raises:
        UserError: one line with cell, seeds, phase and epoch.

    """
    try:
        yield
    except Diverged as known:
        found = ", ".join(str(seeds[place]) for place in known.members)
        raise UserError(
            f"{label}: training diverged: found a loss that is not finite, seed {found}, epoch {known.epoch} of "
            f"{known.phase}; allowed a lower learning rate or weight of a defence"
        ) from None
