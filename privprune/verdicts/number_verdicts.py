"""A verdict per printed number: reproduced, not reproduced, stand-in data, not a fair test, not run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from privprune.published import METRICS, OF_THE_NETWORK, Paper, PublishedNumber
from privprune.verdicts.basis import attacks_behind, basis
from privprune.verdicts.checks import CheckOf, failures, near_printed_accuracy
from privprune.verdicts.comparison_groups import ComparisonGroup
from privprune.verdicts.measured_cells import BALANCED, MeasuredCell
from privprune.verdicts.record_metrics import limits_of
from privprune.verdicts.settings import EvaluateSettings, RowSettings
from privprune.verdicts.statistics import Estimate, combine, estimate_of

Verdict = Literal["reproduced", "not reproduced", "stand-in data", "not a fair test", "not run"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "stand-in data", "not a fair test", "not run")


@dataclass(frozen=True)
class NumberVerdict:
    """One printed number beside its measurement, both in the printed unit.

    Attributes:
        table: the table, as printed.
        dataset: the data set, as printed.
        model: the model, as printed.
        method: the defence.
        attack: the attack that was measured, or else the printed one; empty for a number without attack.
        metric: a key of METRICS.
        printed: the text as printed.
        published: the printed value as a number.
        tolerance: the declared tolerance, as text.
        flags: what is unusual about the number in the paper itself.
        cell: the cell that measures it; empty for an average of several cells.
        measured: mean over seeds; None if not run.
        low: lower end of the 95 % interval; None if unknown.
        high: upper end.
        seeds: how many seeds were measured.
        verdict: the verdict.
        reason: the reason for the verdict, in words.
        checks: all that the number rests on, passed and failed; a number on stand-in data keeps that verdict, and the
            failed checks stand beside it.

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
    checks: tuple[CheckOf, ...]


def judge(
    paper: Paper, settings: EvaluateSettings, cells: Mapping[str, MeasuredCell], groups: Sequence[ComparisonGroup]
) -> tuple[NumberVerdict, ...]:
    """Return a verdict for every printed number, whether it was measured or not, in printed order."""
    return tuple(
        _judge_average(number, paper, groups)
        if number.method in paper.averages
        else _judge(number, paper, settings, cells)
        for number in paper.numbers
    )


def _judge(
    number: PublishedNumber, paper: Paper, settings: EvaluateSettings, cells: Mapping[str, MeasuredCell]
) -> NumberVerdict:
    wanted = (number.dataset, number.model, number.method)
    rows = [row for row in settings.rows if (row.dataset, row.model, row.defence) == wanted]
    options = [(differences(number, row.attack, cells[row.cell], paper), row) for row in rows]
    if not options:
        return _verdict(number, None, None, "not run", "")
    different, row = min(options, key=lambda option: len(option[0]))  # the first of those nearest to the print
    estimate = _estimate(number, row, cells[row.cell], paper)
    if estimate is None:
        return _verdict(number, row, None, "not run", f"not in the records of {row.cell}")
    checks = _checks(number, paper, cells[row.cell], row.attack, near_print=not different)
    return _compared(number, row, estimate, different, checks)


def _judge_average(number: PublishedNumber, paper: Paper, groups: Sequence[ComparisonGroup]) -> NumberVerdict:
    """Return the verdict of a printed average from the rows that it averages, if all of them were run in one place."""
    options = []
    for group in groups:
        if (group.place.dataset, group.place.model) == (number.dataset, number.model):
            estimate = average(group, paper.averages[number.method], paper.measured_as(number.metric))
            if estimate is not None:
                cells = [group.cells[name].cell for name in paper.averages[number.method]]
                each = [text for cell in cells for text in differences(number, None, cell, paper)]
                behind = [one for cell in cells for one in _checks(number, paper, cell, None, near_print=False)]
                options.append((tuple(dict.fromkeys(each)), estimate, tuple(dict.fromkeys(behind))))
    if not options:
        return _verdict(number, None, None, "not run", "")
    different, estimate, checks = min(options, key=lambda option: len(option[0]))
    return _compared(number, None, estimate, different, checks)


