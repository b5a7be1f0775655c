"""The page of a suite: records and evaluations of all its papers in one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from privprune.files import write_text
from privprune.plots.drawing import Picture
from privprune.published import Paper
from privprune.records import Record
from privprune.report.answers import answer_views, lead_sentence
from privprune.report.headings import headings, marked
from privprune.report.links import linked
from privprune.report.literature import literature_parts
from privprune.report.matrices import Matrix, matrix_part
from privprune.report.own import Own, own_part
from privprune.report.own_answers import own_sentences
from privprune.report.papers import paper_view
from privprune.report.run_summary import summary_lines
from privprune.report.table_views import left_columns
from privprune.report.timings import Timings
from privprune.report.view import PageView
from privprune.tables.table import instead_of_its_data
from privprune.verdicts import VERDICTS, ComparisonPlace, Evaluation, answers

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("privprune.report"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=True,
)

_templates.globals |= {"headings": headings, "marked": marked}
_templates.filters |= {"linked": linked}
_SCRIPT = (resources.files("privprune.report") / "templates" / "page.js").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'"

MEANINGS = {
    "reproduced": "Measured on the printed data, network and division of the records; the printed value lies within "
    "the tolerance declared for it, or inside the measured 95 % interval.",
    "not reproduced": "Measured the same way, and the printed value lies outside both.",
    "stand-in data": "Measured on another data set, network, attack or division of the records than printed. Such a "
    "number tests the method, not the print, and is never compared with it.",
    "not a fair test": "A check failed: of the network, its defence, the attacker, or of the comparison, such as equal "
    "epochs and equal attack budgets. Then nothing is judged, whatever was measured.",
    "not run": "Not measured: no cell of this suite stands for it, or that cell was not run.",
    "supported": "In every place tested, the whole 95 % interval over seeds lies on the claim's side of its bound.",
    "contradicted": "In at least one place it lies on the other side.",
    "printed effect excluded": "The interval includes the bound, so that the sign of the effect is open; but the test "
    "could have shown the effect that the paper prints, and the interval leaves that out.",
    "inconclusive": "The interval lies across the bound, or the experiment could not have shown the claim.",
}


@dataclass(frozen=True)
class Section:
    """What the page shows of one paper.

    Attributes:
        paper: its printed numbers and claims.
        evaluation: the evaluation of the suite for this paper.
        records: the suite's records of this paper.
        pictures: its figures, in the order of the page.

    """

    paper: Paper
    evaluation: Evaluation
    records: Sequence[Record]
    pictures: Sequence[Picture]


def render(
    suite: str,
    sections: Sequence[Section],
    matrices: Sequence[Matrix],
    timings: Timings,
    own: Sequence[Own] = (),
    own_records: Sequence[Record] = (),
) -> str:
    """Return the page as HTML; the same input gives the same bytes, and the page loads nothing.

    Args:
        suite: name of the suite.
        sections: one per paper.
        matrices: the matrix of both threats, if the suite has one.
        timings: how long the stages took.
        own: one's own experiments, if the suite has some.
        own_records: their records.

    """
    records = [*(record for section in sections for record in section.records), *own_records]
    page = PageView(
        suite=suite,
        first=_first(sections, own),
        answers=tuple(
            answer for one in sections for answer in answer_views(one.evaluation, one.paper, list(one.pictures))
        ),
        counts=(*(_counts(section) for section in sections), *(_own_counts(one) for one in own)),
        summary=summary_lines(suite, records, timings),
        papers=tuple(
            paper_view(section.paper, section.evaluation, section.records, section.pictures, timings)
            for section in sections
        ),
        own=tuple(own_part(one, own_records) for one in own),
        matrices=tuple(matrix_part(matrix) for matrix in matrices),
        literature=literature_parts((section.paper, section.evaluation) for section in sections),
        meanings=tuple((word, word.replace(" ", "-"), meaning) for word, meaning in MEANINGS.items()),
        policy=_POLICY.format(base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()),
        script=Markup(_SCRIPT),  # noqa: S704 (ours, without anything from records)
    )
    return _templates.get_template("page.html.jinja").render(page=page, left=left_columns(page))


def write(
    suite: str,
    sections: Sequence[Section],
    matrices: Sequence[Matrix],
    timings: Timings,
    reports: Path,
    own: Sequence[Own] = (),
    own_records: Sequence[Record] = (),
) -> Path:
    """Write `<reports>/<suite>/index.html`, completely or not at all, and return its path.

    Raises:
        UserError: the place cannot be written to, or its disk is full.

    """
    path = reports / suite / "index.html"
    write_text(path, render(suite, sections, matrices, timings, own, own_records))
    return path


def _first(sections: Sequence[Section], own: Sequence[Own]) -> tuple[str, ...]:
    """Return the sentences of the first paragraph: the answers in short; counts where nothing is asked."""
    answered = [sentence for one in sections if (sentence := lead_sentence(one.evaluation, one.paper))]
    unasked = [_counts(one) for one in sections if not one.paper.questions]
    ours = [sentence for one in own for sentence in own_sentences(one.evaluation)]
    return (*answered, *_stand_ins(sections), *unasked, *ours)


def _stand_ins(sections: Sequence[Section]) -> tuple[str, ...]:
    """Return a sentence on the papers about which the verdicts rest on other data than theirs."""
    elsewhere = [one.paper.short for one in sections if instead_of_its_data(_behind(one))]
    if not elsewhere:
        return ()
    *first, last = elsewhere
    named = f"{', '.join(first)} and {last}" if first else last
    answer, rest, method = ("answers", "rest", "methods") if first else ("answer", "rests", "method")
    return (
        f"The {answer} on {named} {rest} on other data than in print: about the {method}, not the printed numbers.",
    )


def _behind(section: Section) -> list[ComparisonPlace]:
    """Return where the answers about a paper were found, or all its claims where nothing is asked."""
    found = answers(section.evaluation, section.paper)
    if not found:
        return [part.place for claim in section.evaluation.claims for part in claim.parts]
    return [place for one in found for place in one.places]


def _counts(section: Section) -> str:
    """Return one sentence with the counts of verdicts of a paper."""
    verdicts = [one.verdict for one in section.evaluation.verdicts]
    findings = [claim.finding for claim in section.evaluation.claims]
    counted = ", ".join(f"{verdicts.count(kind)} {_WORDS.get(kind, kind)}" for kind in VERDICTS if kind in verdicts)
    claims = ", ".join(f"{findings.count(kind)} {kind}" for kind in dict.fromkeys(findings))
    told = f" and {_count(len(findings), 'claim')} ({claims})" if findings else ""
    return f"{section.paper.short}: {_count(len(verdicts), 'printed number')} ({counted}){told}."


def _own_counts(own: Own) -> str:
    attacks = {attack for cell in own.evaluation.cells for attack in (*cell.attacks, *cell.inversions)}
    return f"Own experiments: {_count(len(own.evaluation.cells), 'cell')} under {_count(len(attacks), 'attack')}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


_WORDS = {"stand-in data": "measured on stand-in data"}
