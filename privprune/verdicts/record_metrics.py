"""From a record's metrics to printed metrics: percent for fractions, and what follows from several of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from privprune.published import DERIVED
from privprune.records import Record
from privprune.verdicts.statistics import Estimate, over_seeds

_FRACTIONS = (  # of a record, in percent here
    *("test_accuracy", "train_accuracy", "rank_1", "rank_5", "mean_average_precision", "edge_removed"),
)
_EDGE = ("edge_parameters_dense", "edge_parameters_left", "blocks_removed")
_RATIOS = ("auc",)  # reported in [0, 1]; every other measure of a membership attack in percent
_ERRORS = ("mse", "mse_as_written")
_CONVERGED = 0.1  # share of the loss's whole fall that may still be ahead (ours; the paper gives no rule)


def maker_numbers(record: Record) -> dict[str, Estimate]:
    """Return every printed metric that a record of training allows."""
    return {metric: over_seeds(values, *_possible(metric)) for metric, values in _values(record).items()}


def _possible(metric: str) -> tuple[float, float]:
    return (0.0, 100.0) if metric in _FRACTIONS else (-math.inf, math.inf)


def _values(record: Record) -> dict[str, list[float]]:
    metrics = record.metrics
    found = {name: [100 * value for value in metrics[name]] for name in _FRACTIONS if name in metrics}
    found |= {name: list(metrics[name]) for name in _EDGE if name in metrics}
    if "weights" in metrics and "weights_left" in metrics:
        found["weights"], found["weights_after"] = list(metrics["weights"]), list(metrics["weights_left"])
        pairs = zip(metrics["weights"], metrics["weights_left"], strict=True)
        found["weights_ratio"] = [all_ / max(left, 1) for all_, left in pairs]
    if "epsilon" in metrics:
        found["epsilon"] = list(metrics["epsilon"])
    losses = [epoch for epoch in record.history.get("loss", []) if None not in epoch]  # null where not measured
    if losses:
        per_seed = list(zip(*losses, strict=True))
        found["final_loss"] = [own[-1] for own in per_seed]
        found["epochs_to_converge"] = [float(epochs_to_converge(own)) for own in per_seed]
    return found


def epochs_to_converge(losses: Sequence[float]) -> int:
    """Return the first epoch, counted from 1, from which on the loss stays close to its last value.

    Close is within a tenth of the whole way from the first to the last loss (ours; the paper gives no rule).
    """
    last = losses[-1]
    near = _CONVERGED * abs(losses[0] - last)
    far = [epoch for epoch, loss in enumerate(losses, start=1) if abs(loss - last) > near]
    return far[-1] + 1 if far else 1


def inversion_numbers(record: Record) -> dict[str, Estimate]:
    """Return what a record of inversion holds: sizes, entropies and bound, and each attack's `<attack>_<measure>`.

    The measures keep the record's own intervals (bootstrap over images, nested in seeds).
    """
    found = {metric: over_seeds(values) for metric, values in record.metrics.items() if metric not in _FRACTIONS}
    for attack, result in record.attacks.items():
        found |= {f"{attack}_{measure}": _scaled(one, 1.0) for measure, one in result["metrics"].items()}
    return found


def with_derived(numbers: Mapping[str, Estimate], inversions: Sequence[str]) -> dict[str, Estimate]:
    """Add the metrics that follow per seed from others: gaps, ratios, and the lowest error over the bound."""
    found = dict(numbers)
    for metric, derived in DERIVED.items():
        if derived.of in numbers and derived.against in numbers:
            pairs = zip(numbers[derived.of].values, numbers[derived.against].values, strict=True)
            found[metric] = over_seeds([derived.value(of, against) for of, against in pairs])
    errors = [numbers[name].values for one in inversions for how in _ERRORS if (name := f"{one}_{how}") in numbers]
    if errors and "mse_bound" in numbers:
        lowest = [min(own) for own in zip(*errors, strict=True)]
        bounds = numbers["mse_bound"].values
        found["lowest_error_over_bound"] = over_seeds(
            [low / max(b, 1e-12) for low, b in zip(lowest, bounds, strict=True)]
        )
    return found


def attack_measures(found: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return a membership attack's measures with the intervals that its record holds (records nested in seeds)."""
    return {name: _scaled(one, 1.0 if name in _RATIOS else 100.0) for name, one in found["metrics"].items()}


def _scaled(content: Mapping[str, Any], factor: float) -> Estimate:
    values = tuple(factor * value for value in content["values"])
    low, high = content["low"], content["high"]
    ends = (None, None) if low is None or high is None else (factor * low, factor * high)
    return Estimate(values, factor * content["mean"], *ends)