def _checks(
    number: PublishedNumber, paper: Paper, cell: MeasuredCell, attack: str | None, *, near_print: bool
) -> tuple[CheckOf, ...]:
    """Return the checks behind a number; one of an attack on the printed data needs about the printed accuracy too."""
    metric = paper.measured_as(number.metric)
    attacks = attacks_behind(metric, cell, attack)
    checks = basis(metric, cell, attacks)
    near = near_printed_accuracy(paper, number, cell) if attacks and near_print else None
    return checks if near is None else (*checks, CheckOf(cell.cell, "network", near))


def average(group: ComparisonGroup, names: Sequence[str], metric: str) -> Estimate | None:
    """Average a metric over defences, seed by seed; None where one was not run or no seed is common."""
    columns = [group.lookup(name, metric) for name in names]
    known = [column for column in columns if column is not None]
    averages = combine(known, lambda row: sum(row) / len(row))
    if len(known) < len(columns) or not averages:
        return None
    return estimate_of(averages, limits_of(metric))


def _compared(
    number: PublishedNumber,
    row: RowSettings | None,
    estimate: Estimate,
    different: tuple[str, ...],
    checks: tuple[CheckOf, ...],
) -> NumberVerdict:
    if different:
        return _verdict(number, row, estimate, "stand-in data", ", ".join(different), checks)
    if failed := failures(checks):
        return _verdict(number, row, estimate, "not a fair test", failed[0].failure, checks)
    verdict, reason = compare_number(number, estimate)
    return _verdict(number, row, estimate, verdict, reason, checks)


def differences(number: PublishedNumber, attack: str | None, cell: MeasuredCell, paper: Paper) -> tuple[str, ...]:
    """Return in what the measurement differs from the print, so that they cannot be compared; empty for nothing."""
    different = []
    if cell.source not in paper.datasets[number.dataset]:
        different.append(f"data set {cell.data}")
    if cell.cut_down:
        different.append(cell.cut_down)
    if cell.model not in paper.models[number.model]:
        different.append(f"model {cell.model}")
    if cell.protocol != paper.protocol and METRICS[number.metric].unit not in OF_THE_NETWORK:
        different.append(f"protocol {cell.protocol}")
    if number.metric == "attack_accuracy" and attack not in paper.attacks[number.attack]:
        different.append(f"attack {attack}")
    return tuple(different)


def compare_number(number: PublishedNumber, estimate: Estimate) -> tuple[Verdict, str]:
    """Compare a measurement of the same experiment with the printed number.

    The number is reproduced if the printed value is within the declared tolerance of the mean (its edge included), or
    inside the measured 95 % interval (its ends included).
    """
    published = number.value
    within = number.tolerance.allows(published, estimate.mean)
    inside = estimate.low is not None and estimate.high is not None and estimate.low <= published <= estimate.high
    if within:
        return "reproduced", f"within {number.tolerance}"
    if inside:
        return "reproduced", f"inside the interval, beyond {number.tolerance}"
    return "not reproduced", f"beyond {number.tolerance}"


def _estimate(number: PublishedNumber, row: RowSettings, cell: MeasuredCell, paper: Paper) -> Estimate | None:
    if number.metric == "attack_accuracy":
        return cell.attacks[row.attack or ""].measures[BALANCED]
    return cell.numbers.get(paper.measured_as(number.metric))


def _verdict(
    number: PublishedNumber,
    row: RowSettings | None,
    estimate: Estimate | None,
    verdict: Verdict,
    reason: str,
    checks: tuple[CheckOf, ...] = (),
) -> NumberVerdict:
    return NumberVerdict(
        table=number.table,
        dataset=number.dataset,
        model=number.model,
        method=number.method,
        attack=(row.attack or number.attack) if row is not None and number.attack else number.attack,
        metric=number.metric,
        printed=number.printed,
        published=number.value,
        tolerance=str(number.tolerance),
        flags=number.flags,
        cell="" if row is None else row.cell,
        measured=None if estimate is None else estimate.mean,
        low=None if estimate is None else estimate.low,
        high=None if estimate is None else estimate.high,
        seeds=0 if estimate is None else len(estimate.values),
        verdict=verdict,
        reason=reason,
        checks=checks,
    )
