"""The content of the page as texts and flags only, so that the template contains no logic."""

from dataclasses import dataclass

from privprune.tables import Table


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary of the run: a term and its texts, each shown on a line of its own."""

    term: str
    texts: tuple[str, ...]


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


Evidence = tuple[str, tuple[tuple[str, str, str], ...]]  # place; per comparison: text, finding, style


@dataclass(frozen=True)
class Fold:
    """A list that the reader may unfold.

    Attributes:
        title: what it is about.
        summary: what stands beside the title while it is folded.
        failed: whether a line says that something failed.
        lines: text, and whether it says that something passed.

    """

    title: str
    summary: str
    failed: bool
    lines: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class ClaimView:
    """A claim of a paper: what was tested, the paper's words, the verdict and the evidence.

    Attributes:
        tested: the claim as numbers can decide it.
        sentence: the paper's words.
        section: the section that contains them, and whether a referee asks.
        verdict: the finding.
        style: CSS class of the verdict.
        attackers: the findings under the paper's attack and under the strongest, each with name, finding and style;
            empty for a claim that compares no attack.
        measured_on: says that the data are a stand-in or ours; empty where they are the paper's.
        evidence: the comparisons of each place.
        in_print: whether the paper's own numbers satisfy it; empty where they do not decide it.
        checks: what the verdict rests on; None where nothing was compared.
        note: how to read the verdict; empty for none.

    """

    tested: str
    sentence: str
    section: str
    verdict: str
    style: str
    attackers: tuple[tuple[str, str, str], ...]
    measured_on: str
    evidence: tuple[Evidence, ...]
    in_print: str
    checks: Fold | None
    note: str


@dataclass(frozen=True)
class Part:
    """A titled group of tables, figures and folded lists within a paper's section."""

    anchor: str
    title: str
    words: str
    tables: tuple[Table, ...]
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
        claims: with their verdicts.
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
    claims: tuple[ClaimView, ...]
    leading: Part | None
    tally: tuple[tuple[str, str, int], ...]
    overview: Table
    parts: tuple[Part, ...]
    data_notes: tuple[str, ...]


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    suite: str
    lead: tuple[str, ...]
    summary: tuple[SummaryLine, ...]
    papers: tuple[PaperView, ...]
    matrices: tuple[Part, ...]
    literature: tuple[Part, ...]
    meanings: tuple[tuple[str, str, str], ...]
