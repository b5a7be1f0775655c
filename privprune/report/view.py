"""What the page shows, ready to print: texts and flags only, so that the template decides nothing."""

from dataclasses import dataclass

from privprune.tables import Table


@dataclass(frozen=True)
class Fact:
    """A term and what is to be said about it, one text per line."""

    term: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class FigureView:
    """A figure; its source is a data URI, so that nothing is loaded; width and height are in CSS pixels."""

    anchor: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int


Evidence = tuple[str, tuple[tuple[str, str, str], ...]]  # place; comparison, its finding, the finding's style


@dataclass(frozen=True)
class ClaimView:
    """A claim of a paper: what was tested, the paper's words, the verdict and what it rests on.

    Attributes:
        tested: the claim as numbers can decide it.
        sentence: the paper's words.
        section: where they stand, and who asks.
        verdict: the finding.
        style: class of the verdict's label.
        measured_on: whether it rests on stand-in data, in words; empty where it does not.
        evidence: per place the comparisons made there.
        in_print: whether the paper's own numbers satisfy it; empty where they do not say.
        note: how to read it; empty for none.

    """

    tested: str
    sentence: str
    section: str
    verdict: str
    style: str
    measured_on: str
    evidence: tuple[Evidence, ...]
    in_print: str
    note: str


@dataclass(frozen=True)
class Part:
    """A titled group of tables and figures within a paper's section."""

    anchor: str
    title: str
    words: str
    tables: tuple[Table, ...]
    figures: tuple[FigureView, ...]


@dataclass(frozen=True)
class PaperView:
    """One paper's section of the page: claims and counted verdicts above, then the parts.

    Attributes:
        anchor: unique on the page.
        short: its name in the contents.
        title: its title.
        citation: authors and place.
        claims: with their verdicts.
        leading: figures that stand above verdicts and tables; None for a paper without.
        tally: verdict, its style, how many printed numbers have it.
        overview: the same per printed table.
        parts: everything else, in the order shown.
        data_notes: what must be said about the data.

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
    facts: tuple[Fact, ...]
    papers: tuple[PaperView, ...]
    matrices: tuple[Part, ...]
    meanings: tuple[tuple[str, str, str], ...]
