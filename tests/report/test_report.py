"""The page of a suite: complete, self-contained, the same bytes each time, safe whatever the records say."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from example_records import SETTINGS, example_records

from privprune.plots import draw, picture
from privprune.published import load
from privprune.records import Record
from privprune.report import Section, Timings, render, write
from privprune.verdicts import EvaluateSettings, evaluate

PAPER = load("mia_pruning")
VOID = {"meta", "img", "br"}
ENDED_BY = {  # what a tag ends that was left open
    "td": ("td", "th"),
    "th": ("td", "th"),
    "tr": ("td", "th", "tr"),
    "tbody": ("td", "th", "tr", "tbody"),
    "li": ("li",),
}
HOSTILE = "<script>alert('1')</script>\"&amp;{{ 7*7 }}"


@dataclass
class Element:
    """An element of the page with its attributes, its text and the path of its ancestors."""

    tag: str
    attributes: dict[str, str]
    ancestors: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """The elements of a page in their order; closing tags must match; cells, rows and items end by themselves."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element with its attributes and ancestors."""
        if tag in ENDED_BY:
            self._end(ENDED_BY[tag])
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(one.tag for one in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        if tag == "table":
            self._end(ENDED_BY["tbody"])
        if tag in ("ul", "ol"):
            self._end(ENDED_BY["li"])
        assert self.open.pop().tag == tag

    def _end(self, tags: tuple[str, ...]) -> None:
        while self.open and self.open[-1].tag in tags:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Give a text to all elements around it."""
        for element in self.open:
            element.text += data

    def all(self, tag: str) -> Iterator[Element]:
        """Return all elements of a tag."""
        return (element for element in self.elements if element.tag == tag)


def sections(records: list[Record], settings: EvaluateSettings = SETTINGS) -> list[Section]:
    """Return what the page is made from, figures drawn anew."""
    evaluation = evaluate(records, PAPER, settings, "demo")
    pictures = [picture(drawing) for drawing in draw(records, evaluation, PAPER)]
    return [Section(PAPER, evaluation, records, pictures)]


def timings(records: list[Record]) -> Timings:
    """Return one second for the first stage, two for the second, and so on."""
    return Timings({(one.paper, one.stage, one.cell): float(place) for place, one in enumerate(records, start=1)})


@pytest.fixture(scope="module")
def written() -> str:
    """Return the page of the example."""
    records = example_records("as found")
    return render("demo", sections(records), [], timings(records))


@pytest.fixture(scope="module")
def page(written: str) -> Page:
    """Return the page's elements."""
    found = Page()
    found.feed(written)
    assert not found.open
    return found


def rows(page: Page, caption: str) -> list[str]:
    """Return the texts of the body rows of the table whose caption begins so."""
    inside = False
    found: list[list[str]] = []
    for element in page.elements:
        if element.tag == "caption":
            inside = element.text.strip().startswith(caption)
        if inside and "tbody" in element.ancestors and element.tag == "tr":
            found.append([])
        elif inside and "tbody" in element.ancestors and element.tag in ("th", "td"):
            found[-1].append(" ".join(element.text.split()))
    return ["  ".join(cells) for cells in found]


def test_page_loads_nothing(page: Page, written: str) -> None:
    """No element names another resource, no style imports, one script runs; the policy forbids all others too."""
    sources = [value for one in page.elements for name, value in one.attributes.items() if name in ("src", "srcset")]
    links = [value for one in page.elements for name, value in one.attributes.items() if name == "href"]
    style = next(page.all("style")).text

    assert sources
    assert all(source.startswith("data:image/svg+xml,") for source in sources)
    assert {link.partition("/")[0] for link in links if not link.startswith("#")} <= {
        *("https:", "figures", "records", "tables", "verdicts", "verdicts.csv"),
    }
    assert not {"link", "iframe", "object", "embed", "base"} & {one.tag for one in page.elements}
    assert not re.search(r"url\(|@import", style)
    (script,) = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    policy = next(one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes)
    assert not script.attributes
    assert not re.search(r"https?:|fetch|import|XMLHttp|eval", script.text)
    assert policy.startswith("default-src 'none';")
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert policy in html.unescape(written)


def test_pictures_load_nothing(page: Page) -> None:
    """References inside a picture point to parts of the same picture, and no script runs."""
    for image in page.all("img"):
        picture = unquote(image.attributes["src"])
        references = re.findall(r"href='([^']*)'|url\(([^)]*)\)", picture)

        assert references
        assert all((one or other).startswith("#") for one, other in references)
        assert "<script" not in picture


def test_every_figure_has_words_for_who_cannot_see_it(page: Page) -> None:
    """Each picture has its alternative text, a caption and a size, so that the layout does not change while loading."""
    images = list(page.all("img"))

    assert len(images) == 7
    assert len({image.attributes["alt"] for image in images if len(image.attributes["alt"]) > 40}) == 7
    assert all("figure" in image.ancestors and int(image.attributes["width"]) > 300 for image in images)
    assert sum(1 for _ in page.all("figcaption")) == 7


@pytest.mark.parametrize("table", [table.name for table in PAPER.tables])
def test_every_printed_row_appears(page: Page, table: str) -> None:
    """A table of the page has all the rows of the printed one, each with its numbers as printed and its verdict."""
    printed = next(one for one in PAPER.tables if one.name == table)
    found = rows(page, f"{table} ")

    assert len(found) == len(printed.rows)
    for row, text in zip(printed.rows, found, strict=True):
        assert all(number in text for number in row.numbers.values())
        assert PAPER.defences[row.defence] in text
        assert "not run" in text or "stand-in data" in text


def test_claims_stand_above_verdicts_and_tables(page: Page) -> None:
    """The order is claims, counted verdicts, printed rows, figures; every claim is there with its finding."""
    headings_ = [element.attributes.get("id", "") for element in page.all("h3")]
    words = ["claims", "verdicts", "tables", "figures"]
    claims = " ".join(one.text for one in page.all("ol") if one.attributes.get("class") == "claims")

    assert headings_[:4] == [f"mia_pruning-{word}" for word in words]
    for claim in PAPER.claims:
        assert claim.tested in " ".join(claims.split())


def test_counts_are_those_of_the_verdicts(page: Page) -> None:
    """The sentence on what was run and the last row of the overview count every printed number once."""
    numbers = [int(number) for number in re.findall(r"\d+", rows(page, "Verdicts per printed table")[-1])]
    lead = next(one for one in page.all("dl") if one.attributes.get("class") == "facts").text

    assert numbers[0] == len(PAPER.numbers) == sum(numbers[1:])
    assert f"{len(PAPER.numbers)} printed numbers ({numbers[3]} measured on stand-in data" in lead


def test_contents_lead_to_every_part(page: Page) -> None:
    """Ids are unique, each link has its target, and each heading with an id is linked from the contents."""
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    links = {one.attributes["href"][1:] for one in page.all("a") if one.attributes["href"].startswith("#")}
    parts = {one.attributes["id"] for tag in ("h2", "h3") for one in page.all(tag) if "header" not in one.ancestors}

    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert parts <= links


def test_tables_say_what_heads_what(page: Page) -> None:
    """Every table has a caption, every heading a scope, every region that scrolls a name and a place in tab order."""
    tables = sum(1 for _ in page.all("table"))
    regions = [one for one in page.all("div") if one.attributes.get("role") == "region"]

    assert sum(1 for _ in page.all("caption")) == tables > 10
    assert {one.attributes.get("scope") for one in page.all("th")} == {"row", "col", "colgroup"}
    assert all(one.attributes.keys() & {"aria-label", "aria-labelledby"} for one in regions)
    assert all(one.attributes.get("tabindex") == "0" for one in regions)


def test_body_rows_are_as_wide_as_the_headings(page: Page) -> None:
    """In every table the spans of the first heading row add up to the cells of each body row."""
    width = 0
    for number, element in enumerate(page.elements):
        if element.tag != "tr":
            continue
        cells = []
        for one in page.elements[number + 1 :]:
            if one.tag == "tr" or "tr" not in one.ancestors:
                break
            cells += [int(one.attributes.get("colspan", 1))] if one.tag in ("th", "td") else []
        if page.elements[number - 1].tag == "thead":
            width = sum(cells)
        elif "tbody" in element.ancestors:
            assert sum(cells) == width


def test_rows_can_be_run_again(page: Page) -> None:
    """Each cell has its command, with the stages that lead to it and their time together."""
    found = rows(page, "Commands")
    pruned = next(row for row in found if "attack@digits-mia_pruning" in row)

    assert len(found) == len(SETTINGS.cells)
    assert "uv run dvc repro attack@digits-mia_pruning" in pruned
    assert "train@digits-baseline, prune@digits-mia_pruning, attack@digits-mia_pruning" in pruned
    assert pruned.endswith("8.0 s")  # the first, third and fourth stage
    assert "MIA-Pruning, MNIST, LeNet-5 (Table 1, Table 2, Table 4, Table 5)" in pruned


def test_what_was_run_is_told(page: Page) -> None:
    """Data with its note, seeds, shadow models, device and versions stand below the answers."""
    facts = " ".join(next(one for one in page.all("dl") if one.attributes["class"] == "facts").text.split())

    for words in ("digits (sha256 000000000000…); as found", "13 cells, 3 seeds each", "104 shadow", "cpu", "2.11.0"):
        assert words in facts


def test_same_records_give_the_same_bytes(written: str) -> None:
    """Everything made anew from the same records is equal byte by byte."""
    records = example_records("as found")

    assert render("demo", sections(records), [], timings(records)) == written


def test_hostile_strings_stay_text() -> None:
    """Markup in a record is shown as it was written, wherever the page shows it, and never becomes an element."""
    renamed = {cell: f"{cell}{HOSTILE}" for cell in SETTINGS.cells}
    records = [
        replace(
            record,
            cell=renamed[record.cell],
            device=HOSTILE,
            model=f"lenet5{HOSTILE}",
            data={**record.data, "name": f"digits{HOSTILE}", "note": HOSTILE},
            versions={HOSTILE: HOSTILE},
            attacks={**record.attacks, HOSTILE: record.attacks["nasr"]} if record.attacks else {},
        )
        for record in example_records()
    ]
    settings = replace(
        SETTINGS,
        rows=tuple(replace(row, cell=renamed[row.cell]) for row in SETTINGS.rows[:2]),
        controls=(),
        curves=(),
    )
    found = Page()
    found.feed(render(HOSTILE, sections(records, settings), [], Timings({})))

    assert [HOSTILE in one.text for one in found.all("script")] == [False]
    assert found.elements[0].tag == "html"
    assert HOSTILE in next(found.all("h1")).text
    assert HOSTILE in next(one for one in found.all("dl") if one.attributes["class"] == "facts").text
    assert any(HOSTILE in one.text for one in found.all("summary"))
    assert all("<" not in one.attributes["href"] for one in found.all("a"))
    assert any(HOSTILE in one.text for one in found.all("td"))
    assert any(HOSTILE in one.attributes["alt"] for one in found.all("img"))


def test_suite_without_any_row_still_shows_every_row() -> None:
    """With nothing run, every printed number is there as not run, no figure is, and no claim has a finding."""
    found = Page()
    found.feed(
        render(
            "empty",
            sections([], EvaluateSettings(reads="mia_pruning", rows=(), controls=(), curves=())),
            [],
            Timings({}),
        )
    )

    assert sum(len(rows(found, f"{table.name} ")) for table in PAPER.tables) == len(PAPER.rows)
    assert not list(found.all("img"))
    facts = next(one for one in found.all("dl") if one.attributes.get("class") == "facts").text
    assert "94 printed numbers (94 not run)" in facts
    assert next(one for one in found.all("p") if one.attributes.get("class") == "lead").text == "MIA-Pruning: not run."


def test_page_is_written_to_its_suite(tmp_path: Path) -> None:
    """The page lies in the suite's folder under the name that browsers open."""
    empty = sections([], EvaluateSettings(reads="mia_pruning", rows=(), controls=(), curves=()))
    path = write("empty", empty, [], Timings({}), tmp_path)

    assert path == tmp_path / "empty" / "index.html"
    assert path.read_text(encoding="utf-8") == render("empty", empty, [], Timings({}))
