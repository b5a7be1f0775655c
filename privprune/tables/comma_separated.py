"""Tables as CSV, and `verdicts.csv` with one line per printed number."""

import csv
import io
from collections.abc import Iterable

from privprune.published import METRICS
from privprune.published.metric import Unit
from privprune.tables.table import MINUS, Table
from privprune.verdicts import Evaluation, NumberVerdict

VERDICT_COLUMNS = (
    "suite", "paper", "table", "dataset", "model", "method", "attack", "metric",
    "published", "measured", "low", "high", "seeds", "verdict",
)  # fmt: skip
_DECIMALS: dict[Unit, int] = {"count": 0, "operations": 0, "mse": 6, "ssim": 4}


def comma_separated(table: Table) -> str:
    """Write a table's columns and rows; title, caption and notes stand in the other forms."""
    rows = [[_ascii_minus(cell.text) for cell in cells] for cells in table.rows]
    return _written([[column.title for column in table.columns], *rows])


def _ascii_minus(text: str) -> str:
    return text.replace(MINUS, "-")  # the one sign that spreadsheets read


def verdicts_csv(evaluations: Iterable[Evaluation]) -> str:
    """Write one line per printed number, run or not, in the printed unit, weights as counts; empty where unknown."""
    lines = [_line(evaluation, found) for evaluation in evaluations for found in evaluation.verdicts]
    return _written([list(VERDICT_COLUMNS), *lines])


def _line(evaluation: Evaluation, found: NumberVerdict) -> list[str]:
    unit = METRICS[found.metric].unit
    published = f"{found.published:.10g}" if " " in found.printed else found.printed  # 60 K in full
    measured = [_number(value, unit) for value in (found.measured, found.low, found.high)]
    place = [found.table, found.dataset, found.model, found.method, found.attack, found.metric]
    return [evaluation.suite, evaluation.paper, *place, published, *measured, str(found.seeds), found.verdict]


def _number(value: float | None, unit: Unit) -> str:
    if value is None:
        return ""
    return f"{value:.{_DECIMALS.get(unit, 3)}f}"


def _written(lines: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
