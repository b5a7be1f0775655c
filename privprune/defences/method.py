"""The declaration of a defence: its settings, how it is built, what it needs, and how its settings are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from privprune.annotations import name_of
from privprune.checks import Check, no_checks
from privprune.defences.defence import Defence, DefenceContext
from privprune.models import CutSettings
from privprune.models.decoder import DecoderSize
from privprune.models.output import OutputSettings
from privprune.models.shapes import NetworkShapes
from privprune.registry import Registry
from privprune.training.trained import Trained

# cut: networks that are split into edge and cloud, not in a stack; reference: non-members that no network trains on;
# one_network: no stack of networks; classes: a classifier, not re-identification; whole_training: it controls the whole
# training, so pruning cannot use it; trained_start: networks to compare with, `from: models/CELL`.
Need = Literal["cut", "reference", "one_network", "classes", "whole_training", "trained_start"]


class DefenceSettings(Protocol):
    """The settings of any defence; `name` is that of the defence."""

    @property
    def name(self) -> str:
        """The defence's name in a suite."""
        ...


@dataclass(frozen=True)
class DefendedCell:
    """The cell that a defence is to protect, as its suite describes it before anything is trained.

    Attributes:
        cut: where its networks are cut; None for whole networks.
        epochs: length of the training in which the defence takes part.
        stack: how many networks are trained together as one stack.
        pruning: whether the defence is combined with a pruning method.
        origin: `datasets/NAME` or `models/CELL`, what the networks start from.
        reserves_reference: whether reference records are kept out of training.
        identities: whether the networks are for re-identification, not classification.
        model: name of the architecture.
        shapes: its layers.
        records: number of records that each network trains on.
        classes: of the dataset.

    """

    cut: CutSettings | None
    epochs: int
    stack: int
    pruning: bool
    origin: str
    reserves_reference: bool
    identities: bool
    model: str
    shapes: NetworkShapes
    records: int
    classes: int


def check_weight(key: str, weight: float) -> None:
    """Refuse a weight of 0, with which a defence would be computed but defend nothing.

    Raises:
        ValueError: names the key.

    """
    if weight == 0:
        raise ValueError(f"{key}: found 0, allowed above 0 (a weight of 0 defends nothing)")


def _no_check(settings: Any, cell: DefendedCell) -> None:
    """Accept all settings."""


def _no_surrogate(settings: Any) -> DecoderSize | None:
    """Return None: no decoder takes part in the training."""


def _no_output(settings: Any) -> OutputSettings | None:
    """Return None: the outputs of the networks are answered as they are."""


@dataclass(frozen=True)
class DefenceMethod:
    """The declaration of a defence, `METHOD` in its file.

    Attributes:
        settings: its frozen dataclass; the literal of its field `name` is the defence's name.
        build: (settings, context) -> what the training loop is given; ValueError where the settings do not fit.
        needs: requirements on the networks, see `Need`; checked in the same way for all defences.
        check: validates settings against a cell before anything is trained; raises a ValueError that begins with the
            key at fault, or with `found` where it is the defence as a whole.
        surrogate: size of the decoder that networks are trained against, from which an adaptive attack may start.
        output: the layer that is put behind the networks when their training has ended; None for none.
        prunes: whether it prunes by itself, so that it cannot be combined with a method that removes structures.
        checks: (settings, training) -> checks of a cell that was trained with the defence, such as whether an
            adversary of a game was better than its trivial answer.
        parts: registries of parts that its settings name, such as the forms of CEM's loss.
        imports: modules that are slow to import and needed by this defence alone; imported before workers fork.
        examples: small settings in the form of a suite's, for the tests that all defences share.

    """

    settings: type[Any]
    build: Callable[[Any, DefenceContext], Defence]
    examples: tuple[Mapping[str, object], ...]
    needs: frozenset[Need] = field(default_factory=frozenset)
    check: Callable[[Any, DefendedCell], None] = _no_check
    surrogate: Callable[[Any], DecoderSize | None] = _no_surrogate
    output: Callable[[Any], OutputSettings | None] = _no_output
    prunes: bool = False
    checks: Callable[[Any, Trained], tuple[Check, ...]] = no_checks
    parts: tuple[Registry[Any], ...] = ()
    imports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse needs that nothing checks: ValueError, one line."""
        for need in sorted(self.needs - set(get_args(Need))):
            raise ValueError(f"needs: found {need!r}, allowed {', '.join(get_args(Need))}")

    @property
    def name(self) -> str:
        """The defence's name in a suite."""
        return name_of(self.settings)
