"""Settings of an entry of the suite's `attack` section whose attacks infer membership."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from privprune.attacks.choice import attack_of, read_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Attack, MembershipAttack, View
from privprune.errors import shown
from privprune.settings import Name, Range, Resamples, Seed

Odds = Annotated[float, Range(1, 1000)]


@dataclass(frozen=True)
class BaseRates:
    """Further runs of attacks where members outnumber non-members.

    Attributes:
        attacks: labels of the methods that are run again.
        odds: members per non-member, each at least 1.

    """

    attacks: tuple[str, ...]
    odds: tuple[Odds, ...]

    def __post_init__(self) -> None:
        """Refuse odds that a record would not tell apart: ValueError, one line."""
        written = [f"{odds:g}" for odds in self.odds]
        if len(set(written)) < len(written):
            raise ValueError(f"odds: found {', '.join(written)}, allowed each once, as written with six digits")


@dataclass(frozen=True)
class ChosenAttack:
    """An attack that an entry names: its declaration, its settings, and the attack itself."""

    method: MembershipAttack
    settings: Any
    attack: Attack

    @classmethod
    def of(cls, method: MembershipAttack, settings: Any) -> ChosenAttack:
        """Build the attack."""
        return cls(method, settings, attack_of(method, settings))

    @property
    def views(self) -> tuple[View, ...]:
        """The changed records that it queries its target with."""
        return self.method.views(self.settings)


@dataclass(frozen=True)
class AttackEntry:
    """An entry of the suite's `attack` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        target: the cell that is attacked.
        released_with: a cell whose networks were released together with the target's, for attacks that compare the
            two, such as the dense networks behind pruned ones; null where the target was released alone.
        methods: label -> settings, whose key `attack` names the method; tables show the label.
        base_rates: further runs at other ratios of members to non-members.
        twice: labels of methods that are run again on the first target with twice their budget of training, to check
            that it was large enough.
        resamples: number of bootstrap samples behind each interval.
        seed: of all random numbers of the attacks.

    """

    paper: Name
    data: str
    target: str
    released_with: str | None
    methods: dict[Name, dict[str, object]]
    base_rates: BaseRates
    twice: tuple[str, ...]
    resamples: Resamples
    seed: Seed

    def __post_init__(self) -> None:
        """Check that the methods that are run again exist."""
        for key, labels in (("base_rates.attacks", self.base_rates.attacks), ("twice", self.twice)):
            for label in labels:
                if label not in self.methods:
                    raise ValueError(f"{key}: found {shown(label)}, allowed {', '.join(self.methods)}")

    def chosen(self, where: str) -> dict[str, ChosenAttack]:
        """Build the attacks, by their labels.

        Args:
            where: place of the entry, for the message.

        Raises:
            UserError: an attack is unknown, or its settings are wrong.

        """
        return {
            label: ChosenAttack.of(*read_attack(MEMBERSHIP_ATTACKS, settings, f"{where}.methods.{label}"))
            for label, settings in self.methods.items()
        }
