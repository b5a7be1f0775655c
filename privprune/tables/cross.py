"""The matrix that no paper prints: every defence under membership inference and under inversion, per data set."""

from collections.abc import Sequence

from privprune.published import INVERSION_MEASURES, METRICS, attack_label, method_label
from privprune.published.metric import Unit
from privprune.tables.checks import checks_in_words
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, seeds, utilities
from privprune.tables.table import Table, TableCell, labels, numbers, row
from privprune.verdicts import CrossEvaluation
from privprune.verdicts.checks import of_attack, of_cell
from privprune.verdicts.cross import CrossLine

_MEMBERSHIP: dict[str, tuple[str, Unit]] = {
    "balanced_accuracy": ("balanced accuracy (%)", "percent"),
    "auc": ("AUC", "ratio"),
    "tpr_at_1_percent_fpr": ("TPR at 1 % FPR (%)", "percent"),
}
_INVERSION = ("mse", "psnr", "ssim")
IMPOSSIBLE = "not possible"  # membership of a network that gives embeddings, not classes
_SIZES = ("weights_after", "edge_parameters", "feature_bytes")


def build_cross(evaluation: CrossEvaluation) -> tuple[Table, ...]:
    """Return one table per data set, in the order that the suite names them."""
    return tuple(_matrix(evaluation, data) for data in dict.fromkeys(line.cell.data for line in evaluation.lines))


def _matrix(evaluation: CrossEvaluation, data: str) -> Table:
    lines = [line for line in evaluation.lines if line.cell.data == data]
    useful = utilities(line.cell for line in lines)
    membership = [
        f"{attack_label(attack)}: {title}" for attack in evaluation.membership for title, _ in _MEMBERSHIP.values()
    ]
    inversion = [
        f"{attack_label(attack)}: {INVERSION_MEASURES[measure][0]}"
        for attack in evaluation.inversion
        for measure in _INVERSION
    ]
    return Table(
        name=f"matrix_{data}",
        title=f"Every defence under both threats, {data}",
        caption="Does what protects the members also protect the images, and the other way round? Membership attacks "
        "see the outputs, inversion attacks the features that are sent.",
        columns=(
            *labels("Defence", "Cell", "Network and protocol"),
            *numbers(*(heading(one) for one in useful), *membership, *inversion),
            *numbers(*(METRICS[one].label for one in _SIZES), "Seeds"),
            *labels("Checks"),
        ),
        rows=tuple(_line(line, evaluation, useful) for line in lines),
        notes=(
            "The attacks are fixed in the suite and the same for all cells; none was chosen for its result.",
            "Guessing reaches a balanced accuracy of 50 % and an AUC of 0.500.",
            "Checks: of the network, its defence, and the attacks shown; a failed one is listed under its paper.",
            "A larger MSE, a smaller PSNR and a smaller SSIM hide more.",
            *(
                ("Not possible: a re-identification network knows no class of a new image to be sure or unsure of.",)
                * any(not line.membership_possible for line in lines)
            ),
            *INTERVALS,
            *data_notes(line.cell for line in lines),
        ),
    )


def _line(line: CrossLine, evaluation: CrossEvaluation, useful: Sequence[str]) -> tuple[TableCell, ...]:
    cell = line.cell
    membership = [
        estimate(cell.attacks[attack].measures.get(measure), unit) if line.membership_possible else IMPOSSIBLE
        for attack in evaluation.membership
        for measure, (_, unit) in _MEMBERSHIP.items()
    ]
    inversion = [
        estimate(cell.numbers.get(f"{attack}_{measure}"), INVERSION_MEASURES[measure][1])
        for attack in evaluation.inversion
        for measure in _INVERSION
    ]
    attacks = (*(evaluation.membership if line.membership_possible else ()), *evaluation.inversion)
    return row(
        method_label(line.defence.lower()) or line.defence,
        cell.cell,
        f"{cell.model}, {cell.protocol}",
        *(estimate(cell.numbers.get(one), "percent") for one in useful),
        *membership,
        *inversion,
        *(estimate(cell.numbers.get(metric), METRICS[metric].unit) for metric in _SIZES),
        seeds(len(cell.seeds)),
        checks_in_words([*of_cell(cell), *(one for attack in attacks for one in of_attack(cell, attack))]),
    )
