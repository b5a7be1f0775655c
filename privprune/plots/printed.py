"""The figure of all verdicts: every printed number that was run, beside its measurement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from privprune.plots import forest
from privprune.plots.drawing import Drawing, file_name
from privprune.plots.forest import ForestGroup, ForestRow, PublishedAndMeasured
from privprune.plots.series import Point
from privprune.plots.style import row_look
from privprune.published import METRICS, Paper
from privprune.verdicts import Evaluation, NumberVerdict, failures

_PERCENT = [name for name, metric in METRICS.items() if metric.unit == "percent"]
_ERRORS = ("decoder_train_mse", "decoder_infer_mse")  # of the attacks that every table of CEM prints first
_SHOWN = [*_PERCENT, *_ERRORS]
_STAND_IN = "stand-in data"


def draw(evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw the printed percentages and errors that were run, in printed order; no drawing where none was run."""
    run = [one for one in evaluation.verdicts if one.measured is not None and one.metric in _SHOWN]
    if not run:
        return []
    metrics = [name for name in _SHOWN if any(one.metric == name for one in run)]
    groups = [_group(paper, metrics, group) for group in _by(run, lambda one: (one.table, one.dataset, one.model))]
    stand_ins = sum(line.stand_in for group in groups for line in group.lines)
    lines = sum(len(group.lines) for group in groups)
    caption = (
        f"The {lines} printed rows with an accuracy or error that were run. Hollow circles are the paper's numbers, "
        "filled marks ours with 95 % intervals, the thin thread is the distance between them."
    )
    if stand_ins:
        caption += (
            " Rows with a dagger were measured on other data, another network, attack or division of the records than "
            "printed, so their numbers need not agree; there, see whether the order of the defences does."
        )
    unfair = sum(line.check_failed for group in groups for line in group.lines)
    if unfair:
        caption += (
            f" {unfair} rows have a double dagger: a check of the network, its defence or the attack failed, so the "
            "numbers are shown and not judged."
        )
    alt = (
        f"{lines} rows, {stand_ins} of them stand-ins, {unfair} with a failed check; published and measured "
        f"{' and '.join(METRICS[name].label.lower() for name in metrics)}. The tables give the same numbers."
    )
    units = ["Percent" if name in _PERCENT else "MSE" for name in metrics]
    figure = forest.draw([(METRICS[name].label, unit) for name, unit in zip(metrics, units, strict=True)], groups)
    return [Drawing(file_name(["published", paper.paper]), "Published beside measured", caption, alt, figure)]


def _group(paper: Paper, metrics: Sequence[str], verdicts: Sequence[NumberVerdict]) -> ForestGroup:
    """Return the rows of one printed table on one dataset and model."""
    first = verdicts[0]
    lines = tuple(_line(paper, metrics, rows) for rows in _by(verdicts, lambda one: (one.method,)))
    return ForestGroup(f"{first.table}: {first.dataset}, {first.model}", lines)


def _line(paper: Paper, metrics: Sequence[str], verdicts: Sequence[NumberVerdict]) -> ForestRow:
    """Return one printed row."""
    by_metric = {one.metric: one for one in verdicts}
    method = verdicts[0].method
    return ForestRow(
        label=paper.labels.get(method, method),
        look=row_look(method),
        pairs=tuple(_pair(by_metric.get(metric)) for metric in metrics),
        stand_in=any(one.verdict == _STAND_IN for one in verdicts),
        check_failed=any(failures(one.checks) for one in verdicts),
    )


def _pair(verdict: NumberVerdict | None) -> PublishedAndMeasured | None:
    """Return one printed number with its measurement."""
    if verdict is None or verdict.measured is None:
        return None
    return PublishedAndMeasured(verdict.published, Point(verdict.measured, verdict.low, verdict.high))


def _by(
    verdicts: Sequence[NumberVerdict], key: Callable[[NumberVerdict], tuple[str, ...]]
) -> list[list[NumberVerdict]]:
    """Group verdicts by a key, both in the order given."""
    groups: dict[tuple[str, ...], list[NumberVerdict]] = {}
    for verdict in verdicts:
        groups.setdefault(key(verdict), []).append(verdict)
    return list(groups.values())
