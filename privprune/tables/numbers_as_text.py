"""Numbers as text for tables: by unit, with intervals and signs."""

from collections.abc import Iterable

from privprune.published import METRICS
from privprune.published.metric import Unit
from privprune.tables.table import ABSENT, MINUS
from privprune.verdicts import Estimate, MeasuredCell

_DECIMALS: dict[Unit, int] = {
    "percent": 2,
    "count": 0,
    "times": 2,
    "loss": 4,
    "epochs": 1,
    "rank correlation": 2,
    "ratio": 3,
    "mse": 5,
    "ssim": 3,
    "dB": 2,
    "nats": 1,
    "bytes": 0,
    "operations": 0,
    "milliseconds": 2,
}
NO_BOUND = "does not apply"  # features without noise carry infinite information
_OF_THE_BOUND = ("mixture_information", "conditional_entropy", "mse_bound", "lowest_error_over_bound")
_LARGE = 100_000.0  # larger ratios are written with an exponent
_HEADINGS: dict[Unit, str] = {
    "percent": " (%)",
    "times": " (times)",
    "dB": " (dB)",
    "nats": " (nats)",
    "milliseconds": " (ms)",
}


def heading(metric: str) -> str:
    """Return the heading of a metric's column, with the unit."""
    quantity = METRICS[metric]
    return quantity.label + _HEADINGS.get(quantity.unit, "")


def utilities(cells: Iterable[MeasuredCell]) -> list[str]:
    """Return the metrics of utility that the cells have: test accuracy, mean average precision, or both."""
    metrics = {metric for cell in cells for metric in cell.numbers}
    return [metric for metric in ("test_accuracy", "mean_average_precision") if metric in metrics] or ["test_accuracy"]


def plain(value: float, unit: Unit, decimals: int | None = None) -> str:
    """Write a number; counts with commas between thousands, a ratio that is very large with an exponent."""
    if unit == "ratio" and abs(value) >= _LARGE:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return _minus(f"{mantissa}e{int(exponent)}")
    places = _DECIMALS[unit] if decimals is None else decimals
    text = f"{value:,.{places}f}" if _DECIMALS[unit] == 0 else f"{value:.{places}f}"
    return _minus(text)


def signed(value: float, unit: Unit) -> str:
    """Write a difference with its sign."""
    return _minus(f"{value:+.{_DECIMALS[unit]}f}")


def with_interval(
    value: float | None, low: float | None, high: float | None, unit: Unit, *, difference: bool = False
) -> str:
    """Return a mean with its 95 % interval, which is left out if unknown or if its ends print like the mean."""
    if value is None:
        return ABSENT
    write = signed if difference else plain
    text = write(value, unit)
    if low is None or high is None:
        return text
    ends = write(low, unit), write(high, unit)
    return text if ends == (text, text) else f"{text} [{ends[0]}, {ends[1]}]"


def of_cell(cell: MeasuredCell, metric: str) -> str:
    """Return a cell's estimate of a metric, or why there is none: without noise, Theorem 1 of CEM does not apply."""
    bound = cell.numbers.get("mse_bound")
    if metric in _OF_THE_BOUND and "feature_values" in cell.numbers and (bound is None or bound.mean == 0):
        return NO_BOUND
    return estimate(cell.numbers.get(metric), METRICS[metric].unit)


def estimate(measured: Estimate | None, unit: Unit) -> str:
    """Return an estimate with its interval, or the text of an absent value."""
    return ABSENT if measured is None else with_interval(measured.mean, measured.low, measured.high, unit)


def seeds(count: int) -> str:
    """Return the number of seeds as text; one seed is written in words."""
    return {0: ABSENT, 1: "one seed"}.get(count, str(count))


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
