"""All inversion attacks on all cells; what each cell sends; and the curves of growing strength."""

from collections.abc import Sequence

from privprune.published import INVERSION_MEASURES, Paper, attack_label
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, of_cell, seeds, utilities
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_on, numbers, row
from privprune.verdicts import Evaluation, MeasuredCell, cell_names, other_networks

_FEATURES = (
    "feature_values", "feature_bytes", "edge_parameters", "cloud_parameters", "image_entropy_bound",
    "mixture_information", "mixture_records_per_feature", "conditional_entropy", "mse_bound",
    "mse_bound_nothing_sent", "mean_image_mse", "lowest_error_over_bound",
)  # fmt: skip
_MEASURES = tuple(name for name in INVERSION_MEASURES if not name.startswith(("ssim_uniform", "psnr_of_images")))
_THEOREM = (
    "The bound is an estimate, as it takes an estimate of H(x).",
    "Does not apply: features without noise carry infinite information, and Theorem 1 says nothing about them.",
)
_CURVE = (
    "decoder_train_mse", "decoder_infer_mse", "gan_train_mse", "large_decoder_train_mse",
    "decoder_train_ssim", "conditional_entropy", "mse_bound",
)  # fmt: skip
_COST = ("edge_parameters", "edge_operations_removed")  # of pruned edges: without it, strength has no price


def inversions_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return one row per inversion attack and cell."""
    cells = _inverted(evaluation)
    return Table(
        name="inversions",
        title="All inversion attacks on all cells",
        caption="What each attack rebuilds from the features that are sent: error on [0, 1] (above is safer), peak "
        "signal-to-noise ratio and structural similarity (below is safer), and Theorem 1's bound on the error with one "
        "query.",
        columns=(
            *labels("Measured on", "Cell", "Method", "Attack"),
            *numbers(*(INVERSION_MEASURES[name][0] for name in _MEASURES), heading("mse_bound")),
            *numbers("Images known / scored", "Seeds"),
        ),
        rows=tuple(_attack(cell, attack, evaluation, paper) for cell in cells for attack in cell.inversions),
        notes=(
            *INTERVALS,
            "Plain columns are scored as the released code does, the others as the paper says.",
            "SSIM: with zero padding as in the released code and in print; valid counts only windows inside the image.",
            *_THEOREM,
            *filter(None, (other_networks(cells),)),
            *data_notes(cells),
        ),
    )


def _inverted(evaluation: Evaluation) -> list[MeasuredCell]:
    return [cell for cell in evaluation.cells if cell.inversions]


def _method(cell: MeasuredCell, evaluation: Evaluation, paper: Paper) -> str:
    names = [role.name for role in evaluation.roles if role.cell == cell.cell] or [cell_names(evaluation)[cell.cell]]
    return "; ".join(dict.fromkeys(paper.labels[name] for name in names))


def _attack(cell: MeasuredCell, attack: str, evaluation: Evaluation, paper: Paper) -> tuple[TableCell, ...]:
    result = cell.inversions[attack]
    return row(
        measured_on(cell),
        cell.cell,
        _method(cell, evaluation, paper),
        attack_label(attack),
        *(estimate(cell.numbers.get(f"{attack}_{name}"), INVERSION_MEASURES[name][1]) for name in _MEASURES),
        of_cell(cell, "mse_bound"),
        f"{result.known:,} / {result.scored:,}",
        seeds(len(cell.seeds)),
    )


def _numbers(cell: MeasuredCell, metrics: Sequence[str]) -> list[str]:
    return [of_cell(cell, metric) for metric in metrics]


def features_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return what each cell sends, the information bounds of the features, and the sizes of edge and cloud."""
    cells = _inverted(evaluation)
    useful = utilities(cells)
    return Table(
        name="features",
        title="What is sent, and what it bounds",
        caption="Numbers sent per image, parameters of edge and cloud, and the entropies behind Theorems 1 and 2.",
        columns=(
            *labels("Measured on", "Cell", "Method"),
            *numbers(*(heading(one) for one in (*useful, *_FEATURES)), "Seeds"),
        ),
        rows=tuple(
            row(
                measured_on(cell),
                cell.cell,
                _method(cell, evaluation, paper),
                *_numbers(cell, (*useful, *_FEATURES)),
                seeds(len(cell.seeds)),
            )
            for cell in cells
        ),
        notes=(
            *INTERVALS,
            "Below 1 in the last column of numbers an attack would have broken the bound.",
            "As in Theorem 1, it counts attacks with one query, on images that they were not trained on.",
            "Fewer than 4 records per feature make I(z; z^) too small, and the bound on the error too large.",
            "With nothing sent, a lossless code of the images proves that the bound is at most what its column says.",
            *_THEOREM,
            *data_notes(cells),
        ),
    )


def curves_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the cells of each curve in order, for cells whose features were inverted."""
    lines = [
        (curve, cell)
        for curve in evaluation.curves
        for name in curve.cells
        if (cell := evaluation.cell(name)).inversions
    ]
    useful = utilities(cell for _, cell in lines)
    pruned = any(_COST[-1] in cell.numbers for _, cell in lines)
    shown = (*useful, *_CURVE, *(_COST if pruned else ()))
    return Table(
        name="curves",
        title="Defences at growing strength",
        caption="The cells behind the comparisons at the same accuracy, in the order of each curve.",
        columns=(
            *labels("Measured on", "Curve of", "Cell"),
            *numbers(*(heading(one) for one in shown), "Seeds"),
        ),
        rows=tuple(
            row(
                measured_on(cell),
                paper.labels.get(curve.name, ABSENT),
                cell.cell,
                *_numbers(cell, shown),
                seeds(len(cell.seeds)),
            )
            for curve, cell in lines
        ),
        notes=(*INTERVALS, *data_notes(cell for _, cell in lines)),
    )
