"""Residual blocks on the edge without one of their two ways: the baseline that PATROL calls "skip".

No readable source defines it (PATROL, Ding et al., WACV 2024; the second-hand summary has the word alone), so both
literal readings are here. Cutting a network with one of them is the whole defence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from privprune.errors import UserError
from privprune.models.random_layers import RandomLayer
from privprune.models.residual import Residual
from privprune.settings import Range


@dataclass(frozen=True)
class RandomBlocksSettings:
    """Each branch on the edge is left out with probability `rate`, of each image at each query anew.

    Stochastic depth (Huang et al., ECCV 2016) without its scaling of what is kept, and in use as in training.
    """

    name: Literal["random_blocks"]
    rate: Annotated[float, Range(0, 1, open_low=True, open_high=True)]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ."""
        return True


@dataclass(frozen=True)
class NoShortcutsSettings:
    """The edge's additions are gone, and with them the shortcuts' own convolutions: the branches stand alone."""

    name: Literal["no_shortcuts"]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ."""
        return False


SkipSettings = RandomBlocksSettings | NoShortcutsSettings


class RandomGate(RandomLayer):
    """Let a branch through or not, drawn for each image, in training and in evaluation, without scaling."""

    def __init__(self, rate: float) -> None:
        """Take the probability of leaving the branch out."""
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Pass a branch [batch, channels, height, width]."""
        return branch * (self.uniform(branch[:, :1, :1, :1]) >= self.rate)


def skip_on_edge(edge: Iterable[nn.Module], settings: SkipSettings) -> None:
    """Change the residual blocks of an edge in place.

    Args:
        edge: its blocks.
        settings: which way goes.

    Raises:
        UserError: none of the blocks adds a branch to a shortcut.

    """
    parts = [part for block in edge for part in block.modules()]
    residual = [part for part in parts if isinstance(part, Residual) and part.has_shortcut]
    if not residual:
        raise UserError(f"cut.skip: found {settings.name} on an edge without residual blocks, allowed null there")
    for part in residual:
        if isinstance(settings, RandomBlocksSettings):
            part.gate = RandomGate(settings.rate)
        else:
            part.shortcut = None
