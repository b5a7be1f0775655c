"""From the metrics of a record to the metrics that papers print: fractions in percent, and metrics derived from others.

The records of recognition and deployment neither make nor attack a cell; they add metrics to the cells that they name.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from privprune.published import DERIVED
from privprune.records import Record
from privprune.verdicts.cell_of_record import deployed_cell
from privprune.verdicts.statistics import Estimate, estimate_over_seeds

ADDING_STAGES = ("recognise", "deploy")  # add metrics to cells that other stages made
_FRACTIONS = (  # in [0, 1] in a record, in percent here
    *("test_accuracy", "train_accuracy", "rank_1", "rank_5", "mean_average_precision", "edge_removed"),
)
_EDGE = ("edge_parameters_dense", "edge_parameters_left", "blocks_removed")
_RATIOS = ("auc",)  # reported in [0, 1]; every other measure of a membership attack in percent
_RECOGNITION = ("rank_1", "accuracy")  # of a re-identification network, of a classifier
_CONVERGED = 0.1  # share of the whole fall of the loss that may still follow (our choice; the paper gives no rule)


def maker_numbers(record: Record) -> dict[str, Estimate]:
    """Return every printed metric that follows from the record of the stage that made a cell."""
    return {metric: estimate_over_seeds(values, *_possible(metric)) for metric, values in _values(record).items()}


def _possible(metric: str) -> tuple[float, float]:
    return (0.0, 100.0) if metric in _FRACTIONS else (-math.inf, math.inf)


def _values(record: Record) -> dict[str, list[float]]:
    metrics = record.metrics
    values = {name: [100 * value for value in metrics[name]] for name in _FRACTIONS if name in metrics}
    values |= {name: list(metrics[name]) for name in _EDGE if name in metrics}
    if "weights" in metrics and "weights_left" in metrics:
        values["weights"], values["weights_after"] = list(metrics["weights"]), list(metrics["weights_left"])
        pairs = zip(metrics["weights"], metrics["weights_left"], strict=True)
        values["weights_ratio"] = [all_ / max(left, 1) for all_, left in pairs]
    if "epsilon" in metrics:
        values["epsilon"] = list(metrics["epsilon"])
    losses = [epoch for epoch in record.history.get("loss", []) if None not in epoch]  # null where not measured
    if losses:
        per_seed = list(zip(*losses, strict=True))
        values["final_loss"] = [losses_of_seed[-1] for losses_of_seed in per_seed]
        values["epochs_to_converge"] = [float(epochs_to_converge(losses_of_seed)) for losses_of_seed in per_seed]
    return values


def epochs_to_converge(losses: Sequence[float]) -> int:
    """Return the first epoch, counted from 1, after which the loss stays close to its last value.

    Close means within a tenth of the distance between the first and the last loss (our choice; the paper gives no
    rule).
    """
    last = losses[-1]
    near = _CONVERGED * abs(losses[0] - last)
    far = [epoch for epoch, loss in enumerate(losses, start=1) if abs(loss - last) > near]
    return far[-1] + 1 if far else 1


def inversion_numbers(record: Record) -> dict[str, Estimate]:
    """Return the metrics of a record of inversion: sizes, entropies, the bound, and `<attack>_<measure>` per attack.

    The measures have the intervals of the record: a bootstrap over images, nested in seeds.
    """
    numbers = {
        metric: estimate_over_seeds(values) for metric, values in record.metrics.items() if metric not in _FRACTIONS
    }
    for attack, result in record.attacks.items():
        numbers |= {f"{attack}_{measure}": _scaled(one, 1.0) for measure, one in result["metrics"].items()}
    return numbers


def with_derived(numbers: Mapping[str, Estimate], bounded: Sequence[str]) -> dict[str, Estimate]:
    """Return the metrics with those added that are computed from them per seed: gaps, ratios, lowest error / bound.

    Args:
        numbers: metric -> estimate over seeds.
        bounded: the errors of attacks that are compared with the bound, see `theorem.bounded_errors`; a bound of 0, for
            features without noise, is compared with none.

    """
    extended = dict(numbers)
    for metric, derived in DERIVED.items():
        if derived.of in numbers and derived.against in numbers:
            pairs = zip(numbers[derived.of].values, numbers[derived.against].values, strict=True)
            extended[metric] = estimate_over_seeds([derived.value(of, against) for of, against in pairs])
    errors = [numbers[name].values for name in bounded if name in numbers]
    bounds = numbers["mse_bound"].values if "mse_bound" in numbers else ()
    if errors and bounds and min(bounds) > 0:
        lowest = [min(errors_of_seed) for errors_of_seed in zip(*errors, strict=True)]
        ratios = [low / bound for low, bound in zip(lowest, bounds, strict=True)]
        extended["lowest_error_over_bound"] = estimate_over_seeds(ratios)
    return extended


def attack_measures(result: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the measures of a membership attack with the intervals of its record (records nested in seeds)."""
    return {name: _scaled(one, 1.0 if name in _RATIOS else 100.0) for name, one in result["metrics"].items()}


def added_numbers(records: Iterable[Record]) -> dict[str, dict[str, Estimate]]:
    """Return cell -> metric -> estimate from the records of recognition and deployment; the first record counts.

    `<attack>_recognised` is the percentage of an attack's reconstructions that an independent network recognises, and
    `originals_recognised` that of the images themselves. Of each deployed cell one network is exported.
    """
    added: dict[str, dict[str, Estimate]] = {}
    for record in records:
        if record.stage in ADDING_STAGES:
            for cell, numbers in (_recognised(record) if record.attacks else _deployed(record)).items():
                added[cell] = numbers | added.get(cell, {})
    return added


def _recognised(record: Record) -> dict[str, dict[str, Estimate]]:
    recognised: dict[str, dict[str, Estimate]] = {}
    for name, result in record.attacks.items():
        cell, _, attack = name.rpartition("/")
        numbers = recognised.setdefault(cell, {})
        for metric in _RECOGNITION:
            for measured, images in ((metric, attack), (f"original_{metric}", "originals")):
                if measured in result["metrics"]:
                    numbers.setdefault(f"{images}_recognised", _scaled(result["metrics"][measured], 100.0))
    return recognised


def _deployed(record: Record) -> dict[str, dict[str, Estimate]]:
    numbers = {metric: estimate_over_seeds(values) for metric, values in record.metrics.items() if values}
    return {deployed_cell(record): numbers}


def _scaled(content: Mapping[str, Any], factor: float) -> Estimate:
    values = tuple(factor * value for value in content["values"])
    low, high = content["low"], content["high"]
    ends = (None, None) if low is None or high is None else (factor * low, factor * high)
    return Estimate(values, factor * content["mean"], *ends)
