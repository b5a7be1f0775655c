"""What defences of the features at the cut share: they need a network that is split into edge and cloud."""

from __future__ import annotations

from torch import Tensor

from privprune.defences.defence import DefenceContext
from privprune.models import WIRE
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step


def require_cut(name: str, context: DefenceContext) -> None:
    """Raise an error for a network that is not split.

    Raises:
        ValueError: the network has no cut; the message begins with the defence's name.

    """
    if context.cut is None:
        raise ValueError(f"{name}: found a whole network, allowed one with network.cut")


def features_of(step: Step) -> Tensor:
    """Return the noise-free features of a step, attached to the autograd graph: [batch, channels, height, width].

    Raises:
        ValueError: the network has no cut.

    """
    if step.features is None:
        raise ValueError("found a whole network, allowed one with network.cut")
    return step.features


def edge_parameters(ensemble: Ensemble) -> list[Tensor]:
    """Return the parameters of a single network's edge, all that a penalty on the features can change."""
    found: list[Tensor] = []
    for name, block in ensemble.module.named_children():
        if name == WIRE:
            break
        found += [value for value in block.parameters() if value.requires_grad]
    return found
