"""The average gains that the paper quotes, beside every way to compute them."""

from privprune.tables.notes import data_notes
from privprune.tables.numbers_as_text import estimate, signed
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_place, numbers, row, texts
from privprune.verdicts import Evaluation, Gain


def gains_table(evaluation: Evaluation) -> Table:
    """Return every quoted gain beside the gains computed from printed and from measured numbers."""
    measured = {gain.place.data for gain in evaluation.gains if gain.place}
    return Table(
        name="gains",
        title="Average gains in reconstruction error",
        caption="How much larger the error is with the method than without, in percent, mean over the attacks named.",
        columns=(
            *labels("Data set", "Attacker's data", "Attacks"),
            *numbers("Quoted", "From printed averages", "From printed rows", "Of printed rows"),
            *labels("Measured on"),
            *numbers("Measured", "Of measured rows", "Defences"),
            *texts("Notes"),
        ),
        rows=tuple(_row(gain) for gain in evaluation.gains),
        notes=(
            "From averages, as the paper does: the ratio of the average error with and without.",
            "From rows: the same, with averages computed from the rows.",
            "Of rows: the mean of each defence's own gain, in which those with large errors count no more.",
            "Measured: from the measured rows, over seeds; Defences: how many of the averaged ones were run.",
            *data_notes(cell for cell in evaluation.cells if cell.data in measured),
        ),
    )


def _row(gain: Gain) -> tuple[TableCell, ...]:
    printed = (gain.from_averages, gain.from_rows, gain.of_rows)
    return row(
        gain.dataset,
        gain.attacker,
        ", ".join(attack.partition("_")[0].replace("gan", "GAN") for attack in gain.attacks),
        gain.quoted or ABSENT,
        *(signed(value, "percent") for value in printed),
        measured_place(gain.place) if gain.place else ABSENT,
        estimate(gain.measured, "percent"),
        estimate(gain.measured_of_rows, "percent"),
        f"{gain.pairs} of {gain.all_pairs}",
        gain.note or ABSENT,
    )
