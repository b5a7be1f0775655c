"""An entry of the suite with attacks that reconstruct images, and what can be told of it before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion
from privprune.errors import UserError
from privprune.settings import AtLeastOne


@dataclass(frozen=True)
class InversionEntry:
    """An entry of the suite's `attack` section with attacks that reconstruct images.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        target: the cell that is attacked.
        cut: where a whole network is cut for the attack, a block's name or a number of blocks; null for a network that
            has a cut of its own.
        inversions: label -> settings, whose key `attack` names the attack.
        images: how many images are scored at most, evenly spaced; null for all.
        resamples: of the bootstrap behind the intervals.
        seed: of all that is random in attacking.

    """

    paper: str
    data: str
    target: str
    cut: Any
    inversions: dict[str, dict[str, object]]
    images: AtLeastOne | None
    resamples: AtLeastOne
    seed: int

    def __post_init__(self) -> None:
        """Refuse a cut that is neither a name nor a number, and labels that a record keeps for itself."""
        if not (self.cut is None or isinstance(self.cut, str) or type(self.cut) is int):
            raise ValueError(f"cut: found {self.cut!r}, allowed a block's name, a number of blocks, or null")
        if not self.inversions or "original" in self.inversions:
            raise ValueError(
                f"inversions: found {', '.join(self.inversions) or 'none'}, allowed at least one, none `original`"
            )

    def built(self, where: str) -> dict[str, Inversion]:
        """Build the attacks.

        Raises:
            UserError: an unknown attack, or settings that it does not take.

        """
        return {
            label: build_attack(INVERSION_ATTACKS, settings, f"{where}.inversions.{label}")
            for label, settings in self.inversions.items()
        }


def check_features(
    attacks: Mapping[str, Inversion], feature_shape: tuple[int, ...], image_shape: tuple[int, int, int], where: str
) -> None:
    """Hold attacks against what they are to invert.

    Args:
        attacks: label -> attack.
        feature_shape: of one image's features, (c, h, w) or (c,).
        image_shape: (C, H, W).
        where: the place of the attacks' entry, for the message.

    Raises:
        UserError: features that an attack cannot invert.

    """
    for label, attack in attacks.items():
        try:
            attack.check(feature_shape, image_shape)
        except ValueError as refused:
            raise UserError(f"{where}.inversions.{label}: {refused}") from None
