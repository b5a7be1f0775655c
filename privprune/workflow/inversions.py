"""Settings of attacks that reconstruct images, and their check against the shape of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion, InversionAttack
from privprune.attacks.inversion.method import Histories
from privprune.checks import Check
from privprune.errors import UserError, shown
from privprune.settings import AtLeastOne, Name, Resamples, Seed, read


@dataclass(frozen=True)
class InversionEntry:
    """An entry of the suite's `attack` section with attacks that reconstruct images.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        target: the cell that is attacked.
        released_with: null; networks that were released together are attacked for membership only.
        cut: where a whole network is cut for the attack, a block's name or a number of blocks; null for a network that
            has a cut of its own.
        inversions: label -> settings, whose key `attack` names the attack.
        twice: labels of attacks that run again on the first target with twice the budget, to check that they had
            converged; one cell of a suite is enough.
        images: how many images are scored at most, evenly spaced; null for all.
        resamples: number of bootstrap samples behind each interval.
        seed: of all random numbers of the attacks.

    """

    paper: Name
    data: str
    target: str
    released_with: str | None
    cut: Any
    inversions: dict[Name, dict[str, object]]
    twice: tuple[str, ...]
    images: AtLeastOne | None
    resamples: Resamples
    seed: Seed

    def __post_init__(self) -> None:
        """Check the type of the cut, and the labels: `original` names the panel of the true images."""
        if not (self.cut is None or isinstance(self.cut, str) or type(self.cut) is int):
            raise ValueError(f"cut: found {shown(self.cut)}, allowed a block's name, a number of blocks, or null")
        if self.released_with is not None:
            raise ValueError(f"released_with: found {shown(self.released_with)}, allowed null with inversions")
        if not self.inversions or "original" in self.inversions:
            raise ValueError(
                f"inversions: found {', '.join(self.inversions) or 'none'}, allowed at least one, none `original`"
            )
        if unknown := [label for label in self.twice if label not in self.inversions]:
            raise ValueError(f"twice: found {unknown[0]}, allowed {', '.join(self.inversions)}")

    def method(self, label: str) -> InversionAttack:
        """Return the declaration of an attack; the entry must have been built."""
        return INVERSION_ATTACKS[str(self.inversions[label]["attack"])]

    def own_checks(self, label: str, histories: Histories) -> tuple[Check, ...]:
        """Return the checks that an attack makes of itself, from the curves of each target."""
        method, written = self.method(label), self.inversions[label]
        settings = {key: value for key, value in written.items() if key != "attack"}
        return method.checks(read(method.settings, settings, label), histories)

    def built(self, where: str) -> dict[str, Inversion]:
        """Build the attacks, by their labels.

        Args:
            where: place of the entry, for the message.

        Raises:
            UserError: an attack is unknown, its settings are wrong, or it has no budget that could be doubled.

        """
        attacks = {
            label: build_attack(INVERSION_ATTACKS, settings, f"{where}.inversions.{label}")
            for label, settings in self.inversions.items()
        }
        for label in self.twice:
            if attacks[label].doubled() is None:
                raise UserError(f"{where}.twice: found {label}, allowed attacks that have epochs or steps")
        return attacks


def check_features(
    attacks: Mapping[str, Inversion], feature_shape: tuple[int, ...], image_shape: tuple[int, int, int], where: str
) -> None:
    """Check that attacks can invert features of a shape.

    Args:
        attacks: label -> attack.
        feature_shape: of one image's features, (c, h, w) or (c,).
        image_shape: (C, H, W).
        where: place of the attacks' entry, for the message.

    Raises:
        UserError: an attack cannot invert them; the message starts with its label.

    """
    for label, attack in attacks.items():
        try:
            attack.check(feature_shape, image_shape)
        except ValueError as refused:
            raise UserError(f"{where}.inversions.{label}: {refused}") from None
