"""The answers that the page begins with: a word and a few measured numbers per question, and what they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from privprune.plots.drawing import Picture
from privprune.published import METRICS, Claim, Paper, attack_label
from privprune.report.claims import claim_anchor
from privprune.report.figures import figure_view
from privprune.report.view import AnswerPiece, AnswerView
from privprune.tables.comparison_words import estimated_with_unit
from privprune.tables.table import instead_of_its_data, measured_place
from privprune.verdicts import Answer, ClauseAnswer, ComparisonResult, Evaluation, PartAnswer, answers
from privprune.verdicts.fair_tests import VERSUS

_WORDS = {
    "supported": "Yes",
    "contradicted": "No",
    "printed effect excluded": "Not as printed",
    "inconclusive": "Undecided",
    "not a fair test": "No fair test",
    "not run": "Not run",
}
_PARTLY = "Yes, as far as it was run"
_NUMBERS = 5  # at most, of those that decide the answer
_OPEN = 4  # at most, in a list of what is open


def answer_views(evaluation: Evaluation, paper: Paper, pictures: Sequence[Picture]) -> tuple[AnswerView, ...]:
    """Return the answers to the questions of a paper; a picture that answers a question is shown beside it."""
    figures = [picture for picture in pictures if picture.answers]
    return tuple(
        _view(answer, evaluation, paper, next((one for one in figures if one.answers == answer.question.figure), None))
        for answer in answers(evaluation, paper)
    )


def lead_sentence(evaluation: Evaluation, paper: Paper) -> str:
    """Return the answers to a paper's questions in a sentence, and what beats its method; empty without questions."""
    found = answers(evaluation, paper)
    if not found:
        return ""
    words = "; ".join(f"{_word(answer).lower()}{_price(answer, paper)}" for answer in found)
    beaten = dict.fromkeys(name for answer in found for name in answer.beaten_by)
    if not beaten:
        return f"{paper.short}: {words}."
    names = "; ".join(paper.labels[name] for name in beaten)  # some have a comma
    worse = "On some data it is worse in utility or in what it hides, and not shown to be better in either, than"
    return f"{paper.short}: {words}. {worse} {names}."


def _price(answer: Answer, paper: Paper) -> str:
    """Return what a method costs that does what it promises: numbers beside the answer that contradict their claim."""
    if answer.finding != "supported":
        return ""
    costs = [one for one in answer.clauses if not one.counts and one.finding == "contradicted"]
    return "".join(f", but {_piece(one, paper, named=False).text}" for one in costs)


def _view(answer: Answer, evaluation: Evaluation, paper: Paper, picture: Picture | None) -> AnswerView:
    shown = _shown(answer)
    named = len({one.part.place for clause in answer.clauses for one in clause.parts}) > 1
    return AnswerView(
        anchor=f"{paper.paper}-answer",
        paper=paper.short,
        question=answer.question.question,
        word=_word(answer),
        style=answer.finding.replace(" ", "-"),
        pieces=tuple(_piece(clause, paper, named=named) for clause in shown),
        facts=tuple((term, text) for term, text in _facts(answer, evaluation, paper) if text),
        figure=None if picture is None else figure_view(picture),
    )


def _word(answer: Answer) -> str:
    return _PARTLY if answer.finding == "supported" and not answer.complete else _WORDS[answer.finding]


def _shown(answer: Answer) -> list[ClauseAnswer]:
    """Return the clauses that were run; of those that count, only so many as can be read at once."""
    shown: list[ClauseAnswer] = []
    numbers = 0
    for clause in answer.clauses:
        fits = not clause.counts or numbers + len(clause.clause.words) <= _NUMBERS
        if clause.parts and fits:
            shown.append(clause)
            numbers += len(clause.clause.words) if clause.counts else 0
    return shown


def _piece(clause: ClauseAnswer, paper: Paper, *, named: bool) -> AnswerPiece:
    """Return the numbers of the part that has the clause's finding, and how the other parts came out.

    Its data is `named` where the answer rests on several, and the attack where it is not the paper's.
    """
    telling = next((one for one in clause.parts if one.finding == clause.finding), clause.parts[0])
    written = [
        words.format(
            number=estimated_with_unit(result),
            of=paper.labels[result.comparison.of[0]],
            against=_against(result, paper),
        )
        for words, result in zip(clause.clause.words, _results(telling), strict=True)
    ]
    place = [telling.part.place.data] if named else []
    attack = ["strongest attack"] if _results(telling) is telling.part.strongest else []
    others = Counter(one.finding for one in clause.parts if one is not telling)
    counted = ", ".join(f"{count} {finding}" for finding, count in others.items())
    more = [f"other comparisons: {counted}"] if others else []
    return AnswerPiece(
        text=" and ".join(written),
        beside="; ".join([*place, *attack, *more]),
        finding=clause.finding,
        style=clause.finding.replace(" ", "-"),
        claim=claim_anchor(paper.paper, clause.claim.name),
    )


