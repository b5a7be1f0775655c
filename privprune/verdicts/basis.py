"""What a measured number rests on: the checks that must pass before it may support a verdict."""

from collections.abc import Iterable

from privprune.published import DERIVED, METRICS, OF_THE_NETWORK
from privprune.verdicts.checks.recorded import CheckOf, of_attack, of_cell
from privprune.verdicts.measured_cells import BOUND, MeasuredCell
from privprune.verdicts.strongest import ATTACK_ACCURACY

_LOWEST_ERROR = "lowest_error_over_bound"
_OF_THE_BOUND = (_LOWEST_ERROR, "mse_bound", "conditional_entropy", "mixture_information")
_OF_SIZES = ("pruning",)  # a size needs no trained network, only a pruning that took effect


def attacks_behind(metric: str, cell: MeasuredCell, attack: str | None) -> tuple[str, ...]:
    """Return the labels of the attacks that a metric of a cell comes from.

    Args:
        metric: a key of METRICS, as measured.
        cell: the cell.
        attack: the membership attack that stands for `attack_accuracy` in the cell's row.

    """
    if metric == ATTACK_ACCURACY:
        return (attack or "",)
    if metric == _LOWEST_ERROR:
        return _lowest(cell)
    if derived := DERIVED.get(metric):
        both = (*attacks_behind(derived.of, cell, attack), *attacks_behind(derived.against, cell, attack))
        return tuple(dict.fromkeys(both))
    named = METRICS[metric].attack if metric in METRICS else ""
    return (named,) if named else ()


def basis(metric: str, cell: MeasuredCell, attacks: Iterable[str]) -> tuple[CheckOf, ...]:
    """Return the checks behind one metric of a cell, measured with these attacks.

    Every metric rests on the network, the defence and the pruning, one of an attack on that attack too. Sizes and times
    rest on the pruning alone, and are the same whether a network was trained out or not.
    """
    if metric in METRICS and METRICS[metric].unit in OF_THE_NETWORK:
        return of_cell(cell, _OF_SIZES)
    bound = of_cell(cell, (BOUND,)) if metric in _OF_THE_BOUND else ()
    return (*of_cell(cell), *bound, *(one for attack in attacks for one in of_attack(cell, attack)))


def _lowest(cell: MeasuredCell) -> tuple[str, ...]:
    """Return the inversion with the lowest mean error of those that the bound is about, which is compared with it."""
    errors = {
        label: cell.numbers[name].mean
        for label in cell.inversions
        for name in (f"{label}_mse", f"{label}_mse_as_written")
        if name in cell.bounded and name in cell.numbers
    }
    return (min(errors, key=lambda label: errors[label]),) if errors else ()
