"""One paper's section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots.drawing import Picture
from privprune.published import Paper
from privprune.records import Record
from privprune.report.checks import checks_part
from privprune.report.claims import claim_view
from privprune.report.cloud import cloud_words
from privprune.report.figures import figure_views
from privprune.report.reruns import rerun_table
from privprune.report.run_summary import data_notes
from privprune.report.table_views import table_view
from privprune.report.timings import Timings, deployed_times
from privprune.report.view import PaperView, Part, TableView
from privprune.tables import build
from privprune.verdicts import VERDICTS, Evaluation

# Anchor, title and tables (named as in `build`) of each part that follows the printed tables and the figures.
_FURTHER = (
    ("methods", "Every method: utility, privacy, cost", ("methods", "ablation")),
    ("deployment", "What comes out", ("deployment", "quantisation")),
    ("matched", "At the same accuracy, and on average", ("matched", "gains")),
    ("controls", "Controls, curves and choices", ("controls", "sweep", "curves", "search")),
    ("attacks", "All attacks", ("attacks", "every_attack", "inversions", "features")),
    ("base-rates", "Other shares of members", ("base_rates",)),
    ("comparisons", "Comparisons behind the claims", ("comparisons",)),
)
_RERUN = (
    "Each command brings its cell up to date, from the data on, and attacks it in every way that the suite names. The "
    "times were measured with the results shown here. For rows that no cell of this suite stands for, copy a larger "
    "suite to params.yaml (cp params/paper.yaml params.yaml), then give its commands."
)


def paper_view(
    paper: Paper, evaluation: Evaluation, records: Sequence[Record], pictures: Sequence[Picture], timings: Timings
) -> PaperView:
    """Return the section of one paper."""
    tables = {table.name: table for table in build(evaluation, paper, deployed_times(records, timings))}
    views = {name: table_view(table, paper.paper, f"tables/{paper.paper}", tables) for name, table in tables.items()}
    claims = tuple(claim_view(claim, paper) for claim in evaluation.claims)
    verdicts = [one.verdict for one in evaluation.verdicts]
    return PaperView(
        anchor=paper.paper,
        short=paper.short,
        title=paper.title,
        citation=paper.citation,
        files=_files(paper.paper),
        claims=tuple(claim for claim in claims if claim.evidence),
        not_run=tuple(claim for claim in claims if not claim.evidence),
        leading=_leading(paper, evaluation, pictures),
        tally=tuple((kind, kind.replace(" ", "-"), verdicts.count(kind)) for kind in VERDICTS),
        overview=views["overview"],
        parts=_parts(
            paper,
            views,
            pictures,
            table_view(rerun_table(evaluation, paper, records, timings), paper.paper, "", ()),
            checks_part(paper.paper, evaluation, records),
        ),
        data_notes=data_notes(records),
    )


def _files(paper: str) -> tuple[tuple[str, str], ...]:
    """Return what of a paper has files beside the page, and where."""
    return (
        ("verdicts (CSV)", f"verdicts/{paper}.csv"),
        ("tables (Markdown)", f"tables/{paper}/all.md"),
        ("tables (LaTeX)", f"tables/{paper}/all.tex"),
        ("figures", f"figures/{paper}/"),
        ("records", f"records/{paper}/"),
    )


def _leading(paper: Paper, evaluation: Evaluation, pictures: Sequence[Picture]) -> Part | None:
    """Return the part with the figures above the tables, None for a paper without such figures."""
    figures = figure_views([picture for picture in pictures if picture.leads])
    if not figures:
        return None
    return Part(f"{paper.paper}-cloud", "What the cloud sees", cloud_words(evaluation, paper), (), figures)


def _parts(
    paper: Paper, tables: dict[str, TableView], pictures: Sequence[Picture], rerun: TableView, checks: Part
) -> tuple[Part, ...]:
    """Return the printed tables, the figures, the other tables, the checks, and the commands that run a row again."""
    others = figure_views([picture for picture in pictures if not picture.leads and not picture.answers])
    elsewhere = {"claims", "overview", "checks", "literature", *(name for _, _, names in _FURTHER for name in names)}
    printed = tuple(table for name, table in tables.items() if name not in elsewhere)
    parts = [
        Part(f"{paper.paper}-tables", "Every printed row", "", printed, ()),
        Part(f"{paper.paper}-figures", "Figures", "", (), others),
    ]
    for anchor, title, names in _FURTHER:
        present = tuple(tables[name] for name in names if name in tables and tables[name].table.rows)
        parts.append(Part(f"{paper.paper}-{anchor}", title, "", present, ()))
    parts.append(checks)
    parts.append(Part(f"{paper.paper}-rerun", "Run a row again", _RERUN, (rerun,), ()))
    return tuple(part for part in parts if part.tables or part.figures or part.folds)
