"""The report of an audit of features: in a few lines of text, and as the content of its page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from privprune.auditing.page import AuditPage, Part, fold_of_checks, not_run_parts
from privprune.auditing.report import Report
from privprune.auditing.split_results import SHOWN, InversionResult, SplitResult
from privprune.checks import Check
from privprune.metrics.intervals import Interval
from privprune.report.view import FigureView
from privprune.tables.checks import checks_in_words
from privprune.tables.table import Table, labels, numbers, row
from privprune.verdicts import CheckOf
from privprune.workflow.panels import panel

_SIDE = 64  # pixels of an image on the page, at least
_GAP, _BETWEEN = 3, 160  # pixels around an image, and their grey
_COLOURS = (1, 3)  # channels of images that can be shown


@dataclass(frozen=True)
class SplitReport(Report):
    """A finished audit of features.

    Attributes:
        result: all that it found.

    """

    result: SplitResult

    def as_record(self) -> dict[str, Any]:
        """Return all numbers as plain data for JSON."""
        return self.result.as_record()

    def numbers(self) -> Mapping[str, float]:
        """Return the measures of each attack with their intervals."""
        found: dict[str, float] = {}
        for attack in self.result.attacks:
            for metric in SHOWN:
                interval = attack.measures[metric]
                ends = {"": interval.mean, "_low": interval.low, "_high": interval.high}
                found |= {f"{attack.label}/{metric}{end}": value for end, value in ends.items()}
        return found

    def checks(self) -> Mapping[str, tuple[Check, ...]]:
        """Return the checks of each attack."""
        return {one.label: one.checks for one in self.result.attacks if one.checks}

    def view(self) -> AuditPage:
        """Return the content of the page."""
        result = self.result
        return AuditPage(
            kind="split",
            title=f"Audit of features: {result.name}",
            lead=_lead(self),
            figure=_figure(result),
            facts=_facts(result),
            parts=(
                Part("attacks", "Attacks", (), (_table(result),)),
                Part(
                    "checks",
                    "Checks",
                    ("Each bound was declared before the audit. What could not be computed counts as failed.",),
                    folds=tuple(fold_of_checks(label, checks) for label, checks in self.checks().items()),
                ),
                *not_run_parts(result.not_run),
            ),
        )

    def __str__(self) -> str:
        """Return the attacks in plain text, a line each."""
        width = max(len(one.label) for one in self.result.attacks)
        lines = [*_lead(self), ""]
        for one in self.result.attacks:
            numbers_of = ", ".join(f"{title} {_text(name, one.measures[name])}" for name, title in SHOWN.items())
            lines.append(f"{one.label:<{width}}  {numbers_of}{' (control)' if one.control else ''}")
        lines += [f"{label:<{width}}  not run: {why}" for label, why in self.result.not_run.items()]
        return "\n".join(lines)


def _lead(report: SplitReport) -> tuple[str, ...]:
    result = report.result
    if result.strongest is None:
        return ("No attack could be run.",)
    error, mean = (result.attack(label).measures["mse"] for label in (result.strongest, "mean_image"))
    own = [CheckOf("", result.strongest, one) for one in result.attack(result.strongest).checks]
    every = [CheckOf("", subject, one) for subject, checks in report.checks().items() for one in checks]
    return (
        (
            f"The strongest attack, {result.strongest}, reconstructs images with a mean squared error of "
            f"{_text('mse', error)}; the mean image, which needs no features, has {_text('mse', mean)}."
        ),
        f"Checks: {checks_in_words(every)}; of the strongest attack, {checks_in_words(own)}.",
    )


def _text(measure: str, interval: Interval) -> str:
    """Return a number with its interval."""
    decimals = {"mse": 5, "psnr": 2}.get(measure, 3)
    return f"{interval.mean:.{decimals}f} [{interval.low:.{decimals}f}, {interval.high:.{decimals}f}]"


def _facts(result: SplitResult) -> tuple[tuple[str, tuple[str, ...]], ...]:
    sent, pixels = math.prod(result.feature_shape), math.prod(result.image_shape)
    shapes = ("x".join(map(str, shape)) for shape in (result.image_shape, result.feature_shape))
    image, features = shapes
    random = f"random, {result.settings.queries} transmissions averaged" if result.random else "not random"
    return (
        ("Edge", (result.source, random)),
        ("Sent", (f"images {image}, {pixels:,} values", f"features {features}, {sent:,} values")),
        ("Images", tuple(f"{part}: {count:,}" for part, count in result.images.items())),
        ("Seed", (str(result.seed),)),
    )


def _table(result: SplitResult) -> Table:
    rows = []
    for one in sorted(result.attacks, key=lambda attack: (attack.control, attack.selection)):
        kind = "control" if one.control else "strongest" if one.label == result.strongest else ""
        words = checks_in_words(CheckOf("", one.label, check) for check in one.checks)
        rows.append(row(one.label, *(_text(name, one.measures[name]) for name in SHOWN), kind, words))
    return Table(
        name="attacks",
        title="What each attack reconstructs",
        caption="On the scored images; the attack that did best on the selection images stands first.",
        columns=(*labels("Attack"), *numbers(*SHOWN.values()), *labels("Role", "Checks")),
        rows=tuple(rows),
        notes=(),
    )


def _figure(result: SplitResult) -> FigureView | None:
    """Return the reconstructions that are shown: the originals in the first row, then a row per attack."""
    columns = len(result.originals)
    if not columns or result.image_shape[0] not in _COLOURS:
        return None
    attacks = sorted(result.attacks, key=lambda attack: (attack.control, attack.selection))
    images = torch.cat([result.originals, *(one.images for one in attacks)])
    times = max(1, math.ceil(_SIDE / result.image_shape[2]))
    pixels = (images * 255).round().to(torch.uint8).repeat_interleave(times, 2).repeat_interleave(times, 3)
    pixels = torch.nn.functional.pad(pixels, (_GAP, _GAP, _GAP, _GAP), value=_BETWEEN)
    places = torch.arange(len(images))
    rows = ", ".join(["the originals", *(_named(one) for one in attacks)])
    return FigureView(
        anchor="figure-reconstructions",
        title="Scored images and their reconstructions",
        caption=f"Rows from above: {rows}.",
        alt=f"{columns} images and their reconstructions; {rows}",
        source=f"data:image/png;base64,{panel(pixels, places, places.view(-1, columns))}",
        width=columns * pixels.shape[3],
        height=(1 + len(attacks)) * pixels.shape[2],
    )


def _named(one: InversionResult) -> str:
    return f"{one.label} (MSE {one.measures['mse'].mean:.4f})"
