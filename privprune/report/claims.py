"""Claims and the comparisons behind their verdicts, in words."""

from __future__ import annotations

from privprune.plots.style import attack_label
from privprune.published import Paper
from privprune.report.checks import fold_of
from privprune.report.view import ClaimView, Evidence
from privprune.tables.claims import checks_behind, compared, unit_of
from privprune.tables.numbers_as_text import plain, signed, with_interval
from privprune.tables.table import instead_of_its_data, measured_place, printed_place
from privprune.verdicts import ClaimPart, ClaimResult, ComparisonResult
from privprune.verdicts.fair_tests import VERSUS

_HOLDS = {"at_most": "at most", "below": "below", "at_least": "at least", "above": "above"}
_NO_CHOICE = (
    "strongest attack: none was scored on selection records and run alike on all these cells",
    "not run",
    "not-run",
)
_UNITS = {"percent": " points", "times": "\N{MULTIPLICATION SIGN}", "epochs": " epochs"}


def claim_view(claim: ClaimResult, paper: Paper) -> ClaimView:
    """Return a claim as the page shows it."""
    asked = "" if claim.by == "paper" else " \N{EN DASH} tested as a referee would ask, not as the paper did"
    instead = instead_of_its_data(part.place for part in claim.parts)
    return ClaimView(
        tested=_sentence(claim.tested),
        sentence=claim.sentence,
        section=_sentence(claim.section + asked),
        verdict=claim.finding,
        style=claim.finding.replace(" ", "-"),
        attackers=_attackers(claim),
        measured_on=f"on {instead}" if instead else "",
        evidence=tuple(_evidence(part, paper) for part in claim.parts),
        in_print=_in_print(claim),
        checks=fold_of("Checks", checks_behind(claim), with_cell=True) if claim.parts else None,
        note=" ".join(part for part in (_sentence(claim.note), *_epochs(claim, paper)) if part),
    )


def _attackers(claim: ClaimResult) -> tuple[tuple[str, str, str], ...]:
    """Return the findings under the paper's attack and under the strongest; none where nothing was attacked."""
    found = (
        ("paper\N{RIGHT SINGLE QUOTATION MARK}s attack", claim.papers_attack),
        ("strongest attack", claim.strongest_attack),
    )
    return tuple((name, one, one.replace(" ", "-")) for name, one in found if one is not None and claim.parts)


def _epochs(claim: ClaimResult, paper: Paper) -> list[str]:
    """Return which cells need not have been trained for as many epochs as the others, and why."""
    unequal = claim.unequal_epochs.items()
    return [
        _sentence(f"{paper.labels[name]} may have other epochs: {why[:1].lower()}{why[1:]}") for name, why in unequal
    ]


def _evidence(part: ClaimPart, paper: Paper) -> Evidence:
    """Return the place where a claim was tested, and its comparisons there, the strongest attacks last."""
    place = f"{printed_place(part.place.dataset, part.place.model)}, measured on {measured_place(part.place)}:"
    results = (*part.comparisons, *(result for result in part.strongest if result.strongest))
    lines = tuple(_comparison(result, paper) for result in results)
    return place, (*lines, *((_NO_CHOICE,) if part.strongest_attack == "not run" else ()))


def _comparison(result: ComparisonResult, paper: Paper) -> tuple[str, str, str]:
    """Return a comparison in words (measured, needed, published), its finding and the style of the finding."""
    unit = unit_of(result.comparison)
    difference = result.comparison.measure == "difference"
    write = signed if difference else plain
    measured = with_interval(result.mean, result.low, result.high, unit, difference=difference)
    words = [
        f"{compared(result.comparison, paper, strongest=result.strongest)}{_by(result)}: {measured}",
        f"needed {_HOLDS[result.comparison.holds]} {write(result.comparison.bound, unit)}{_UNITS.get(unit, '')}",
    ]
    if result.published is not None:
        words.append(f"published {write(result.published, unit)}")
    if result.reason:
        words.append(result.reason)
    return "; ".join(words), result.finding, result.finding.replace(" ", "-")


def _by(result: ComparisonResult) -> str:
    """Return the attack of a comparison in brackets; empty for none, or for one that the metric names."""
    if not result.attack:
        return ""
    between = VERSUS if VERSUS in result.attack else ", "
    names = between.join(attack_label(one) for one in result.attack.split(between))
    return f" (strongest attack: {names})" if result.strongest else f" ({names})"


def _in_print(claim: ClaimResult) -> str:
    """Return a sentence: for how many printed places the paper's own numbers satisfy the claim; empty for none."""
    if not claim.printed_places:
        return ""
    pairs = "pair" if claim.printed_places == 1 else "pairs"
    satisfied = f"{claim.printed_held} of {claim.printed_places} printed {pairs} of data set and model"
    return f"The paper's own numbers satisfy it for {satisfied}."


def _sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop; an empty text stays empty."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""
