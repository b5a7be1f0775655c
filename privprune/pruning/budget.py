"""How many weights each layer keeps: the n_i of MIA-Pruning's Equation 2, as settings.

The paper prints totals only (Table 4); its list per layer is in an appendix that is not public. A budget here is one
of: a fraction for each layer; an overall ratio, with the same fraction in every layer; or an overall ratio, with
fractions in proportion to a given profile. The suite says which one is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Annotated

from torch import Tensor

from privprune.errors import UserError
from privprune.settings import Fraction, Range

Ratio = Annotated[float, Range(1, 1_000_000)]
Counts = dict[str, int]  # weight name -> how many of its weights are kept


@dataclass(frozen=True)
class BudgetSettings:
    """How many weights are kept, layer by layer.

    A layer is named by its weight's name or the beginning of it (`conv1`, `block3.conv1`); `*` matches any text
    (`*.depthwise`). With `keep`, every layer is named exactly once; without it, `dense_layers` names some of them.

    Attributes:
        keep: layer -> fraction of its weights that is kept; null for the same fraction everywhere.
        ratio: all weights / weights left, reached exactly; the fractions of `keep` are then a profile, multiplied by
            a common factor and capped at 1. Null to use `keep` unchanged.
        dense_layers: layers that keep all their weights; they are counted in the ratio.

    """

    keep: dict[str, Fraction] | None
    ratio: Ratio | None
    dense_layers: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a budget without fractions and without a ratio."""
        if self.keep is None and self.ratio is None:
            raise ValueError("keep and ratio: found null and null, allowed at least one of them")

    def at_ratio(self, ratio: float) -> BudgetSettings:
        """Return the same profile at another overall ratio."""
        return replace(self, ratio=ratio)


def count_kept(settings: BudgetSettings, weights: Mapping[str, Tensor]) -> Counts:
    """Return how many weights each layer keeps.

    Args:
        settings: the budget.
        weights: the prunable weights of one network, by name.

    Returns:
        a count from 1 to the layer's size, for every layer. With a ratio the counts sum to round(all / ratio) and
        each is within one weight of its exact share.

    Raises:
        UserError: a name that matches no layer, a layer named twice or not at all, or a ratio that cannot be reached.

    """
    sizes = {name: weight.numel() for name, weight in weights.items()}
    fractions = _fractions(settings, sizes)
    if settings.ratio is None:
        counts = {name: round(fractions.get(name, 1.0) * size) for name, size in sizes.items()}
    else:
        dense = {name: size for name, size in sizes.items() if name not in fractions}
        left = round(sum(sizes.values()) / settings.ratio) - sum(dense.values())
        shares = _shares({name: fraction * sizes[name] for name, fraction in fractions.items()}, sizes, left)
        counts = {name: dense.get(name, 0) for name in sizes} | _rounded(shares)
    empty = [name for name, count in counts.items() if count < 1]
    if empty:
        raise UserError(f"budget: {', '.join(empty)} would keep no weight, allowed at least 1 in each layer")
    return counts


def _fractions(settings: BudgetSettings, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return the fraction, or the weight in the profile, of each layer that is not dense."""
    dense = set(_matched(settings.dense_layers, sizes, "dense_layers"))
    if settings.keep is None:
        return {name: 1.0 for name in sizes if name not in dense}
    patterns = _matched(settings.keep, sizes, "keep")
    for name in sizes:
        if (name in patterns) == (name in dense):
            found = "both of them" if name in dense else "neither"
            raise UserError(f"budget: {name}: found in {found}, allowed in one of keep and dense_layers")
    return {name: settings.keep[pattern] for name, pattern in patterns.items()}


def _matched(patterns: Iterable[str], names: Iterable[str], key: str) -> dict[str, str]:
    """Return weight name -> the one pattern that matches it."""
    matched: dict[str, str] = {}
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")]
        if not found:
            raise UserError(f"budget.{key}: found {pattern!r}, allowed layers are {', '.join(names)}")
        for name in found:
            if name in matched:
                raise UserError(f"budget.{key}: {name} is named by {matched[name]!r} and by {pattern!r}")
            matched[name] = pattern
    return matched


def _shares(demands: Mapping[str, float], sizes: Mapping[str, int], total: int) -> dict[str, float]:
    """Share `total` in proportion to the demands; what exceeds the size of a layer is shared among the others."""
    if not len(demands) <= total <= sum(sizes[name] for name in demands):
        raise UserError(f"budget.ratio: leaves {total} weights for {', '.join(demands) or 'no layer'}, not dense")
    full: set[str] = set()
    while True:
        free = {name: demand for name, demand in demands.items() if name not in full}
        factor = (total - sum(sizes[name] for name in full)) / (sum(free.values()) or 1.0)
        overflowing = {name for name, demand in free.items() if demand * factor > sizes[name]}
        if not overflowing:
            return {name: float(sizes[name]) if name in full else demands[name] * factor for name in demands}
        full |= overflowing


def _rounded(shares: Mapping[str, float]) -> Counts:
    """Round all shares so that their sum stays the same (largest remainder method)."""
    counts = {name: int(share) for name, share in shares.items()}
    missing = round(sum(shares.values())) - sum(counts.values())
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
    return counts | {name: counts[name] + 1 for name in by_remainder[:missing]}
