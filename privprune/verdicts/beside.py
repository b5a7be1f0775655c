"""What other stages say about a cell: whether its reconstructions are recognised, and what its deployed halves cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from privprune.records import Record
from privprune.verdicts.statistics import Estimate, over_seeds

BESIDE = ("recognise", "deploy")  # stages that neither make nor attack a cell; the cells stand in their records
_FOUND = ("rank_1", "accuracy")  # of re-identification, of classification


def beside(records: Iterable[Record]) -> dict[str, dict[str, Estimate]]:
    """Return cell -> metric -> estimate from the records of recognition and deployment; the first record counts.

    `<attack>_recognised` is the percentage of an attack's reconstructions that an independent network recognises, and
    `originals_recognised` that of the images themselves; what was deployed is one network of the cell.
    """
    found: dict[str, dict[str, Estimate]] = {}
    for record in records:
        if record.stage not in BESIDE:
            continue
        for cell, numbers in (_recognised(record) if record.attacks else _deployed(record)).items():
            found[cell] = numbers | found.get(cell, {})
    return found


def _recognised(record: Record) -> dict[str, dict[str, Estimate]]:
    found: dict[str, dict[str, Estimate]] = {}
    for name, result in record.attacks.items():
        cell, _, attack = name.rpartition("/")
        own = found.setdefault(cell, {})
        for metric in _FOUND:
            for measured, called in ((metric, attack), (f"original_{metric}", "originals")):
                if measured in result["metrics"]:
                    own.setdefault(f"{called}_recognised", _percent(result["metrics"][measured]))
    return found


def _percent(one: Mapping[str, Any]) -> Estimate:
    low, high = (None if one[end] is None else 100 * one[end] for end in ("low", "high"))
    return Estimate(tuple(100 * value for value in one["values"]), 100 * one["mean"], low, high)


def _deployed(record: Record) -> dict[str, dict[str, Estimate]]:
    cell = str(record.parameters.get("cell", record.cell))
    return {cell: {metric: over_seeds(values) for metric, values in record.metrics.items() if values}}
