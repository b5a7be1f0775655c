"""From the metrics of a record to the metrics that papers print: fractions in percent, and metrics derived from others.

The records of recognition and deployment neither make nor attack a cell; they add metrics to the cells that they name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from privprune.metrics.record_part import RecordPart
from privprune.published import DERIVED, METRICS
from privprune.published.metric import Derived
from privprune.records import Record
from privprune.verdicts.cell_of_record import deployed_cell
from privprune.verdicts.statistics import (
    SEEDS_ONLY,
    Estimate,
    Limits,
    SeedValues,
    combine,
    estimate_of,
)

ADDING_STAGES = ("recognise", "deploy")  # add metrics to cells that other stages made
_FRACTIONS = (  # in [0, 1] in a record, in percent here
    *("test_accuracy", "train_accuracy", "rank_1", "rank_5", "mean_average_precision", "edge_removed"),
    "edge_operations_removed",
)
_EDGE = ("edge_parameters_dense", "edge_parameters_left", "blocks_removed")
_RATIOS = ("auc",)  # reported in [0, 1]; every other measure of a membership attack in percent
_RECOGNITION = ("rank_1", "accuracy")  # of a re-identification network, of a classifier
_CONVERGED = 0.1  # share of the fall of the loss from its peak that may still follow (ours; the paper gives no rule)
# Not measured on records, and not by chance: counted, or computed from what was counted.
_EXACT_UNITS = ("count", "times", "bytes", "operations")
_EXACT = ("edge_removed", "edge_operations_removed", "epsilon")
_DIFFERENCES = tuple(name for name, derived in DERIVED.items() if derived.how == "difference")


def limits_of(metric: str) -> Limits:
    """Return what a metric can be, in its printed unit."""
    unit = METRICS[metric].unit if metric in METRICS else None
    exact = unit in _EXACT_UNITS or metric in _EXACT
    if unit == "percent" or metric in _FRACTIONS:
        return Limits(-100.0 if metric in _DIFFERENCES else 0.0, 100.0, exact=exact)
    if unit == "ssim":
        return Limits(-1.0, 1.0)
    if unit == "epochs":
        return Limits(0.0, step=1.0)
    if unit == "mse" or (unit == "loss" and metric == "final_loss"):
        return Limits(0.0)
    return Limits(positive=unit in ("ratio", "times"), exact=exact)


def maker_numbers(record: Record) -> dict[str, Estimate]:
    """Return every printed metric that follows from the record of the stage that made a cell."""
    numbers = {}
    for metric, values in _values(record).items():
        stored = [RecordPart.from_record(record.record_parts[metric])] if metric in record.record_parts else []
        parts = [part.times(100.0) for part in stored]  # only fractions, in percent here, have parts
        numbers[metric] = estimate_of(SeedValues(dict(enumerate(values)), parts), limits_of(metric))
    return numbers


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
    return values | _loss_values(record)


def _loss_values(record: Record) -> dict[str, list[float]]:
    """Return what Figure 2 of MIA-Pruning shows: the loss at the end, and how soon the last phase reached it.

    The last phase of a pruned network is its retraining; a network that is not pruned has one phase.
    """
    losses = [epoch for epoch in record.history.get("loss", []) if None not in epoch]  # null where not measured
    if not losses:
        return {}
    last = int(record.phases[-1]["epochs"]) if record.phases else len(losses)
    in_phase = [list(of_seed) for of_seed in zip(*losses[-last:], strict=True)]
    return {
        "final_loss": list(losses[-1]),
        "final_loss_epochs": [float(len(losses))] * len(losses[-1]),
        "epochs_to_converge": [float(epochs_to_converge(of_seed)) for of_seed in in_phase],
        "last_phase_epochs": [float(min(last, len(losses)))] * len(losses[-1]),
    }


def epochs_to_converge(losses: Sequence[float]) -> int:
    """Return the first epoch of a phase, counted from 1, after which the loss stays close to its last value.

    Close means within a tenth of the distance between the phase's largest and its last loss (our choice; the paper
    gives no rule). The largest, since the retraining of a pruned network can begin where it ends: its loss rises and
    then falls.

    Args:
        losses: of one network, one per epoch of the phase.

    """
    last = losses[-1]
    near = _CONVERGED * (max(losses) - last)
    far = [epoch for epoch, loss in enumerate(losses, start=1) if abs(loss - last) > near]
    return far[-1] + 1 if far else 1


def inversion_numbers(record: Record) -> dict[str, Estimate]:
    """Return the metrics of a record of inversion: sizes, entropies, the bound, and `<attack>_<measure>` per attack.

    The measures have the intervals of the record: a bootstrap over seeds and images.
    """
    numbers = {
        metric: estimate_of(dict(enumerate(values)), limits_of(metric))
        for metric, values in record.metrics.items()
        if metric not in _FRACTIONS
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
            columns = [_columns(numbers[name]) for name in (derived.of, derived.against)]
            extended[metric] = estimate_of(combine(columns, _value_of(derived)), limits_of(metric))
    errors = [name for name in bounded if name in numbers]
    if errors and "mse_bound" in numbers and min(numbers["mse_bound"].values) > 0:
        lowest = combine(
            [_columns(numbers[name]) for name in (*errors, "mse_bound")], lambda row: min(row[:-1]) / row[-1]
        )
        extended["lowest_error_over_bound"] = estimate_of(lowest, limits_of("lowest_error_over_bound"))
    return extended


def _value_of(derived: Derived) -> Callable[[Sequence[float]], float | None]:
    return lambda row: derived.value(row[0], row[1])


def _columns(number: Estimate) -> SeedValues:
    """Return the values of one cell by their place, which is the same for all its metrics."""
    return SeedValues(dict(enumerate(number.values)), number.parts)


def attack_measures(result: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the measures of a membership attack with the intervals of its record."""
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


def deployed_numbers(records: Iterable[Record]) -> dict[str, dict[str, Estimate]]:
    """Return cell -> metric -> estimate of the one network that was exported; the first record of a cell counts."""
    found: dict[str, dict[str, Estimate]] = {}
    for record in records:
        if record.stage == "deploy":
            for cell, numbers in _deployed(record).items():
                found.setdefault(cell, numbers)
    return found


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
    numbers = {}
    for metric, values in record.metrics.items():
        factor = 100.0 if metric in METRICS and METRICS[metric].unit == "percent" else 1.0
        if values:
            scaled = [factor * value for value in values]
            numbers[metric] = estimate_of(dict(enumerate(scaled)), limits_of(metric))
    return {deployed_cell(record): numbers}


def _scaled(content: Mapping[str, Any], factor: float) -> Estimate:
    """Return a measure with the interval of its record; one whose ends are equal is no interval."""
    values = tuple(factor * value for value in content["values"])
    low, high = content["low"], content["high"]
    low, high = (None, None) if low is None or high is None or low == high else (factor * low, factor * high)
    parts = [RecordPart.from_record(content["record_part"]).times(factor)] if "record_part" in content else []
    return Estimate(values, factor * content["mean"], low, high, content.get("basis", SEEDS_ONLY), tuple(parts))
