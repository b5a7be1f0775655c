"""The part of a suite that has been run so far, so that a long run can be read before it has ended."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from privprune.records import MAKING, Record
from privprune.verdicts.cell_of_record import attack_records
from privprune.verdicts.settings import CurveSettings, EvaluateSettings, Threat


def so_far(settings: EvaluateSettings, records: Iterable[Record], threat: Threat) -> EvaluateSettings:
    """Leave out rows, controls and curves whose cells have no records yet; what they compare becomes `not run`.

    A curve keeps those of its cells that have records, and is left out where they are fewer than two.

    Args:
        settings: of one paper.
        records: those that exist.
        threat: of the paper.

    """
    records = list(records)
    made = {record.cell for record in records if record.stage in MAKING}
    attacked = made & set(attack_records(records, threat))
    return replace(
        settings,
        rows=tuple(
            row for row in settings.rows if row.cell in (attacked if row.attack or threat == "inversion" else made)
        ),
        controls=tuple(control for control in settings.controls if control.cell in attacked),
        curves=tuple(_left(settings.curves, attacked)),
    )


def _left(curves: Sequence[CurveSettings], attacked: set[str]) -> Iterable[CurveSettings]:
    for curve in curves:
        cells = tuple(cell for cell in curve.cells if cell in attacked)
        if len(cells) > 1:
            yield replace(curve, cells=cells)
