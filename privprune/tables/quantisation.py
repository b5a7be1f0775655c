"""The table of deployed networks by the precision of the edge and of what it sends: bytes, utility, privacy."""

from privprune.published import DEPLOYED_VARIANTS, METRICS
from privprune.tables.notes import data_notes
from privprune.tables.numbers_as_text import estimate
from privprune.tables.table import Table, labels, measured_on, numbers, row
from privprune.verdicts import Evaluation, MeasuredCell

_SHOWN = ("wire_bytes", "mean_average_precision", "rank_1", "test_accuracy", "lmmse_mse")


def quantisation_table(evaluation: Evaluation) -> Table:
    """Return one line per deployed network and variant; no rows where none was measured."""
    lines = [
        (cell, variant)
        for cell in evaluation.cells
        for variant in DEPLOYED_VARIANTS
        if f"{variant}_wire_bytes" in cell.numbers
    ]
    shown = [name for name in _SHOWN if any(f"{variant}_{name}" in cell.numbers for cell, variant in lines)]
    return Table(
        name="quantisation",
        title="What rounding does to utility and privacy",
        caption="The exported network of each cell with its edge in float32 or int8, and with what it sends as float32 "
        "or rounded. A larger error of the linear attack (LMMSE) hides more.",
        columns=(
            *labels("Measured on", "Cell", "Edge", "On the wire"),
            *numbers(*(METRICS[f"float32_{name}"].label for name in shown)),
        ),
        rows=tuple(
            row(measured_on(cell), cell.cell, *DEPLOYED_VARIANTS[variant], *_values(cell, variant, shown))
            for cell, variant in lines
        ),
        notes=(
            "Of one network, through ONNX Runtime and the noise of the wire; the bytes are those of one image.",
            "The attack is fitted for each line, to what that line sends.",
            *data_notes([cell for cell, _ in lines]),
        ),
    )


def _values(cell: MeasuredCell, variant: str, shown: list[str]) -> list[str]:
    metrics = [f"{variant}_{name}" for name in shown]
    return [estimate(cell.numbers.get(metric), METRICS[metric].unit) for metric in metrics]
