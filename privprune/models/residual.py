"""What the residual blocks of all families share: a branch that is added to a shortcut, and can be taken out."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class ShortcutOnly(nn.Module):
    """What is left of a residual block without its branch; its weights keep the names that they had."""

    def __init__(self, shortcut: nn.Module, activation: nn.Module) -> None:
        """Take the shortcut, and what followed the addition."""
        super().__init__()
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] as the block does where its branch gives zero."""
        out: Tensor = self.activation(self.shortcut(features))
        return out


class Residual(nn.Module):
    """A residual block.

    Attributes:
        branch_norm: name of the normalisation that the branch ends with, whose output is added to the shortcut.
        gate: what that output passes before it is added: nothing happens there but for what `models.skip` puts in.
        shortcut: what the block's input passes; None where the branch stands alone.

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
        """Whether anything is left of it without its branch."""
        return self.shortcut is not None

    @abstractmethod
    def without_branch(self) -> ShortcutOnly:
        """Return the block without its branch; it shares the shortcut's modules."""
