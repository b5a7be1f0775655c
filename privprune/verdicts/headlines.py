"""The headline numbers of a cell under names of one level: what DVC's and MLflow's tables of runs show."""

from collections.abc import Mapping, Sequence

from privprune.published import INVERSIONS
from privprune.verdicts.measured_cells import BALANCED, MeasuredCell
from privprune.verdicts.strongest import strongest_attacks

OF_A_CELL = (
    "test_accuracy", "train_accuracy", "rank_1", "mean_average_precision", "epsilon", "weights_after", "edge_removed",
    "edge_parameters", "edge_operations", "cloud_operations", "wire_bytes_float32",
)  # fmt: skip
OF_MEMBERSHIP = (BALANCED, "auc", "tpr_at_1_percent_fpr")
OF_INVERSION = ("mse", "ssim")


def headline_numbers(cells: Sequence[MeasuredCell]) -> dict[str, dict[str, float]]:
    """Return cell -> its headline numbers, each the mean over seeds.

    Accuracies and rates are in percent; errors of reconstruction are of pixels in [0, 1]. Beside what was measured on
    the cell itself stand

    - `points_below_best`: how far its utility is below the highest one among the cells with the same data set;
    - `strongest_balanced_accuracy` and `strongest_mse`: of the cell's strongest attack on membership, and of its
      strongest reconstruction, each chosen on records that are not evaluated. Controls are never chosen.
    """
    best: dict[str, float] = {}
    for cell in cells:
        if cell.utility is not None:
            best[cell.data] = max(best.get(cell.data, 0.0), cell.utility.mean)
    return {cell.cell: _rounded(_own_numbers(cell) | _strongest(cell) | _below(cell, best)) for cell in cells}


def _own_numbers(cell: MeasuredCell) -> dict[str, float]:
    names = [*OF_A_CELL, *(f"{attack}_{measure}" for attack in INVERSIONS for measure in OF_INVERSION)]
    numbers = {name: cell.numbers[name].mean for name in names if name in cell.numbers}
    for attack, result in cell.attacks.items():
        measured = {measure: result.measures[measure].mean for measure in OF_MEMBERSHIP if measure in result.measures}
        numbers |= {f"{attack}_{measure}": value for measure, value in measured.items()}
    return numbers


def _strongest(cell: MeasuredCell) -> dict[str, float]:
    numbers: dict[str, float] = {}
    if cell.attacks and (chosen := strongest_attacks([cell], "membership")):
        measured = cell.attacks[chosen[cell.cell]].measures.get(BALANCED)
        numbers |= {} if measured is None else {f"strongest_{BALANCED}": measured.mean}
    if cell.inversions and (chosen := strongest_attacks([cell], "inversion")):
        error = cell.numbers.get(f"{chosen[cell.cell]}_mse")
        numbers |= {} if error is None else {"strongest_mse": error.mean}
    return numbers


def _below(cell: MeasuredCell, best: Mapping[str, float]) -> dict[str, float]:
    return {} if cell.utility is None else {"points_below_best": best[cell.data] - cell.utility.mean}


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in numbers.items()}
