"""What a defence is to the training loop, and what it may know when it is set up."""

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
    """What a defence may use: never the records that attacks or utility are scored on.

    Attributes:
        images: uint8 [records, channels, height, width].
        labels: int64 [records].
        members: int64 [networks, n], the training records of each network.
        reference: int64 [networks, r], non-members kept for defences.
        selection: int64 [networks, s], non-members for choosing.
        classes: number of classes.
        cut: where the networks are cut into edge and cloud; None for whole networks.
        epochs: length of the training that is to come.
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
    """What a defence hands to the training loop.

    Attributes:
        terms: for the loss.
        transform: of the gradients.
        fresh: whether it starts from new networks even where the entry names a cell to compare with.
        finish: called after the last epoch, for a defence that chooses among the states it has seen.
        measured: called at the end; metrics of the defence's own, name -> one value per network.
        surrogate: called at the end; weights of the decoder that one network was trained against; None without one.

    """

    terms: tuple[Term, ...] = ()
    transform: GradientTransform | None = None
    fresh: bool = False
    finish: Callable[[Ensemble], None] | None = None
    measured: Callable[[], dict[str, list[float]]] = field(default=_no_measurements)
    surrogate: Callable[[], dict[str, Tensor]] | None = None
