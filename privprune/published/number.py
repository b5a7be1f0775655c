"""A printed number: its text as printed, its value, and the tolerance declared for it before the run."""

import re
from dataclasses import dataclass
from decimal import Decimal

from privprune.published.metric import METRICS

_PRINTED = re.compile(r"(\d+(?:\.\d+)?)(?: ([KM]))?")
NOT_AVAILABLE = "not available"  # a number that the paper may print, but that none of our sources contains
_FACTORS = {None: Decimal(1), "K": Decimal(1000), "M": Decimal(1000000)}


@dataclass(frozen=True)
class Tolerance:
    """How far a measurement may lie from a printed number and still count as reproduced.

    Attributes:
        metric: the metric that it applies to.
        dataset: the printed data set that it applies to; None for all.
        points: allowed distance in the printed unit; None where `relative` is given.
        relative: allowed distance as a fraction of the printed value; None where `points` is given.
        reason: why the tolerance has this size.

    """

    metric: str
    dataset: str | None
    points: float | None
    relative: float | None
    reason: str

    def __post_init__(self) -> None:
        """Refuse a tolerance without exactly one of `points` and `relative`, or without a reason."""
        if self.metric not in METRICS:
            raise ValueError(f"metric: found {self.metric!r}, allowed {', '.join(METRICS)}")
        if (self.points is None) == (self.relative is None):
            raise ValueError("points, relative: exactly one of them is given")
        if not self.reason:
            raise ValueError("reason: a tolerance needs one")

    def fits(self, metric: str, dataset: str) -> bool:
        """Whether the tolerance applies to this metric on this printed data set."""
        return self.metric == metric and self.dataset in (None, dataset)

    def allows(self, published: float, measured: float) -> bool:
        """Whether the distance is at most the tolerance (a distance that equals it in decimals counts)."""
        return abs(measured - published) <= self.width(published) + 1e-9 * max(1.0, abs(published))

    def width(self, published: float) -> float:
        """Return the allowed distance from a printed value, in the printed unit."""
        return self.points if self.points is not None else abs(published) * (self.relative or 0.0)

    def __str__(self) -> str:
        """Return the tolerance as tables print it."""
        if self.points is None:
            return f"±{100 * (self.relative or 0.0):g} %"
        unit = METRICS[self.metric].unit
        if unit == "percent":
            unit_ = "point" if self.points == 1 else "points"
            return f"±{self.points:g} {unit_}"
        return f"±{self.points:g} dB" if unit == "dB" else f"±{self.points:g}"


@dataclass(frozen=True)
class PublishedNumber:
    """One printed number with its place in the paper.

    Attributes:
        table: the table, as printed.
        dataset: the data set, as printed.
        model: the model, as printed.
        method: the defence.
        attack: the attack behind it, of membership or of inversion; empty where no attack is involved.
        metric: a key of METRICS.
        printed: the text as printed, without unit signs.
        tolerance: declared before the run.
        flags: what is unusual about it in the paper itself.

    """

    table: str
    dataset: str
    model: str
    method: str
    attack: str
    metric: str
    printed: str
    tolerance: Tolerance
    flags: tuple[str, ...]

    @property
    def value(self) -> float:
        """The printed number, in its metric's unit."""
        return printed_value(self.printed)

    @property
    def decimals(self) -> int:
        """How many digits are printed after the point."""
        digits = self.printed.split(" ")[0]
        return len(digits.partition(".")[2])


def printed_value(printed: str) -> float:
    """Read `99.30`, `60 K` or `13.83 M` as a number.

    Raises:
        ValueError: the text is none of these.

    """
    match = _PRINTED.fullmatch(printed)
    if not match:
        raise ValueError(f"found {printed!r}, allowed a number as printed, such as 99.30, 60 K or 13.83 M")
    return float(Decimal(match[1]) * _FACTORS[match[2]])
