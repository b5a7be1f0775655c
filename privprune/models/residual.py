"""What the residual blocks of all families share: a branch that is added to a shortcut, and that can be removed."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class ShortcutOnly(nn.Module):
    """A residual block without its branch; the weights of its shortcut keep their names."""

    def __init__(self, shortcut: nn.Module, activation: nn.Module) -> None:
        """Store the shortcut, and the activation that follows the addition."""
        super().__init__()
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] as the block does where its branch is zero."""
        out: Tensor = self.activation(self.shortcut(features))
        return out


class Residual(nn.Module):
    """A residual block.

    Attributes:
        branch_norm: name of the normalisation that the branch ends with, whose output is added to the shortcut.
        gate: a layer between that output and the addition: the identity, unless `models.skip` replaces it.
        shortcut: the layer that the block's input passes; None for a block that is its branch only.

    """

    branch_norm: ClassVar[str]
    shortcut: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.gate: nn.Module = nn.Identity()

    def joined(self, branch: Tensor, features: Tensor) -> Tensor:
        """Add the branch to the shortcut of the block's input."""
        if self.shortcut is None:
            return branch
        total: Tensor = self.gate(branch) + self.shortcut(features)
        return total

    @property
    def has_shortcut(self) -> bool:
        """Whether the block has a shortcut, so that its branch can be removed."""
        return self.shortcut is not None

    @abstractmethod
    def without_branch(self) -> ShortcutOnly:
        """Return the block without its branch; it shares the modules of the shortcut."""
