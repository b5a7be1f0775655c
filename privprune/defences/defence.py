"""The interface of a defence: what it is given when it is built, and what it gives to the training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from privprune.models import CutSettings
from privprune.training.ensemble import Ensemble
from privprune.training.loop import GradientTransform, Term


@dataclass(frozen=True)
class DefenceContext:
    """The data and settings that a defence may use; records that score attacks or utility are not among them.

    Attributes:
        images: uint8 [records, channels, height, width].
        labels: int64 [records].
        members: int64 [networks, n], the training records of each network.
        reference: int64 [networks, r], non-members reserved for defences.
        selection: int64 [networks, s], non-members for model selection.
        classes: number of classes.
        cut: where the networks are cut into edge and cloud; None for whole networks.
        epochs: length of the training.
        batch: its batch size.
        precision: of its convolutions.
        target_accuracy: accuracy on `selection` of the networks that the stage started from, [networks] or None.
        generators: one per network.

    """

    images: Tensor
    labels: Tensor
    members: Tensor
    reference: Tensor
    selection: Tensor
    classes: int
    cut: CutSettings | None
    epochs: int
    batch: int
    precision: Literal["float32", "bfloat16"]
    target_accuracy: Tensor | None
    generators: Sequence[torch.Generator]


def _no_measurements() -> dict[str, list[float]]:
    return {}


@dataclass(frozen=True)
class Defence:
    """What a defence gives to the training loop.

    Attributes:
        terms: for the loss.
        transform: of the gradients.
        fresh: whether networks are initialised anew although the entry names a cell in `from`.
        finish: called after the last epoch, for a defence that restores weights of an earlier epoch.
        measured: called at the end; the defence's own metrics, name -> one value per network.
        surrogate: called at the end; weights of the decoder that one network was trained against; None without one.

    """

    terms: tuple[Term, ...] = ()
    transform: GradientTransform | None = None
    fresh: bool = False
    finish: Callable[[Ensemble], None] | None = None
    measured: Callable[[], dict[str, list[float]]] = field(default=_no_measurements)
    surrogate: Callable[[], dict[str, Tensor]] | None = None