def _results(one: PartAnswer) -> Sequence[ComparisonResult]:
    """Return the comparisons behind a finding, those under the paper's attack where others are fewer."""
    return one.shown if len(one.shown) == len(one.part.comparisons) else one.part.comparisons


def _against(result: ComparisonResult, paper: Paper) -> str:
    return paper.labels[result.comparison.against] if result.comparison.against else ""


def _facts(answer: Answer, evaluation: Evaluation, paper: Paper) -> list[tuple[str, str]]:
    deciding = [one for clause in answer.clauses if clause.counts for one in clause.parts]
    every = [one for clause in answer.clauses for one in clause.parts]
    return [
        ("Attackers", _attackers(answer, deciding)),
        ("Measured on", _measured_on(every)),
        ("To decide it", first_few([text for one in deciding for text in _open(one, paper)])),
        ("Not run here", _missing(answer, evaluation, paper)),
    ]


def _attackers(answer: Answer, deciding: Sequence[PartAnswer]) -> str:
    """Return the answer under the paper's attack and under the strongest, with their names."""
    if not any(one.part.strongest_attack for one in deciding):
        return ""
    named = _names(result for one in deciding for result in one.part.comparisons)
    strong = _names(result for one in deciding for result in one.part.strongest if result.strongest)
    papers = f"the paper\N{RIGHT SINGLE QUOTATION MARK}s{f' ({named})' if named else ''}: {answer.papers_attack}"
    if answer.strongest_attack == "not run":
        missing = sum(one.strongest_attack == "not run" for one in deciding)
        return f"{papers}; in {missing} of {len(deciding)} comparisons none could be chosen as the strongest"
    differ = any(result.strongest_on for one in deciding for result in one.part.strongest)
    named = f"{strong}; which one on which cell, with the claims" if differ else strong
    return f"{papers}; strongest of those that ran on all compared cells ({named}): {answer.strongest_attack}"


def _names(results: Iterable[ComparisonResult]) -> str:
    """Return the labels of the attacks behind comparisons, each once."""
    found: dict[str, None] = {}
    for result in results:
        attack = result.attack or METRICS[result.comparison.metric].attack
        for name in attack.replace(VERSUS, ", ").split(", "):
            if name:
                found[attack_label(name)] = None
    return ", ".join(found)


def _measured_on(parts: Sequence[PartAnswer]) -> str:
    """Return the data, networks and numbers of seeds."""
    places = list(dict.fromkeys(one.part.place for one in parts))
    if not places:
        return ""
    counts = sorted({result.seeds for one in parts for result in one.part.comparisons if result.seeds})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}" if counts else "no"
    instead = instead_of_its_data(places)
    where = "; ".join(dict.fromkeys(measured_place(place) for place in places))
    word = "seed" if seeds == "1" else "seeds"
    return f"{where}; {seeds} {word}{f'; {instead}, so that no print is judged' if instead else ''}"


def _open(one: PartAnswer, paper: Paper) -> list[str]:
    """Return what an open or unfair part lacks; nothing for a decided one."""
    if one.finding in ("supported", "contradicted"):
        return []
    return [
        f"{_against(result, paper) or paper.labels[result.comparison.of[0]]} "
        f"({METRICS[result.comparison.metric].label}, {one.part.place.data}): {result.reason}"
        for result in one.shown
        if result.reason and result.finding != "supported"
    ]


def first_few(texts: Sequence[str]) -> str:
    """Return texts, each once, as far as they can be read at once; the claims have all of them."""
    once = list(dict.fromkeys(texts))
    more = [f"and {len(once) - _OPEN} more, with the claims"] if len(once) > _OPEN else []
    return "; ".join([*once[:_OPEN], *more])


def _missing(answer: Answer, evaluation: Evaluation, paper: Paper) -> str:
    """Return the defences and controls without which a clause that counts could not be tested."""
    claims = {claim.name: claim for claim in paper.claims}
    needed = [
        _needed(claims[one.claim.name], evaluation, paper) for one in answer.clauses if one.counts and not one.parts
    ]
    return "; ".join(dict.fromkeys(text for text in needed if text))


def _needed(claim: Claim, evaluation: Evaluation, paper: Paper) -> str:
    """Return what a claim that was not run needs, in labels."""
    have = {role.name for role in evaluation.roles}
    curves = {curve.name for curve in evaluation.curves}
    cells: dict[str, None] = {}
    along: dict[str, None] = {}
    for comparison in (comparison for variant in claim.variants for comparison in variant):
        matched = comparison.measure == "matched"
        for name in comparison.names:
            is_curve = matched and name == comparison.against
            if name not in (curves if is_curve else have):
                (along if is_curve else cells)[paper.labels[name]] = None
    texts = [_listed(cells, "or")] if cells else []
    texts += [f"several strengths of {_listed(along, 'or')}"] if along else []
    return " with ".join(texts)


def _listed(names: Iterable[str], word: str = "and") -> str:
    """Return names as a list in words."""
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} {word} {last}" if first else last
