"""Residual blocks on the edge without their branch or without their shortcut: the baseline "skip" of PATROL.

No accessible source defines it (PATROL, Ding et al., WACV 2024; a summary by others has only the word), so both literal
readings are implemented. The defence is the changed edge; nothing is added to its training.
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
    """Each branch on the edge is skipped with probability `rate`, drawn for each image at each query.

    Stochastic depth (Huang et al., ECCV 2016) without its rescaling, and in evaluation as in training.
    """

    name: Literal["random_blocks"]
    rate: Annotated[float, Range(0, 1, open_low=True, open_high=True)]

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ."""
        return True


@dataclass(frozen=True)
class NoShortcutsSettings:
    """The edge has no shortcuts, and so none of their convolutions: each residual block is its branch only."""

    name: Literal["no_shortcuts"]

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ."""
        return False


SkipSettings = RandomBlocksSettings | NoShortcutsSettings


class RandomGate(RandomLayer):
    """Zero a branch at random, drawn for each image, in training and in evaluation, without rescaling."""

    def __init__(self, rate: float) -> None:
        """Store the probability that the branch is skipped."""
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Map a branch [batch, channels, height, width] to itself or, image by image, to zero."""
        return branch * (self.uniform(branch[:, :1, :1, :1]) >= self.rate)


def skip_on_edge(edge: Iterable[nn.Module], settings: SkipSettings) -> None:
    """Change the residual blocks of an edge in place.

    Args:
        edge: the blocks of the edge.
        settings: whether branches or shortcuts are removed.

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
