"""What other papers say, and what was measured of it here."""

from collections.abc import Collection, Iterable

from privprune.errors import UserError
from privprune.published import LITERATURE, METRICS, LiteratureClaim, Paper, Source, load_literature
from privprune.tables.claims import compared
from privprune.tables.comparison_words import attack_words, bound_in_signs, estimated
from privprune.tables.numbers_as_text import seeds
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_place, row, texts, verdict
from privprune.verdicts import Evaluation
from privprune.verdicts.literature import LiteratureComparison, LiteratureResult


def literature_table(evaluated: Iterable[tuple[Paper, Evaluation]]) -> Table:
    """Return one row per claim of another paper: who says what, what was tested of it, the verdict and its evidence.

    Raises:
        UserError: an evaluation is about other claims than the file, as one made before a claim was renamed.

    """
    results: dict[str, tuple[Paper, LiteratureResult]] = {}
    for paper, evaluation in evaluated:
        _check_claims(paper, evaluation)
        results |= {one.claim: (paper, one) for one in evaluation.literature}
    return Table(
        name="literature",
        title="What other papers say",
        caption="Claims of other papers, without numbers of their own, tested on the cells of this suite. Their "
        "authors used other data, networks and attacks: a verdict is about the sentence, not their experiments.",
        columns=(*labels("Source", "Threat"), *texts("Says", "Tested"), *labels("Verdict"), *texts("Evidence", "Why")),
        rows=tuple(
            _row(source, claim, *results[claim.claim.name])
            for source in load_literature().sources
            for claim in source.claims
            if claim.claim.name in results
        ),
        notes=(
            "Words in quotation marks are the source's; others say the same in our words.",
            "Evidence: mean over seeds, of ratios the geometric one [95 % interval]; bound, attack, cells, seeds.",
            "Not run: the cells that the claim lacks are named.",
        ),
    )


def _check_claims(paper: Paper, evaluation: Evaluation) -> None:
    """Refuse verdicts on claims that the file does not have, and claims without one: their rows would be missing."""
    claims = [claim for source in load_literature().sources for claim in source.claims]
    named = {one.claim.name for one in claims if one.beside == paper.paper}
    judged = {one.claim for one in evaluation.literature}
    if named != judged:
        raise UserError(
            f"evaluations/{paper.paper}.json: literature: found the claims {_listed(judged - named)} beyond those of "
            f"{LITERATURE}.yaml, and lacks {_listed(named - judged)}; run `dvc repro` to evaluate again"
        )


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _row(source: Source, one: LiteratureClaim, paper: Paper, result: LiteratureResult) -> tuple[TableCell, ...]:
    claim = one.claim
    sentence = f"“{claim.sentence}”" if one.quoted else claim.sentence
    title = source.title if source.title.endswith("?") else f"{source.title}."
    asked = " (asked by a referee)" if claim.by == "referee" else ""
    return row(
        f"{source.authors}. {title} {source.venue}, arXiv {source.arxiv}",
        one.threat,
        f"{sentence} ({claim.section})",
        f"{claim.tested}{asked}." + (f" {claim.note}." if claim.note else ""),
        verdict(result.finding),
        "; ".join(_evidence(each, paper) for each in result.comparisons) or ABSENT,
        _why(one, result),
    )


def _evidence(one: LiteratureComparison, paper: Paper) -> str:
    """Return a comparison in words: where, what, the number, what was needed, under which attack, on which cells."""
    result, comparison = one.result, one.result.comparison
    needed = f"needed {bound_in_signs(comparison)}"
    details = [
        needed,
        *([attack_words(one.attack, result.strongest_on)] if one.attack else []),
        f"cells {', '.join(one.cells)}",
    ]
    counted = seeds(result.seeds)
    details.append(counted if result.seeds == 1 else f"{counted} seeds")
    where = measured_place(one.place)
    return f"{where}: {compared(comparison, paper)}: {estimated(result)} ({'; '.join(details)}): {result.finding}"


def _why(one: LiteratureClaim, result: LiteratureResult) -> str:
    """Return the reasons behind the verdict, or the cells that are missing."""
    if result.comparisons:
        reasons = dict.fromkeys(each.result.reason for each in result.comparisons if each.result.reason)
        return "; ".join(reasons) or ABSENT
    if result.missing:
        return f"no cell of this suite for {', '.join(result.missing)}"
    metrics = dict.fromkeys(METRICS[each.metric].label for each in one.claim.comparisons)
    return f"not measured on all of its cells: {', '.join(metrics)}"
