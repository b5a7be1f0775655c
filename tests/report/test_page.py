"""The page as a reader meets it: answers first, folds that say what is inside, links, colours, and its size."""

from __future__ import annotations

import re
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from contrast import contrast
from locations import ROOT
from test_report import HOSTILE, Page, page, rows, written

from privprune.published import METHODS, attack_label, load, method_label, names
from privprune.report.headings import headings
from privprune.report.links import linked
from privprune.report.table_views import notes_summary, table_view
from privprune.tables import Column, Table, TableCell
from privprune.tables.table import labels, numbers, row, verdict

__all__ = ["page", "written"]  # fixtures
CSS = (resources.files("privprune.report") / "templates" / "page.css").read_text(encoding="utf-8")
MEGABYTES = 1.5


def colours(dark: bool) -> dict[str, str]:
    """Return the colours of the style sheet by their names, on paper or on a dark screen."""
    light, night = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light) + (
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", night) * dark
    )
    return dict(found)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("text", ["ink", "soft", "link", "good", "bad", "other", "none"])
def test_words_stand_out_from_every_ground(text: str, dark: bool) -> None:
    """Each colour of words has a contrast of 4.5:1 on the paper and on tinted rows (WCAG 2.2, level AA)."""
    found = colours(dark)

    assert all(contrast(found[text], found[ground]) >= 4.5 for ground in ("paper", "tint"))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("text", "ground"),
    [("good", "good"), ("bad", "bad"), ("other", "other"), ("none", "none"), ("bad", "other"), ("ink", "none")],
)
def test_verdicts_stand_out_from_their_ground(text: str, ground: str, dark: bool) -> None:
    """So has the word of each verdict on its own tint."""
    found = colours(dark)

    assert contrast(found[text], found[f"{ground}-tint"]) >= 4.5


def test_a_picture_does_not_hide_the_shadow_that_says_it_scrolls() -> None:
    """Where pictures may be wider than the screen they lie below the shadows, as tables do, beside what covers them."""
    narrow = re.findall(r"@media screen and \(max-width: 44rem\) \{\n(.*?)\n\}", CSS, re.DOTALL)
    (rule,) = re.findall(r"figure \.scroll img \{(.*?)\}", "".join(narrow))
    (size,) = re.findall(r"figure \.scroll \{ background-size: (\S+) 100%", "".join(narrow))

    assert "position: relative; z-index: -1" in rule
    assert f"padding: 0 {size};" in rule


def test_answers_stand_before_everything_else(page: Page) -> None:
    """Question, answer and figure are in the header, above contents, what was run, and counts of verdicts."""
    places = {one.attributes.get("class", one.tag): number for number, one in reversed(list(enumerate(page.elements)))}

    assert places["answer"] < places["said"] < places["rests"] < places["contents"] < places["facts"] < places["tally"]
    assert next(page.all("h2")).text.endswith("Does pruning protect members?")
    assert "header" in next(page.all("img")).ancestors


def test_what_is_folded_says_what_is_inside(page: Page) -> None:
    """Every fold begins with words on its content, and tables without a measured row are folded."""
    folds = [number for number, one in enumerate(page.elements) if one.tag == "details"]
    summaries = [page.elements[number + 1] for number in folds]

    assert all(one.tag == "summary" and len(one.text.split()) > 1 for one in summaries)
    assert any("none of them measured" in one.text for one in summaries)
    for table in page.all("table"):
        unmeasured = "stand-in data" not in table.text and "Table " in table.text and "not run" in table.text
        assert not unmeasured or "details" in table.ancestors


def test_tables_without_seeds_are_not_measured() -> None:
    """A table folds where no row has seeds, whatever else it has; one with a measured row stays open."""
    columns = (*labels("Method"), *numbers("Published", "Seeds"))
    absent, there = row("a", "1.0", "\N{EN DASH}"), row("b", "1.0", "3")

    assert table_view(Table("t", "T", "", columns, (absent,), ()), "p", "", ()).folded
    assert not table_view(Table("t", "T", "", columns, (absent, there), ()), "p", "", ()).folded


def test_a_row_that_was_not_run_says_so_once() -> None:
    """Its printed numbers stay, and one verdict stands for all; where one number was measured, each has its verdict."""
    columns = (*labels("Method"), *numbers("Published", "Measured"), *labels("Verdict"))
    columns += (*numbers("Published", "Measured"), *labels("Verdict"), *numbers("Seeds"))
    absent = (TableCell("\N{EN DASH}", "not-run"), verdict("not run"))
    there = (TableCell("2.1", "reproduced"), verdict("reproduced"))
    given = row("a", "1.0", *absent, "2.0", *absent, "\N{EN DASH}"), row("b", "1.0", *absent, "2.0", *there, "3")
    shown = [
        [cell.text for cell in one]
        for one in table_view(Table("t", "T", "", columns, given, ()), "p", "", ()).table.rows
    ]

    assert shown[0] == ["a", "1.0", "", "not run", "2.0", "", "", "\N{EN DASH}"]
    assert shown[1] == ["b", "1.0", "\N{EN DASH}", "not run", "2.0", "2.1", "reproduced", "3"]


