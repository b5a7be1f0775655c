"""The page of a suite with two papers and the matrix of both threats: each part where its reader looks for it."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from example_inversions import CELLS, CROSS_SETTINGS, SETTINGS, inversion_records, membership_record
from test_report import Page, rows

from privprune.plots import draw, draw_cross, picture
from privprune.published import load
from privprune.records import Record
from privprune.report import Matrix, Section, Timings, render
from privprune.report.cloud import cloud_words
from privprune.verdicts import evaluate, evaluate_cross

CEM = load("cem")


def records() -> list[Record]:
    """Return the records of the example, two of its cells attacked for membership too."""
    return [*inversion_records(), *(membership_record(row.cell, 0.55) for row in CROSS_SETTINGS.rows)]


def page_of(found: list[Record]) -> str:
    """Return the page with CEM's section and the matrix."""
    evaluation = evaluate(found, CEM, SETTINGS, "demo")
    section = Section(CEM, evaluation, found, [picture(drawing) for drawing in draw(found, evaluation, CEM)])
    matrix = evaluate_cross(found, CROSS_SETTINGS, "demo")
    pictures = [picture(drawing) for drawing in draw_cross(matrix)]
    timings = Timings({(one.paper, one.stage, one.cell): 1.0 for one in found})
    return render("demo", [section], [Matrix(matrix, pictures)], timings)


@pytest.fixture(scope="module")
def written() -> str:
    """Return the page."""
    return page_of(records())


@pytest.fixture(scope="module")
def page(written: str) -> Page:
    """Return the page's elements."""
    found = Page()
    found.feed(written)
    assert not found.open
    return found


def test_reconstructions_stand_between_claims_and_verdicts(page: Page) -> None:
    """The order of a paper with a main figure is claims, figure, counted verdicts, printed rows, other figures."""
    ids = [
        one.attributes["id"] for one in page.elements if one.attributes.get("id", "").startswith(("cem-", "figure-"))
    ]
    wanted = ["cem-claims", "cem-cloud", "figure-cloud-decoder_train", "cem-verdicts", "cem-tables", "cem-figures"]
    places = [next(place for place, one in enumerate(ids) if one.startswith(name)) for name in wanted]

    assert places == sorted(places)


def test_no_part_is_empty(page: Page) -> None:
    """What belongs to membership only does not appear for a paper about inversion."""
    titles = [one.text for one in page.all("h3")]
    texts = {" ".join(one.text.split()) for one in page.all("td")}

    assert "Other shares of members" not in titles
    assert "None was run." not in texts


def test_matrix_has_a_section_of_its_own(page: Page) -> None:
    """Figure and table of both threats stand after the papers, with a link and without any verdict."""
    ids = [one.attributes["id"] for one in page.all("h2") if "id" in one.attributes]
    lines = rows(page, "Every defence under both threats")

    assert ids == ["cem-answer", "run", "cem", "cross", "reading"]
    assert [line.split("  ")[0] for line in lines] == ["No defence", "ResSFL+CEM"]
    assert "#cross" in {one.attributes["href"] for one in page.all("a")}
    assert "figure-cross" in {one.attributes.get("id") for one in page.all("figure")}


def test_both_attacks_of_a_cell_are_run_again(page: Page) -> None:
    """A cell that was attacked in both ways has both attacks in its command, by the names of their entries."""
    line = next(row for row in rows(page, "Commands") if "train@photos-none" in row)
    command = "uv run dvc repro attack@photos-none-inversion attack@photos-none-membership"

    assert command in line
    assert line.endswith("3.0 s")


def test_words_name_the_row_that_hides_most(page: Page) -> None:
    """The sentence above the reconstructions has the error without a defence, the largest one, and its price."""
    words = cloud_words(evaluate(records(), CEM, SETTINGS, "demo"), CEM)
    only = replace(SETTINGS, rows=SETTINGS.rows[:1], curves=())

    assert "MSE of 0.0016" in words
    assert "0.0167 (ResSFL+CEM); it costs 6.5 points" in words
    assert any(words in " ".join(one.text.split()) for one in page.all("p"))
    assert "no defence that was run here raises that" in cloud_words(evaluate(records(), CEM, only, "demo"), CEM)


def test_photographs_are_part_of_the_page(page: Page) -> None:
    """The pictures of the page contain their photographs and refer to no other file."""
    sources = [unquote(one.attributes["src"]) for one in page.all("img")]
    references = [one for source in sources for one in re.findall(r"href='([^']*)'", source)]
    photographs = [one for one in references if one.startswith("data:image/webp;base64,")]

    assert len(photographs) == 2 * (len(CELLS) + 1)
    assert all(one.startswith(("#", "data:image/webp;base64,")) for one in references)


def test_kinds_of_attack_are_told_apart(page: Page) -> None:
    """Below the answers stands which attacks asked for membership and which rebuilt images."""
    facts = " ".join(next(one for one in page.all("dl") if one.attributes["class"] == "facts").text.split())

    assert "Membership attacks RMIA" in facts
    assert "Inversion attacks Decoder (train), rMLE" in facts


def test_same_records_give_the_same_page(written: str) -> None:
    """Photographs too are the same bytes each time."""
    assert page_of(records()) == written
