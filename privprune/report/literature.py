"""The section on what other papers say, tested on the same cells."""

from __future__ import annotations

from collections.abc import Iterable

from privprune.published import Paper
from privprune.report.table_views import table_view
from privprune.report.view import Part
from privprune.tables.literature import literature_table
from privprune.verdicts import Evaluation

_WORDS = (
    "Who says what about these questions, and what was measured here. Each sentence is tested on cells of the sections "
    "above, by a comparison and a bound that were fixed before anything was measured, or whose note says otherwise. A "
    "claim whose cells were not run says which are missing."
)


def literature_parts(evaluated: Iterable[tuple[Paper, Evaluation]]) -> tuple[Part, ...]:
    """Return the section; none where no claim is about the evaluated papers."""
    table = literature_table(evaluated)
    if not table.rows:
        return ()
    return (Part("literature", "What other papers say", _WORDS, (table_view(table, "literature", "", ()),), ()),)
