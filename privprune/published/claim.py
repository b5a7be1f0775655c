"""A claim of a paper, as data: its sentence, its section, and the comparisons that decide it."""

from dataclasses import dataclass, replace
from typing import Literal

from privprune.published.metric import METRICS

_BETWEEN = ("difference", "ratio", "matched")  # measures of a cell and another
EACH = "*"  # placeholder for the defence that a claim is repeated for


@dataclass(frozen=True)
class Comparison:
    """One comparison between cells, decided per seed.

    Attributes:
        measure: `difference` or `ratio` of one cell and another; `matched` for the difference of one cell and the curve
            of another defence at the same test accuracy; `value` of one cell alone; `rank_correlation` of two metrics
            over several cells.
        metric: what is compared, a key of METRICS.
        of: the defence, or the several ones that a rank correlation runs over (one alone stands for its curve).
        against: the defence or control that is subtracted or divided by, or whose curve is; for a rank correlation the
            second metric; None for a value.
        holds: the relation that the result must have to the bound.
        bound: the bound, in the metric's unit.

    """

    measure: Literal["difference", "ratio", "matched", "value", "rank_correlation"]
    metric: str
    of: tuple[str, ...]
    against: str | None
    holds: Literal["at_most", "below", "at_least", "above"]
    bound: float

    def __post_init__(self) -> None:
        """Refuse a comparison that could not be computed."""
        named = [self.metric, *([self.against] if self.ranks and self.against else [])]
        for metric in named:
            if metric not in METRICS:
                raise ValueError(f"metric: found {metric!r}, allowed {', '.join(METRICS)}")
        if (self.against is None) != (self.measure == "value"):
            raise ValueError("against: stands everywhere but where the measure is a value")
        if not self.of or (len(self.of) > 1 and not self.ranks):
            raise ValueError("of: several defences stand only where the measure is a rank correlation")

    @property
    def ranks(self) -> bool:
        """Whether the comparison is a correlation of two metrics."""
        return self.measure == "rank_correlation"

    @property
    def names(self) -> tuple[str, ...]:
        """All defences and controls that must have been run."""
        return (*self.of, self.against) if self.against is not None and self.measure in _BETWEEN else self.of

    @property
    def lowers_attack(self) -> bool:
        """Whether the comparison asks for an attack accuracy below another one's."""
        downward = self.holds in ("at_most", "below")
        return self.measure == "difference" and self.metric == "attack_accuracy" and downward

    def for_each(self, name: str) -> "Comparison":
        """Return the comparison with the placeholder replaced by a defence."""
        against = None if self.against is None else self.against.replace(EACH, name)
        return replace(self, of=tuple(one.replace(EACH, name) for one in self.of), against=against)

    def satisfied_by(self, value: float) -> bool:
        """Whether one number fulfils the comparison."""
        slack = 1e-9  # a bound met exactly in decimals counts as met in spite of binary rounding
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
        section: the section that contains the sentence.
        tested: the same as a statement that numbers can decide.
        by: `paper`, or `referee` where the comparison is one that the paper does not make.
        datasets: printed data sets that the sentence is about; None for all.
        each: defences that the comparisons are repeated for, in the place of the asterisk; empty for none.
        every_attack: whether the first comparison is repeated under every attack that was run.
        unequal_epochs: defence or control -> why its epochs may differ from those of what it is compared with.
        note: how to read the verdict; empty for none.
        comparisons: all of them must satisfy their bounds.

    """

    name: str
    sentence: str
    section: str
    tested: str
    by: Literal["paper", "referee"]
    datasets: tuple[str, ...] | None
    each: tuple[str, ...]
    every_attack: bool
    unequal_epochs: dict[str, str]
    note: str
    comparisons: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        """Refuse a claim without comparisons, or with `each` but no placeholder, or the reverse."""
        if not self.comparisons:
            raise ValueError("comparisons: at least one is needed")
        if bool(self.each) != any(EACH in name for one in self.comparisons for name in one.names):
            raise ValueError("each: names defences where, and only where, a comparison has an asterisk for them")

    @property
    def variants(self) -> tuple[tuple[Comparison, ...], ...]:
        """The comparisons for each defence in turn; all comparisons of one variant must satisfy their bounds."""
        if not self.each:
            return (self.comparisons,)
        return tuple(tuple(one.for_each(name) for one in self.comparisons) for name in self.each)

    def concerns(self, dataset: str) -> bool:
        """Whether the sentence is about this printed data set."""
        return self.datasets is None or dataset in self.datasets
