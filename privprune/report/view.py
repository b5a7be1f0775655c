"""The content of the page as texts and flags only, so that the template contains no logic."""

from dataclasses import dataclass

from privprune.tables import Table


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary of the run: a term and its texts, each shown on a line of its own."""

    term: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """A table on the page.

    Attributes:
        table: its content.
        anchor: unique on the page.
        csv: its file, relative to the page; empty for none.
        folded: whether the reader has to unfold it.
        summary: what is inside, for a folded one.
        classes: of CSS: `wide` and `widest` by its columns, `big` if it can be sorted and filtered where scripts run,
            `left-2` if the second column is aligned to the left, and so on.
        notes: the summary of its folded notes; empty where they are not folded.

    """

    table: Table
    anchor: str
    csv: str
    folded: bool
    summary: str
    classes: str
    notes: str


@dataclass(frozen=True)
class FigureView:
    """A figure; the source is a data URI, so that the page loads no file; width and height are in CSS pixels."""

    anchor: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int
    folded: bool = False


Evidence = tuple[str, tuple[tuple[str, str, str], ...]]  # place; per comparison: text, finding, style


@dataclass(frozen=True)
class Fold:
    """A list that the reader may unfold.

    Attributes:
        title: what it is about.
        summary: what stands beside the title while it is folded.
        failed: whether a line says that something failed.
        lines: text, and whether it says that something passed.
        links: text and address of the records behind it.

    """

    title: str
    summary: str
    failed: bool
    lines: tuple[tuple[str, bool], ...]
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ClaimView:
    """A claim of a paper: what was tested, the paper's words, the verdict and the evidence.

    Attributes:
        anchor: unique on the page.
        tested: the claim as numbers can decide it.
        sentence: the paper's words.
        section: the section that contains them, and whether a referee asks.
        verdict: the finding.
        style: CSS class of the verdict.
        attackers: the findings under the paper's attack and under the strongest, each with name, finding and style;
            empty for a claim that compares no attack.
        measured_on: says that the data are a stand-in or ours; empty where they are the paper's.
        headline: the first number behind the verdict; empty where nothing was compared.
        summary: what the folded evidence has.
        evidence: the comparisons of each place.
        in_print: whether the paper's own numbers satisfy it; empty where they do not decide it.
        checks: what the verdict rests on; None where nothing was compared.
        note: how to read the verdict; empty for none.

    """

    anchor: str
    tested: str
    sentence: str
    section: str
    verdict: str
    style: str
    attackers: tuple[tuple[str, str, str], ...]
    measured_on: str
    headline: str
    summary: str
    evidence: tuple[Evidence, ...]
    in_print: str
    checks: Fold | None
    note: str


@dataclass(frozen=True)
class AnswerPiece:
    """A line of an answer: the finding, linked to its claim, the sentence behind it, and what that rests on.

    Attributes:
        text: words and numbers, without capital and full stop.
        beside: the data, the attack, and how other comparisons of the claim came out; may be empty.
        finding: the finding behind them.
        style: CSS class of the finding.
        claim: anchor of the claim.

    """

    text: str
    beside: str
    finding: str
    style: str
    claim: str


@dataclass(frozen=True)
class AnswerView:
    """A question with its answer, as the page begins.

    Attributes:
        anchor: unique on the page.
        paper: the short name of the paper.
        question: as a reader asks it.
        word: the answer in a word or a few.
        style: CSS class of the finding behind that word.
        pieces: its lines.
        facts: term and text of what the answer rests on: seeds and data, attackers, what would decide it.
        figure: the one figure; None where nothing was measured that it could show.

    """

    anchor: str
    paper: str
    question: str
    word: str
    style: str
    pieces: tuple[AnswerPiece, ...]
    facts: tuple[tuple[str, str], ...]
    figure: FigureView | None


@dataclass(frozen=True)
class Part:
    """A titled group of tables, figures and folded lists within a paper's section."""

    anchor: str
    title: str
    words: str
    tables: tuple[TableView, ...]
    figures: tuple[FigureView, ...]
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True)
class PaperView:
    """One paper's section of the page: claims and counted verdicts above, then the parts.

    Attributes:
        anchor: unique on the page.
        short: its name in the contents.
        title: its title.
        citation: authors and venue.
        files: text and address of its files, relative to the page.
        claims: with their verdicts.
        not_run: the claims without a cell.
        leading: figures that stand above verdicts and tables; None for a paper without.
        tally: per verdict its style and the count of printed numbers.
        overview: the same counts per printed table.
        parts: everything else, in the order of the page.
        data_notes: notes on the data sets.

    """

    anchor: str
    short: str
    title: str
    citation: str
    files: tuple[tuple[str, str], ...]
    claims: tuple[ClaimView, ...]
    not_run: tuple[ClaimView, ...]
    leading: Part | None
    tally: tuple[tuple[str, str, int], ...]
    overview: TableView
    parts: tuple[Part, ...]
    data_notes: tuple[str, ...]


@dataclass(frozen=True)
class PageView:
    """The whole page.

    Attributes:
        suite: name of the suite.
        first: the first paragraph: the answers in a word each.
        answers: the questions with their answers.
        counts: the counts of verdicts, a sentence per paper.
        summary: what was run.
        papers: a section per paper.
        own: one's own experiments.
        matrices: both threats at once.
        literature: what other papers say.
        meanings: the verdicts in words: word, style, meaning.
        policy: what the page may load and run.
        script: makes tables sortable, and opens what is folded before the page is printed.

    """

    suite: str
    first: tuple[str, ...]
    answers: tuple[AnswerView, ...]
    counts: tuple[str, ...]
    summary: tuple[SummaryLine, ...]
    papers: tuple[PaperView, ...]
    own: tuple[Part, ...]
    matrices: tuple[Part, ...]
    literature: tuple[Part, ...]
    meanings: tuple[tuple[str, str, str], ...]
    policy: str
    script: str
