"""Claims and the comparisons behind their verdicts, in words."""

from __future__ import annotations

from privprune.plots.style import attack_label
from privprune.published import Paper
from privprune.report.view import ClaimView, Evidence
from privprune.tables.claims import compared, unit_of
from privprune.tables.numbers_as_text import plain, signed, with_interval
from privprune.tables.table import instead_of_its_data, measured_place, printed_place
from privprune.verdicts import ClaimPart, ClaimResult, ComparisonResult

_HOLDS = {"at_most": "at most", "below": "below", "at_least": "at least", "above": "above"}
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
        measured_on=f"on {instead}" if instead else "",
        evidence=tuple(_evidence(part, paper) for part in claim.parts),
        in_print=_in_print(claim),
        note=_sentence(claim.note),
    )


def _evidence(part: ClaimPart, paper: Paper) -> Evidence:
    """Return the place where a claim was tested, and its comparisons there."""
    place = f"{printed_place(part.place.dataset, part.place.model)}, measured on {measured_place(part.place)}:"
    return place, tuple(_comparison(result, paper) for result in part.comparisons)


def _comparison(result: ComparisonResult, paper: Paper) -> tuple[str, str, str]:
    """Return a comparison in words (measured, needed, published), its finding and the style of the finding."""
    unit = unit_of(result.comparison)
    difference = result.comparison.measure == "difference"
    write = signed if difference else plain
    measured = with_interval(result.mean, result.low, result.high, unit, difference=difference)
    by = f" ({attack_label(result.attack)})" if result.attack else ""
    words = [
        f"{compared(result.comparison, paper)}{by}: {measured}",
        f"needed {_HOLDS[result.comparison.holds]} {write(result.comparison.bound, unit)}{_UNITS.get(unit, '')}",
    ]
    if result.published is not None:
        words.append(f"published {write(result.published, unit)}")
    if result.reason:
        words.append(result.reason)
    return "; ".join(words), result.finding, result.finding.replace(" ", "-")


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
