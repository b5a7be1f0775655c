"""A verdict per printed number: reproduced, not reproduced, stand-in data, not run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from privprune.published import METRICS, Paper, PublishedNumber
from privprune.verdicts.measured import BALANCED, MeasuredCell
from privprune.verdicts.settings import EvaluateSettings, RowSettings
from privprune.verdicts.statistics import Estimate

Verdict = Literal["reproduced", "not reproduced", "stand-in data", "not run"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "stand-in data", "not run")


@dataclass(frozen=True)
class NumberVerdict:
    """One printed number beside its measurement, both in the printed unit.

    Attributes:
        table: the table, as printed.
        dataset: the data set, as printed.
        model: the model, as printed.
        method: the defence.
        attack: the attack that was measured, else the printed one's; empty for a number without attack.
        metric: a key of METRICS.
        printed: the text as printed.
        published: the same as a number.
        tolerance: the declared tolerance, as text.
        flags: what is odd about the number in the paper itself.
        cell: the cell that measures it; empty if none.
        measured: mean over seeds; None if not run.
        low: lower end of the 95 % interval; None if unknown.
        high: upper end.
        seeds: how many seeds are behind it.
        verdict: the verdict.
        reason: why, in words.

    """

    table: str
    dataset: str
    model: str
    method: str
    attack: str
    metric: str
    printed: str
    published: float
    tolerance: str
    flags: tuple[str, ...]
    cell: str
    measured: float | None
    low: float | None
    high: float | None
    seeds: int
    verdict: Verdict
    reason: str


def judge(paper: Paper, settings: EvaluateSettings, cells: Mapping[str, MeasuredCell]) -> tuple[NumberVerdict, ...]:
    """Judge every printed number, run or not, in printed order."""
    return tuple(_judge(number, paper, settings, cells) for number in paper.numbers)


def _judge(
    number: PublishedNumber, paper: Paper, settings: EvaluateSettings, cells: Mapping[str, MeasuredCell]
) -> NumberVerdict:
    wanted = (number.dataset, number.model, number.method)
    rows = [row for row in settings.rows if (row.dataset, row.model, row.defence) == wanted]
    options = [(differences(number, row, cells[row.cell], paper), row) for row in rows]
    if not options:
        return _verdict(number, None, None, "not run", "")
    different, row = min(options, key=lambda option: len(option[0]))  # the first of those nearest to the print
    found = _estimate(number, row, cells[row.cell])
    if found is None:
        return _verdict(number, row, None, "not run", f"not in the records of {row.cell}")
    if different:
        return _verdict(number, row, found, "stand-in data", ", ".join(different))
    verdict, reason = compare(number, found)
    return _verdict(number, row, found, verdict, reason)


def differences(number: PublishedNumber, row: RowSettings, cell: MeasuredCell, paper: Paper) -> tuple[str, ...]:
    """Say in what the measurement differs from the print, so that it cannot be held against it; empty for nothing."""
    found = []
    if cell.source not in paper.datasets[number.dataset]:
        found.append(f"data set {cell.data}")
    if cell.cut_down:
        found.append(cell.cut_down)
    if cell.model not in paper.models[number.model]:
        found.append(f"model {cell.model}")
    if cell.protocol != paper.protocol and METRICS[number.metric].unit == "percent":  # weights need no records
        found.append(f"protocol {cell.protocol}")
    if number.attack and row.attack not in paper.attacks[number.attack]:
        found.append(f"attack {row.attack}")
    return tuple(found)


def compare(number: PublishedNumber, found: Estimate) -> tuple[Verdict, str]:
    """Hold a like-for-like measurement against the printed number; either rule is enough.

    Reproduced is a printed value within the declared tolerance of the mean (its edge included), or inside the
    measured 95 % interval (its ends included).
    """
    published = number.value
    within = number.tolerance.allows(published, found.mean)
    inside = found.low is not None and found.high is not None and found.low <= published <= found.high
    if within:
        return "reproduced", f"within {number.tolerance}"
    if inside:
        return "reproduced", f"inside the interval, beyond {number.tolerance}"
    return "not reproduced", f"beyond {number.tolerance}"


def _estimate(number: PublishedNumber, row: RowSettings, cell: MeasuredCell) -> Estimate | None:
    if number.metric == "attack_accuracy":
        return cell.attacks[row.attack or ""].measures[BALANCED]
    return cell.numbers.get(number.metric)


def _verdict(
    number: PublishedNumber, row: RowSettings | None, found: Estimate | None, verdict: Verdict, reason: str
) -> NumberVerdict:
    return NumberVerdict(
        table=number.table,
        dataset=number.dataset,
        model=number.model,
        method=number.method,
        attack=(row.attack or "") if row is not None and number.attack else number.attack,
        metric=number.metric,
        printed=number.printed,
        published=number.value,
        tolerance=str(number.tolerance),
        flags=number.flags,
        cell="" if row is None else row.cell,
        measured=None if found is None else found.mean,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        seeds=0 if found is None else len(found.values),
        verdict=verdict,
        reason=reason,
    )
