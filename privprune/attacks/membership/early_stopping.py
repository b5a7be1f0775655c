"""Stop the training of attack networks on a plateau of their loss on held-out known records.

The held-out records are a part of those whose membership the attacker knows; no evaluated record decides anything here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST_GAIN = 1e-3  # nats, ours: a loss that is lower by less is no gain; one of separable records would fall for ever


class EarlyStopping:
    """The weights of each of S networks at its lowest held-out loss so far.

    All attributes are state: stored with a checkpoint, training continues as if it had not been interrupted.

    Attributes:
        best: weight name -> those of each network at its best evaluation, of the parameter's shape.
        lowest: float64 [S], the loss there.
        since: int64 [S], evaluations since then.
        evaluations: int64 [S], evaluations until the network stopped, or so far.

    """

    def __init__(self, network: nn.Module, patience: int, networks: int = 1) -> None:
        """Begin before the first evaluation.

        Args:
            network: a module; where it consists of several networks that stop each by itself, all of its parameters
                have them as their first dimension.
            patience: evaluations without a gain after which a network stops.
            networks: S; 1 where the whole module stops at once.

        """
        self.patience = patience
        device = next(network.parameters()).device
        self.best = {name: value.detach().clone() for name, value in network.named_parameters()}
        self.lowest = torch.full((networks,), torch.inf, dtype=torch.float64, device=device)
        self.since = torch.zeros(networks, dtype=torch.int64, device=device)
        self.evaluations = torch.zeros_like(self.since)

    @property
    def stopped(self) -> Tensor:
        """Which networks have not gained for as many evaluations as `patience` says, bool [S]."""
        return self.since >= self.patience

    def evaluate(self, network: nn.Module, losses: Tensor) -> None:
        """Note the held-out losses of all networks, float [S] or []; one that is not a number is never the best."""
        running = ~self.stopped
        better = running & (losses.double() < self.lowest - LEAST_GAIN)
        self.lowest = torch.where(better, losses.double(), self.lowest)
        self.since = torch.where(better, 0, self.since + running)
        self.evaluations = self.evaluations + running
        for name, value in network.named_parameters():
            chosen = better.view(-1, *(1 for _ in value.shape[1:]))
            self.best[name] = torch.where(chosen, value.detach(), self.best[name])

    @torch.no_grad()
    def restore(self, network: nn.Module) -> None:
        """Give each network its best weights."""
        for name, value in network.named_parameters():
            value.copy_(self.best[name])
