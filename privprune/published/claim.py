"""A claim of a paper, as data: its sentence, where it stands, and the comparisons that decide it."""

from dataclasses import dataclass
from typing import Literal

from privprune.published.metric import METRICS


@dataclass(frozen=True)
class Comparison:
    """One comparison between cells, decided per seed.

    Attributes:
        measure: `difference` of one cell and another, `value` of one cell alone, or `rank_correlation` of the metric
            with the attack accuracy over several cells.
        metric: what is compared, a key of METRICS.
        of: the defence, or the several ones that a rank correlation runs over.
        against: the defence or control that is subtracted; None but for a difference.
        holds: how the result must stand to the bound.
        bound: in the metric's unit.

    """

    measure: Literal["difference", "value", "rank_correlation"]
    metric: str
    of: tuple[str, ...]
    against: str | None
    holds: Literal["at_most", "below", "at_least", "above"]
    bound: float

    def __post_init__(self) -> None:
        """Refuse a comparison that could not be computed."""
        if self.metric not in METRICS:
            raise ValueError(f"metric: found {self.metric!r}, allowed {', '.join(METRICS)}")
        if (self.against is None) == (self.measure == "difference"):
            raise ValueError("against: stands where, and only where, the measure is a difference")
        if (len(self.of) > 1) != (self.measure == "rank_correlation"):
            raise ValueError("of: several defences stand where, and only where, the measure is a rank correlation")

    @property
    def names(self) -> tuple[str, ...]:
        """All defences and controls that must have been run."""
        return self.of if self.against is None else (*self.of, self.against)

    @property
    def lowers_attack(self) -> bool:
        """Whether the comparison asks for an attack accuracy below another one's."""
        downward = self.holds in ("at_most", "below")
        return self.measure == "difference" and self.metric == "attack_accuracy" and downward

    def satisfied_by(self, value: float) -> bool:
        """Whether one number fulfils the comparison."""
        slack = 1e-9  # a bound met exactly in decimals is met, whatever binary makes of it
        return {
            "at_most": value <= self.bound + slack,
            "below": value < self.bound - slack,
            "at_least": value >= self.bound - slack,
            "above": value > self.bound + slack,
        }[self.holds]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and what is tested of it.

    Attributes:
        name: short name, stable between versions.
        sentence: the paper's words.
        section: where they stand.
        tested: the same as a statement that numbers can decide.
        by: `paper`, or `referee` where the comparison is one that the paper does not make.
        datasets: printed data sets that the sentence is about; None for all.
        every_attack: whether the first comparison is repeated under every attack that was run.
        note: how to read the verdict; empty for none.
        comparisons: all of them must hold.

    """

    name: str
    sentence: str
    section: str
    tested: str
    by: Literal["paper", "referee"]
    datasets: tuple[str, ...] | None
    every_attack: bool
    note: str
    comparisons: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        """Refuse a claim that nothing decides."""
        if not self.comparisons:
            raise ValueError("comparisons: at least one is needed")

    def concerns(self, dataset: str) -> bool:
        """Whether the sentence is about this printed data set."""
        return self.datasets is None or dataset in self.datasets
