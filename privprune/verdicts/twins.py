"""CEM beside its twin, the same network without it, and whether the term raised the bound that it is made to raise.

CEM maximises the conditional entropy H(x|z), which bounds the error of every attack from below (Theorem 1). Its record
can only say how strongly the term pulled at the edge, compared with the gradient of one batch. That says too little
where networks have not learnt everything: there, the gradient of a batch is mostly noise, which averages out, and a
term that pulls the same way in every step needs little strength. On CIFAR-10 a share of 0.02 raised the error of the
closed-form attack by half (three seeds). So where the twin was measured, its bound decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from privprune.checks import Check, check
from privprune.records import MAKING, Record
from privprune.verdicts.measured_cells import MeasuredCell

NAME = "its term raises the bound"
LEAST_RATIO = 1.05  # (ours) twice what seeds of one network differ by: 0.03 on the demo's tiles
_PULL = "its term moves"  # the check in the record that this one replaces
_DEFENCE = "defence"  # key of an entry, and subject of the checks of a defence
_BOUND = "mse_bound"
_SAME = ("data", "plan", "method", "budget", "retrain")  # keys in which an entry and its twin agree
_NETWORK, _SEEDS = "network", "seeds"  # in which they agree too, but that the twin may have more seeds


def judged_by_twins(cells: Mapping[str, MeasuredCell], records: Iterable[Record]) -> dict[str, MeasuredCell]:
    """Return the cells, those of CEM with the check against their twin where that was measured too.

    Args:
        cells: cell -> what was measured.
        records: those of the suite.

    """
    makers = {record.cell: record for record in records if record.stage in MAKING}
    return {name: _judged(cell, _twin(makers[name], cells, makers)) for name, cell in cells.items()}


def _twin(record: Record, cells: Mapping[str, MeasuredCell], makers: Mapping[str, Record]) -> MeasuredCell | None:
    """Return the cell whose entry is the same but for CEM; None for cells without CEM, and where there is none."""
    defence = record.parameters.get(_DEFENCE)
    if not isinstance(defence, Mapping) or defence.get("name") != "cem":
        return None
    base = defence.get("base")
    return next((cell for name, cell in cells.items() if _differs_by_cem(record, makers[name], base)), None)


def _differs_by_cem(record: Record, other: Record, base: object) -> bool:
    alike = all(record.parameters.get(key) == other.parameters.get(key) for key in _SAME)
    started = record.origin == other.origin and set(record.seeds) <= set(other.seeds)
    return alike and _networks(record) == _networks(other) and started and other.parameters.get(_DEFENCE) == base


def _networks(record: Record) -> dict[str, Any]:
    """Return what an entry says about its networks, but for their seeds."""
    return {key: value for key, value in (record.parameters.get(_NETWORK) or {}).items() if key != _SEEDS}


def _judged(cell: MeasuredCell, twin: MeasuredCell | None) -> MeasuredCell:
    """Replace the check of the term's pull, where both bounds were measured."""
    if twin is None or cell.checks is None or _DEFENCE not in cell.checks:
        return cell
    with_cem, without = cell.numbers.get(_BOUND), twin.numbers.get(_BOUND)
    if with_cem is None or without is None:
        return cell
    own = tuple(one for one in cell.checks[_DEFENCE] if one.name != _PULL)
    by_seed = dict(zip(twin.seeds, without.values, strict=True))
    raised = _raised(with_cem.values, [by_seed[seed] for seed in cell.seeds], twin.cell)
    return replace(cell, checks={**cell.checks, _DEFENCE: (raised, *own)})


def _raised(with_cem: Sequence[float], without: Sequence[float], twin: str) -> Check:
    ratios = [one / other for one, other in zip(with_cem, without, strict=True)]
    reason = f"bound on the mean squared error of every attack, as a share of that of {twin}, seed by seed"
    return check(NAME, ratios, "at least", LEAST_RATIO, reason)
