"""The report of an audit of membership: in a few lines of text, and as the content of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privprune.auditing.page import AuditPage, Part, fold_of_checks, not_run_parts
from privprune.auditing.report import Report
from privprune.auditing.results import AttackResult, MembershipResult, Rate
from privprune.checks import Check
from privprune.metrics.intervals import Interval
from privprune.plots import roc
from privprune.plots.drawing import Drawing
from privprune.plots.saving import picture
from privprune.plots.series import Band
from privprune.plots.style import FEATURE_DEFENCES, Look
from privprune.report.figures import figure_view
from privprune.tables.checks import checks_in_words
from privprune.tables.table import Table, TableCell, labels, numbers, row
from privprune.verdicts import CheckOf

_LOOK = Look("This model", FEATURE_DEFENCES["bottleneck"].colour)
_MODEL = "the model and its records"
_FIRST_SIZE = (3.4, 3.0)  # inches
_BANDS = (
    "Bands are 95 % intervals over records. In the grey area the false positive rate is less than one evaluated "
    "non-member."
)


@dataclass(frozen=True)
class MembershipReport(Report):
    """A finished audit of membership.

    Attributes:
        result: all that it found.

    """

    result: MembershipResult

    def as_record(self) -> dict[str, Any]:
        """Return all numbers as plain data for JSON."""
        return self.result.as_record()

    def numbers(self) -> Mapping[str, float]:
        """Return accuracies, and of each attack balanced accuracy and area with their intervals, and stated rates."""
        found = {f"accuracy/{name}": share.value for name, share in self.result.accuracies.items()}
        for attack in self.result.attacks:
            for metric in ("balanced_accuracy", "auc"):
                interval = attack.measured.metrics[metric]
                ends = {"": interval.mean, "_low": interval.low, "_high": interval.high}
                found |= {f"{attack.label}/{metric}{end}": value for end, value in ends.items()}
            for rate in attack.rates:
                if rate.value is not None:
                    found[f"{attack.label}/tpr_at_{rate.false_positives:g}_fpr"] = rate.value
        return found

    def checks(self) -> Mapping[str, tuple[Check, ...]]:
        """Return the checks of the model and its records, and those of each attack."""
        return {_MODEL: self.result.checks, **{one.label: one.checks for one in self.result.attacks}}

    def view(self) -> AuditPage:
        """Return the content of the page."""
        result = self.result
        return AuditPage(
            kind="membership",
            title=f"Membership audit: {result.name}",
            lead=_lead(result, _all_checks(self)),
            figure=figure_view(picture(_strongest_curve(result))) if result.strongest else None,
            facts=_facts(result),
            parts=(
                Part("attacks", "Attacks", (), (_attacks_table(result),), (figure_view(picture(_curves(result))),)),
                Part("exposed", "Most exposed records", _exposed_words(result), (_exposed_table(result),)),
                Part(
                    "checks",
                    "Checks",
                    ("Each bound was declared before the audit. What could not be computed counts as failed.",),
                    folds=tuple(fold_of_checks(subject, checks) for subject, checks in self.checks().items() if checks),
                ),
                *not_run_parts(result.not_run),
            ),
        )

    def __str__(self) -> str:
        """Return the attacks in plain text, a line each."""
        width = max((len(one.label) for one in self.result.attacks), default=0)
        lines = [*_lead(self.result, _all_checks(self)), ""]
        lines += [f"{one.label:<{width}}  {_in_a_line(one)}" for one in self.result.attacks]
        lines += [f"{label:<{width}}  not run: {why}" for label, why in self.result.not_run.items()]
        return "\n".join(lines)


def _all_checks(report: MembershipReport) -> tuple[CheckOf, ...]:
    return tuple(CheckOf("", subject, one) for subject, checks in report.checks().items() for one in checks)


def interval_text(interval: Interval) -> str:
    """Return a number with its interval, two decimals each."""
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _in_a_line(attack: AttackResult) -> str:
    metrics = attack.measured.metrics
    failed = sum(not one.passed for one in attack.checks)
    marks = ["control"] if attack.control else []
    marks += [f"{failed} of {len(attack.checks)} checks failed"] if failed else []
    words = f" ({', '.join(marks)})" if marks else ""
    accuracy, area = interval_text(metrics["balanced_accuracy"]), interval_text(metrics["auc"])
    return f"balanced accuracy {accuracy}, AUC {area}{words}"


def _lead(result: MembershipResult, checks: tuple[CheckOf, ...]) -> tuple[str, ...]:
    if result.strongest is None:
        return ("No attack could be run.",)
    metrics = result.attack(result.strongest).measured.metrics
    accuracy, area = interval_text(metrics["balanced_accuracy"]), interval_text(metrics["auc"])
    return (
        (
            f"The strongest attack, {result.strongest}, tells members from other records with a balanced accuracy of "
            f"{accuracy} and an AUC of {area}; a guess reaches 0.50."
        ),
        f"Checks: {checks_in_words(checks)}; of the strongest attack, {_passed(checks, result.strongest)}.",
    )


def _passed(checks: tuple[CheckOf, ...], label: str) -> str:
    """Return how many checks of one attack passed, in words."""
    return checks_in_words(one for one in checks if one.subject == label)


def _facts(result: MembershipResult) -> tuple[tuple[str, tuple[str, ...]], ...]:
    answers = "probabilities" if result.probabilities else "logits"
    parts = tuple(f"{part}: {sizes[0]:,} members, {sizes[1]:,} non-members" for part, sizes in result.records.items())
    shares = {"members": "on members", "nonmembers": "on non-members", "gap": "difference"}
    accuracy = tuple(
        f"{words}: {result.accuracies[name].value:.3f} "
        f"[{result.accuracies[name].low:.3f}, {result.accuracies[name].high:.3f}]"
        for name, words in shares.items()
    )
    return (
        ("Model", (result.source, f"{result.classes} classes, answers taken as {answers}")),
        ("Records", parts),
        ("Accuracy", accuracy),
        ("Shadow models", (str(result.shadows) if result.shadows else "none",)),
        ("Seed", (str(result.seed),)),
    )


def _rate_text(rate: Rate, nonmembers: int) -> TableCell:
    if rate.value is None:
        return TableCell(f"{nonmembers:,} of {rate.nonmembers:,}", "not-run")
    return TableCell(f"{100 * rate.value:.1f} [{100 * (rate.low or 0):.1f}, {100 * (rate.high or 0):.1f}]")


def _ordered(result: MembershipResult) -> list[AttackResult]:
    """Return the attacks, the strongest on the selection records first, and then the controls."""
    return sorted(result.attacks, key=lambda attack: (attack.control, -attack.selection))


def _attacks_table(result: MembershipResult) -> Table:
    rows = []
    for one in _ordered(result):
        metrics = one.measured.metrics
        rates = [_rate_text(rate, one.measured.records["nonmembers"]) for rate in one.rates]
        kind = "control" if one.control else "strongest" if one.label == result.strongest else ""
        words = checks_in_words(CheckOf("", one.label, check) for check in one.checks)
        area = metrics["auc"]
        rows.append(
            row(one.label, interval_text(metrics["balanced_accuracy"]), interval_text(area), *rates, kind, words)
        )
    return Table(
        name="attacks",
        title="What each attack reaches",
        caption="On the evaluated records; the attack that did best on the selection records stands first, controls "
        "last.",
        columns=(
            *labels("Attack"),
            *numbers("Balanced accuracy", "AUC", "TPR in %, at FPR 10 %", "at FPR 1 %", "at FPR 0.1 %"),
            *labels("Role", "Checks"),
        ),
        rows=tuple(rows),
        notes=(("In grey: how many non-members are evaluated, of how many it takes to state the rate."),),
    )


def _panel(attack: AttackResult) -> roc.RocPanel:
    band = Band(*(tuple(attack.measured.roc[name]) for name in ("fpr", "tpr", "low", "high")))
    return roc.RocPanel(attack.label.replace("_", " "), ((_LOOK, band),), attack.measured.records["nonmembers"])


def _strongest_curve(result: MembershipResult) -> Drawing:
    """Return the figure of the first screen: the curve of the strongest attack."""
    (strongest,) = (one for one in result.attacks if one.label == result.strongest)
    figure = roc.draw([_panel(strongest)])
    figure.set_size_inches(*_FIRST_SIZE)
    return Drawing(
        name="strongest",
        title="ROC curve of the strongest attack",
        caption=_BANDS,
        alt=f"{strongest.label} AUC {strongest.measured.metrics['auc'].mean:.2f}",
        figure=figure,
    )


def _curves(result: MembershipResult) -> Drawing:
    panels = [_panel(one) for one in _ordered(result)]
    alt = "; ".join(f"{one.label} AUC {one.measured.metrics['auc'].mean:.2f}" for one in _ordered(result))
    return Drawing(
        name="roc",
        title="ROC curves",
        caption=_BANDS,
        alt=alt,
        figure=roc.draw(panels),
    )


def _exposed_words(result: MembershipResult) -> tuple[str, ...]:
    if result.strongest is None:
        return ("No attack was run.",)
    scores = result.attack(result.strongest).scores
    above = int((scores.members > scores.nonmembers.max()).sum())
    return (
        (
            f"The {len(result.exposed)} of {len(scores.members):,} evaluated members that {result.strongest} is surest "
            f"about. {above:,} of the evaluated members have a higher score than every evaluated non-member. Members "
            "that the attacker knows already are not among them; an audit with another seed evaluates others."
        ),
    )


def _exposed_table(result: MembershipResult) -> Table:
    return Table(
        name="exposed",
        title="Records",
        caption="Numbers are places among the members as they were given, from 0.",
        columns=(
            *numbers("Member", "Class", "Predicted", "Confidence in its class", "Non-members with a score as high"),
        ),
        rows=tuple(
            row(
                str(one.record),
                str(one.label),
                str(one.predicted),
                f"{one.confidence:.4f}",
                str(one.nonmembers_above),
            )
            for one in result.exposed
        ),
        notes=(),
    )
