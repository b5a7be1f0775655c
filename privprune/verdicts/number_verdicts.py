"""A verdict per printed number: reproduced, not reproduced, stand-in data, not run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from privprune.published import METRICS, OF_THE_NETWORK, Paper, PublishedNumber
from privprune.verdicts.comparison_groups import Group
from privprune.verdicts.measured_cells import BALANCED, MeasuredCell
from privprune.verdicts.settings import EvaluateSettings, RowSettings
from privprune.verdicts.statistics import Estimate, over_seeds

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
        cell: the cell that measures it; empty if none does alone.
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


def judge(
    paper: Paper, settings: EvaluateSettings, cells: Mapping[str, MeasuredCell], groups: Sequence[Group]
) -> tuple[NumberVerdict, ...]:
    """Judge every printed number, run or not, in printed order."""
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
    found = _estimate(number, row, cells[row.cell], paper)
    if found is None:
        return _verdict(number, row, None, "not run", f"not in the records of {row.cell}")
    return _held_against(number, row, found, different)


def _judge_average(number: PublishedNumber, paper: Paper, groups: Sequence[Group]) -> NumberVerdict:
    """Judge a printed average where all the rows that it averages were run in one place."""
    options = []
    for group in groups:
        if (group.place.dataset, group.place.model) == (number.dataset, number.model):
            found = average(group, paper.averages[number.method], paper.measured_as(number.metric))
            if found is not None:
                cells = [group.members[name].cell for name in paper.averages[number.method]]
                each = [text for cell in cells for text in differences(number, None, cell, paper)]
                options.append((tuple(dict.fromkeys(each)), found))
    if not options:
        return _verdict(number, None, None, "not run", "")
    different, found = min(options, key=lambda option: len(option[0]))
    return _held_against(number, None, found, different)


def average(group: Group, names: Sequence[str], metric: str) -> Estimate | None:
    """Average a metric over defences, seed by seed; None where one was not run or no seed is common."""
    columns = [group.lookup(name, metric) for name in names]
    known = [column for column in columns if column is not None]
    seeds = sorted(set.intersection(*(set(column) for column in known))) if known else []
    if len(known) < len(columns) or not seeds:
        return None
    return over_seeds([sum(column[seed] for column in known) / len(known) for seed in seeds])


def _held_against(
    number: PublishedNumber, row: RowSettings | None, found: Estimate, different: tuple[str, ...]
) -> NumberVerdict:
    if different:
        return _verdict(number, row, found, "stand-in data", ", ".join(different))
    verdict, reason = compare(number, found)
    return _verdict(number, row, found, verdict, reason)


def differences(number: PublishedNumber, attack: str | None, cell: MeasuredCell, paper: Paper) -> tuple[str, ...]:
    """Say in what the measurement differs from the print, so that it cannot be held against it; empty for nothing."""
    found = []
    if cell.source not in paper.datasets[number.dataset]:
        found.append(f"data set {cell.data}")
    if cell.cut_down:
        found.append(cell.cut_down)
    if cell.model not in paper.models[number.model]:
        found.append(f"model {cell.model}")
    if cell.protocol != paper.protocol and METRICS[number.metric].unit not in OF_THE_NETWORK:
        found.append(f"protocol {cell.protocol}")
    if number.metric == "attack_accuracy" and attack not in paper.attacks[number.attack]:
        found.append(f"attack {attack}")
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


def _estimate(number: PublishedNumber, row: RowSettings, cell: MeasuredCell, paper: Paper) -> Estimate | None:
    if number.metric == "attack_accuracy":
        return cell.attacks[row.attack or ""].measures[BALANCED]
    return cell.numbers.get(paper.measured_as(number.metric))


def _verdict(
    number: PublishedNumber, row: RowSettings | None, found: Estimate | None, verdict: Verdict, reason: str
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
        measured=None if found is None else found.mean,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        seeds=0 if found is None else len(found.values),
        verdict=verdict,
        reason=reason,
    )