def test_rows_that_begin_alike_are_one_body(page: Page) -> None:
    """A body of a table has rows of one beginning only, and the next body begins otherwise."""
    bodies: list[list[str]] = []
    for before, element in pairwise(page.elements):
        if element.tag == "caption":
            bodies = []
        if element.tag == "tbody":
            bodies.append([])
        if element.tag == "th" and before.tag == "tr" and "tbody" in element.ancestors:
            bodies[-1].append(element.text.strip())
            assert len(set(bodies[-1])) == 1
            assert len(bodies) == 1 or bodies[-2][0] != bodies[-1][0]
    assert bodies


def test_columns_of_names_are_aligned_to_the_left(written: str) -> None:
    """A table's class names them, but for the first, which heads its rows; the page has a rule for each such class."""
    columns = (*labels("Cell", "Method"), *numbers("Seeds"), *labels("Verdict"))
    rules = dict(re.findall(r"\.(left-\d+) (td:nth-child\(\d+\))", written))

    assert table_view(Table("t", "T", "", columns, (), ()), "p", "", ()).classes == "left-2 left-4"
    named = {name for classes in re.findall(r"<table class=\"([^\"]*)\"", written) for name in classes.split()}
    assert {name: f"td:nth-child({name[5:]})" for name in named if name.startswith("left-")} == rules
    assert len(rules) > 2


def test_notes_are_folded_by_subject() -> None:
    """One note stays in sight; several say what they are about."""
    assert notes_summary(("Data set x: y.",)) == ""
    assert (
        notes_summary(("(a) text.", "Tolerance of 2.", "Data set x."))
        == "3 notes, among them on marks, tolerances, data"
    )


def test_links_lead_to_papers_files_and_records(page: Page) -> None:
    """The citation links to the paper, each table of the evaluation to its CSV, each cell to its records."""
    links = {one.attributes["href"] for one in page.all("a")}

    assert {"https://arxiv.org/abs/2008.13578", "https://doi.org/10.24963/ijcai.2021/432"} <= links
    assert {"verdicts.csv", "tables/mia_pruning/table_1.csv", "tables/mia_pruning/comparisons.csv"} <= links
    assert "records/mia_pruning/train/digits-baseline.json" in links
    assert "records/mia_pruning/attack/digits-baseline.json" in links


def test_only_identifiers_become_links() -> None:
    """Markup around an identifier stays text, and nothing else is a link."""
    assert linked("doi:10.1000/a.b, arXiv:1234.56789.") == (
        '<a href="https://doi.org/10.1000/a.b">doi:10.1000/a.b</a>, '
        '<a href="https://arxiv.org/abs/1234.56789">arXiv:1234.56789</a>.'
    )
    assert "<script" not in linked(f"arXiv 1234.56789{HOSTILE}")
    assert linked("javascript:alert(1)") == "javascript:alert(1)"


def test_big_tables_have_a_heading_per_column_to_sort_by(page: Page) -> None:
    """What the script takes for the heading of a column is: groups count as the headings below them, in their order."""
    columns = [Column("A", "label"), Column("B: x", "number"), Column("B: y", "number"), Column("C", "number")]
    heads = headings(columns)

    assert [column.title for head in heads for column in head.columns] == ["A", "X", "Y", "C"]
    assert any("big" in one.attributes.get("class", "").split() for one in page.all("table"))
    assert rows(page, "Table 1 ")


def test_a_method_has_one_spelling() -> None:
    """All papers, and what is not in them, call a method by the same name; so are attacks in tables and figures."""
    for paper in names():
        for name, label in load(paper).labels.items():
            assert method_label(name) in (None, label)
    assert len(set(METHODS.values())) == len(METHODS)
    assert attack_label("nasr") == "Nasr"


def test_a_method_is_called_by_its_name_everywhere_on_the_page(written: str) -> None:
    """Neither identifiers of attacks nor other spellings of methods stand in cells of tables."""
    cells = {cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)<", written)}

    assert "Nasr" in cells
    assert not {"nasr", "DP", "No_defense", "Early stop"} & cells


@pytest.mark.parametrize("path", sorted((ROOT / "reports").glob("*/index.html")), ids=lambda path: path.parent.name)
def test_pages_in_git_are_small(path: Path) -> None:
    """A page takes at most 1.5 MB, its pictures included."""
    assert path.stat().st_size < MEGABYTES * 1e6
