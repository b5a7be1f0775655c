"""What the defences of features share: they need a network that is cut in two."""

from __future__ import annotations

from torch import Tensor

from privprune.defences.defence import DefenceContext
from privprune.training.loop import Step


def require_cut(name: str, context: DefenceContext) -> None:
    """Refuse a network that stays whole.

    Raises:
        ValueError: it has no cut; the line begins with the defence's name.

    """
    if context.cut is None:
        raise ValueError(f"{name}: found a whole network, allowed one with network.cut")


def features_of(step: Step) -> Tensor:
    """Return the noise-free features of a step, with their graph: [batch, channels, height, width].

    Raises:
        ValueError: the network has no cut.

    """
    if step.features is None:
        raise ValueError("found a whole network, allowed one with network.cut")
    return step.features
