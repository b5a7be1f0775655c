"""Claims and the comparisons behind their verdicts, in words."""

from __future__ import annotations

from privprune.published import Paper
from privprune.report.checks import fold_of_claim
from privprune.report.view import ClaimView, Evidence
from privprune.tables.checks import checks_in_words
from privprune.tables.claims import attacked_by, checks_behind, compared
from privprune.tables.comparison_words import bound_in_words, estimated, value
from privprune.tables.table import instead_of_its_data, measured_place, printed_place
from privprune.verdicts import ClaimPart, ClaimResult, ComparisonResult
from privprune.verdicts.claim_parts import places_behind

_NO_CHOICE = (
    "strongest attack: none was scored on selection records and run alike on all these cells",
    "not run",
    "not-run",
)


def claim_view(claim: ClaimResult, paper: Paper) -> ClaimView:
    """Return a claim as the page shows it."""
    asked = "" if claim.by == "paper" else " \N{EN DASH} tested as a referee would ask, not as the paper did"
    evidence = tuple(_evidence(part, paper) for part in claim.parts)
    return ClaimView(
        anchor=claim_anchor(paper.paper, claim.name),
        tested=_sentence(claim.tested),
        sentence=claim.sentence,
        section=_sentence(claim.section + asked),
        verdict=claim.finding,
        style=claim.finding.replace(" ", "-"),
        attackers=_attackers(claim),
        measured_on=_measured_on(claim),
        headline=_headline(claim, paper),
        summary=_summary(claim, evidence),
        evidence=evidence,
        in_print=_in_print(claim),
        checks=fold_of_claim(checks_behind(claim)) if claim.parts else None,
        note=" ".join(part for part in (_sentence(claim.note), *_epochs(claim, paper)) if part),
    )


def claim_anchor(paper: str, claim: str) -> str:
    """Return the anchor of a claim on the page."""
    return f"{paper}-claim-{claim}"


def _measured_on(claim: ClaimResult) -> str:
    """Return whether a finding rests on other data than the paper's, and what was found on the paper's then."""
    instead = instead_of_its_data(places_behind([(part.place, part.finding) for part in claim.parts], claim.finding))
    own = ", ".join(dict.fromkeys(part.finding for part in claim.parts if not part.place.stand_in))
    also = f"; on the paper\N{RIGHT SINGLE QUOTATION MARK}s data {own}" if own else ""
    return f"on {instead}{also}" if instead else ""


def _headline(claim: ClaimResult, paper: Paper) -> str:
    """Return the first comparison that has the finding of the claim, with its number; empty where none was made."""
    results = [result for part in claim.parts for result in part.deciding]
    telling = next((one for one in results if one.finding == claim.finding), results[0] if results else None)
    if telling is None:
        return ""
    needed = f"needed {bound_in_words(telling.comparison)}"
    named = f"{compared(telling.comparison, paper, strongest=telling.strongest)}{attacked_by(telling)}"
    return f"{named}: {estimated(telling)}; {needed}; {_seeds(telling.seeds)}"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _summary(claim: ClaimResult, evidence: tuple[Evidence, ...]) -> str:
    """Return what stands folded below a claim."""
    lines = sum(len(lines) for _, lines in evidence)
    made = f"{lines} comparison{'' if lines == 1 else 's'}, checks: {checks_in_words(checks_behind(claim))}"
    return f"The paper\N{RIGHT SINGLE QUOTATION MARK}s words, {made}"


def _attackers(claim: ClaimResult) -> tuple[tuple[str, str, str], ...]:
    """Return the findings under the paper's attack and under the strongest; none where nothing was attacked."""
    found = (
        ("under the paper\N{RIGHT SINGLE QUOTATION MARK}s attack", claim.papers_attack),
        ("under the strongest attack", claim.strongest_attack),
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
    words = [
        f"{compared(result.comparison, paper, strongest=result.strongest)}{attacked_by(result)}: {estimated(result)}",
        f"needed {bound_in_words(result.comparison)}",
    ]
    if result.published is not None:
        words.append(f"published {value(result.comparison, result.published)}")
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
