"""What other papers say, and what was measured of it here."""

from collections.abc import Sequence

from privprune.published import METRICS
from privprune.tables.claims import compared
from privprune.tables.comparison_words import attack_words, bound_in_signs, estimated
from privprune.tables.numbers_as_text import seeds
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_place, row, texts, verdict
from privprune.verdicts import ClaimPart, ComparisonResult
from privprune.verdicts.literature import LiteratureResult


def literature_table(results: Sequence[LiteratureResult]) -> Table:
    """Return one row per claim of another paper: who says what, what was tested of it, the verdict and its evidence."""
    return Table(
        name="literature",
        title="What other papers say",
        caption="Claims of other papers, without numbers of their own, tested on the cells of this suite. Their "
        "authors used other data, networks and attacks: a verdict is about the sentence, not their experiments.",
        columns=(*labels("Source", "Threat"), *texts("Says", "Tested"), *labels("Verdict"), *texts("Evidence", "Why")),
        rows=tuple(_claim(one) for one in results),
        notes=(
            "Words in quotation marks are the source's; others say the same in our words.",
            "Evidence: mean over seeds, of ratios the geometric one [95 % interval]; bound, attack, cells, seeds.",
            "Not run: the cells that the claim lacks are named.",
        ),
    )


def _claim(one: LiteratureResult) -> tuple[TableCell, ...]:
    source, claim, result = one.source, one.claim.claim, one.result
    sentence = f"“{claim.sentence}”" if one.claim.quoted else claim.sentence
    title = source.title if source.title.endswith("?") else f"{source.title}."
    asked = " (asked by a referee)" if claim.by == "referee" else ""
    return row(
        f"{source.authors}. {title} {source.venue}, arXiv {source.arxiv}",
        one.claim.threat,
        f"{sentence} ({claim.section})",
        f"{claim.tested}{asked}." + (f" {claim.note}." if claim.note else ""),
        verdict(result.finding),
        "; ".join(_evidence(one, part, each) for part in result.parts for each in part.deciding) or ABSENT,
        _why(one),
    )


def _evidence(one: LiteratureResult, part: ClaimPart, result: ComparisonResult) -> str:
    """Return a comparison in words: where, what, the number, what was needed, under which attack, on which cells."""
    comparison = result.comparison
    needed = f"needed {bound_in_signs(comparison)}"
    attack = one.attack(part, result)
    details = [needed, *([attack_words(attack)] if attack else []), f"cells {', '.join(one.cells(part, result))}"]
    counted = seeds(result.seeds)
    details.append(counted if result.seeds == 1 else f"{counted} seeds")
    where = measured_place(part.place)
    return f"{where}: {compared(comparison, one.paper)}: {estimated(result)} ({'; '.join(details)}): {result.finding}"


def _why(one: LiteratureResult) -> str:
    """Return the reasons behind the verdict, or the cells that are missing."""
    if one.result.parts:
        reasons = dict.fromkeys(each.reason for part in one.result.parts for each in part.deciding if each.reason)
        return "; ".join(reasons) or ABSENT
    if one.missing:
        return f"no cell of this suite for {', '.join(one.missing)}"
    metrics = dict.fromkeys(METRICS[each.metric].label for each in one.claim.claim.comparisons)
    return f"not measured on all of its cells: {', '.join(metrics)}"
