"""Each cell with a defence's addition beside the curve without it, at the same test accuracy."""

from privprune.published import METRICS, Paper
from privprune.tables.claims import utility_word
from privprune.tables.notes import DIFFERENCES, data_notes
from privprune.tables.numbers_as_text import estimate, seeds, with_interval
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_place, numbers, row, texts
from privprune.verdicts import Evaluation, Matched
from privprune.verdicts.statistics import SEEDS_ONLY


def matched_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return every comparison at the same accuracy: those of the claims, and those of further cells and attacks."""
    word = utility_word(paper)
    return Table(
        name="matched",
        title=f"Reconstruction error at the same {word}",
        caption="A cell beside another defence's curve, whose error is interpolated between its cells at the accuracy "
        "of the one cell, seed by seed. Cells of the curve that another one beats in accuracy and error are left out. "
        "Above zero the cell hides more at the same accuracy.",
        columns=(
            *labels("Measured on", "Method", "Cell", "Curve of", "Error of"),
            *numbers(f"{word.capitalize()} (%)", "MSE: cell", "MSE: curve", "MSE: difference", "Seeds"),
            *texts("Notes"),
        ),
        rows=tuple(_row(matched, paper) for matched in evaluation.matched),
        notes=(
            f"Mean over paired seeds [95 % interval]; {DIFFERENCES}",
            "Nothing is extrapolated: seeds whose accuracy lies beyond the curve's ends are left out.",
            "Only where each is better, or each is worse, in both than that end, they count with the difference to it.",
            *data_notes(evaluation.cell(matched.cell) for matched in evaluation.matched),
        ),
    )


def _row(matched: Matched, paper: Paper) -> tuple[TableCell, ...]:
    difference = matched.difference
    seeds_only = SEEDS_ONLY if difference is not None and difference.basis == SEEDS_ONLY else ""
    return row(
        measured_place(matched.place),
        paper.labels[matched.of],
        matched.cell,
        paper.labels[matched.against],
        METRICS[matched.metric].label.removesuffix(" MSE"),
        estimate(matched.accuracy, "percent"),
        estimate(matched.here, "mse"),
        estimate(matched.curve, "mse"),
        ABSENT
        if difference is None
        else with_interval(difference.mean, difference.low, difference.high, "mse", difference=True),
        seeds(matched.seeds - matched.unmatched),
        "; ".join(part for part in (matched.note(), seeds_only) if part) or ABSENT,
    )
