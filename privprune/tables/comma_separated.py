"""Tables as CSV, and `verdicts.csv` with one line per printed number."""

import csv
import io
from collections.abc import Iterable

from privprune.published import METRICS
from privprune.published.metric import Unit
from privprune.tables.table import MINUS, Table
from privprune.verdicts import Evaluation, NumberVerdict, failures

VERDICT_COLUMNS = (
    "suite", "paper", "table", "dataset", "model", "method", "attack", "metric",
    "published", "measured", "low", "high", "seeds", "verdict", "checks_passed", "checks_failed", "failed",
)  # fmt: skip
_DECIMALS: dict[Unit, int] = {"count": 0, "operations": 0, "mse": 6, "ssim": 4}


def comma_separated(table: Table) -> str:
    """Return a table's columns and rows as CSV, without title, caption and notes."""
    rows = [[_ascii_minus(cell.text) for cell in cells] for cells in table.rows]
    return _written([[column.title for column in table.columns], *rows])


def _ascii_minus(text: str) -> str:
    return text.replace(MINUS, "-")  # the only minus sign that spreadsheets read


def verdicts_csv(evaluations: Iterable[Evaluation]) -> str:
    """Return one line per printed number, measured or not, in the printed unit; unknown values are empty."""
    lines = [_line(evaluation, verdict) for evaluation in evaluations for verdict in evaluation.verdicts]
    return _written([list(VERDICT_COLUMNS), *lines])


def _line(evaluation: Evaluation, verdict: NumberVerdict) -> list[str]:
    unit = METRICS[verdict.metric].unit
    published = f"{verdict.published:.10g}" if " " in verdict.printed else verdict.printed  # 60 K in full
    measured = [_number(value, unit) for value in (verdict.measured, verdict.low, verdict.high)]
    place = [verdict.table, verdict.dataset, verdict.model, verdict.method, verdict.attack, verdict.metric]
    failed = failures(verdict.checks)
    counts = [str(len(verdict.checks) - len(failed)), str(len(failed)), "; ".join(one.failure for one in failed)]
    judged = [str(verdict.seeds), verdict.verdict, *counts]
    return [evaluation.suite, evaluation.paper, *place, published, *measured, *judged]


def _number(value: float | None, unit: Unit) -> str:
    if value is None:
        return ""
    return f"{value:.{_DECIMALS.get(unit, 3)}f}"


def _written(lines: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
