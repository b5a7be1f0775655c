"""The paper's claims with their verdicts, and the comparisons behind them."""

from privprune.published import INVERSION_MEASURES, METRICS, Comparison, Paper
from privprune.tables.checks import checks_in_words
from privprune.tables.comparison_words import attack_words, bound_in_signs, estimated, value
from privprune.tables.notes import DIFFERENCES, data_notes
from privprune.tables.numbers_as_text import seeds
from privprune.tables.table import (
    ABSENT,
    MINUS,
    Table,
    TableCell,
    instead_of_its_data,
    labels,
    measured_place,
    numbers,
    printed_place,
    row,
    texts,
    verdict,
)
from privprune.verdicts import CheckOf, ClaimPart, ClaimResult, ComparisonResult, Evaluation
from privprune.verdicts.statistics import SEEDS_ONLY
from privprune.verdicts.strongest import measure_of

_READING = (
    "Supported: in every place tested, the whole 95 % interval over seeds lies on the claim's side of the bound.",
    "Contradicted: in at least one place it lies on the other side.",
    "Printed effect excluded: in at least one place it includes the bound, but not what the paper prints.",
    "Not a fair test: a network, a defence, an attack or the comparison itself fails a check.",
    "Inconclusive: it lies across the bound, or the experiment could not have shown the claim.",
    "Paper's attack, strongest attack: under the attack that the claim names, and under the strongest of each cell.",
    "The strongest attack is chosen on records that are not evaluated, among those run alike on all compared cells.",
    "For a cell that sends the same for an image each time, an attack with more transmissions counts as run alike.",
    "The verdict is the one under the paper's attack, unless only the one under the strongest is a fair test.",
    "No correction is made for the number of comparisons.",
    "In print: in how many printed pairs of data set and model the paper's own numbers satisfy the claim.",
    "A claim about each of several defences is tested, and counted in print, once for each.",
)


def claims_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return one row per claim with its verdict."""
    return Table(
        name="claims",
        title=f"Claims of {paper.short}",
        caption="What the paper says, what was tested of it, and the verdict.",
        columns=(
            *labels("No."),
            *texts("Claim", "Tested"),
            *labels("In print", "Verdict", "Paper's attack", "Strongest attack", "Checks", "Measured on"),
        ),
        rows=tuple(_claim(number, claim) for number, claim in enumerate(evaluation.claims, start=1)),
        notes=(*_READING, *data_notes(evaluation.cells)),
    )


def _claim(number: int, claim: ClaimResult) -> tuple[TableCell, ...]:
    asked = " (asked by a referee)" if claim.by == "referee" else ""
    in_print = f"{claim.printed_held} of {claim.printed_places}" if claim.printed_places else ABSENT
    places = "; ".join(dict.fromkeys(measured_place(part.place) for part in claim.parts)) or ABSENT
    tested = f"{claim.tested}{asked}." + (f" {claim.note}." if claim.note else "")
    instead = instead_of_its_data(part.place for part in claim.parts)
    finding = TableCell(f"{claim.finding} ({instead})" if instead else claim.finding, verdict(claim.finding).style)
    return row(
        str(number),
        f"“{claim.sentence}” ({claim.section})",
        tested,
        in_print,
        finding,
        *(verdict(one) if one else ABSENT for one in (claim.papers_attack, claim.strongest_attack)),
        checks_in_words(checks_behind(claim)),
        places,
    )


def checks_behind(claim: ClaimResult) -> tuple[CheckOf, ...]:
    """Return all checks behind a claim, each once: of its comparisons under the paper's and the strongest attacks."""
    results = [result for part in claim.parts for result in (*part.comparisons, *part.strongest)]
    return tuple(dict.fromkeys(one for result in results for one in result.checks))


def comparisons_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return one row per comparison that decides a claim."""
    return Table(
        name="comparisons",
        title="Comparisons behind the claims",
        caption="Each paired over seeds on identical data; a claim needs all of its comparisons.",
        columns=(
            *labels("Claim", "Printed for", "Measured on"),
            *texts("Compared"),
            *numbers("Bound", "Published", "Measured", "Seeds"),
            *labels("Verdict", "Checks"),
            *texts("Notes"),
        ),
        rows=tuple(
            _comparison(number, part, result, paper)
            for number, claim in enumerate(evaluation.claims, start=1)
            for part in claim.parts
            for result in (*part.comparisons, *(one for one in part.strongest if one.strongest))
        ),
        notes=(
            "Published: the same quantity from the paper's tables.",
            f"Measured: mean over paired seeds, of ratios the geometric one [95 % interval]; {DIFFERENCES}",
            *data_notes(evaluation.cells),
        ),
    )


def _comparison(number: int, part: ClaimPart, result: ComparisonResult, paper: Paper) -> tuple[TableCell, ...]:
    comparison = result.comparison
    return row(
        str(number),
        printed_place(part.place.dataset, part.place.model),
        measured_place(part.place),
        compared(comparison, paper, strongest=result.strongest) + attacked_by(result),
        bound_in_signs(comparison),
        ABSENT if result.published is None else value(comparison, result.published),
        estimated(result),
        seeds(result.seeds),
        verdict(result.finding),
        checks_in_words(result.checks),
        "; ".join(part for part in (result.reason, SEEDS_ONLY * (result.basis == SEEDS_ONLY)) if part) or ABSENT,
    )


def attacked_by(result: ComparisonResult) -> str:
    """Return which attack a comparison is under, in brackets; empty for one without, or that the metric names."""
    if not result.attack:
        return ""
    names = attack_words(result.attack, result.strongest_on)
    several = "s" if result.strongest_on else ""
    return f" (strongest attack{several}: {names})" if result.strongest else f" ({names})"


def utility_word(paper: Paper) -> str:
    """Return the name of the quantity that is equal where cells are compared at the same utility."""
    compared_ = (one.metric for claim in paper.claims for one in claim.comparisons)
    return "utility" if "utility" in compared_ else "test accuracy"


def _label(metric: str, *, strongest: bool) -> str:
    """Return the label of a metric; that of an inversion without its attack where the strongest stands in its place."""
    measure = measure_of(metric) if strongest else ""
    return INVERSION_MEASURES[measure][0] if measure else METRICS[metric].label


def _small(label: str) -> str:
    """Return a label inside a sentence: a first word in capitals, such as MSE, stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def compared(comparison: Comparison, paper: Paper, *, strongest: bool = False) -> str:
    """Return a comparison in words; `strongest`: under the strongest attacks in place of the one it names."""
    names = [paper.labels[name] for name in comparison.of]
    metric = _label(comparison.metric, strongest=strongest)
    if comparison.ranks:
        other = _label(comparison.against or "", strongest=strongest)
        where = f"over {', '.join(names)}" if len(names) > 1 else f"along the curve of {names[0]}"
        return f"{metric} with {_small(other)}, Kendall's tau {where}"
    if comparison.against is None:
        return f"{metric}: {names[0]}"
    other = paper.labels[comparison.against]
    if comparison.measure == "matched":
        return f"{metric}: {names[0]} {MINUS} {other} at the same {utility_word(paper)}"
    return f"{metric}: {names[0]} {'/' if comparison.measure == 'ratio' else MINUS} {other}"
