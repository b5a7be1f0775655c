"""Experiments of one's own: any names, tables and figures of what was measured, no verdicts."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from attacked_records import selected
from example_records import SETTINGS, example_records

from privprune.checks import check
from privprune.errors import UserError
from privprune.plots import draw_own, picture
from privprune.published import attack_label
from privprune.report import Own, Timings, render
from privprune.report.own_answers import own_sentences
from privprune.settings import read
from privprune.suite.evaluation import check_section, check_something_evaluated
from privprune.tables import build_own
from privprune.verdicts import Evaluation, OwnSettings, evaluate_own, headline_numbers, own_paper

CELLS = list(dict.fromkeys(row.cell for row in SETTINGS.rows))
SECTION = {
    "reads": "own",
    "rows": [
        {"dataset": "My images", "model": "Net <2>", "method": f"Way {n}", "cell": c} for n, c in enumerate(CELLS)
    ],
}


@pytest.fixture
def evaluation() -> Evaluation:
    """Return the evaluation of example cells under names of one's own."""
    return evaluate_own(example_records(), read(OwnSettings, SECTION, ""), "demo")


@pytest.fixture
def chosen() -> Evaluation:
    """Return the evaluation of cells whose strongest attack can be chosen: LiRA, where it was run."""
    scores = {"nasr": 0.52, "lira_online_fixed": 0.56}
    records = selected(example_records(), scores, "balanced_accuracy")
    return evaluate_own(records, read(OwnSettings, SECTION, ""), "demo")


def test_every_attack_stands_beside_utility(evaluation: Evaluation) -> None:
    """The first table has one line per row with free names, and a column for each attack on any cell."""
    table = build_own(evaluation, own_paper(evaluation))[0]
    assert [line[1].text for line in table.rows] == [f"Way {number}" for number in range(len(CELLS))]
    assert {f"{attack_label(attack)} (%)" for cell in evaluation.cells for attack in cell.attacks} <= {
        column.title for column in table.columns
    }


def test_the_page_has_figures_and_no_verdicts(evaluation: Evaluation) -> None:
    """The page shows tables, one figure with every attack, and nothing of a paper."""
    drawings = draw_own(evaluation)
    assert len(drawings) == 1
    own = Own(evaluation, [picture(one) for one in drawings])
    page = render("demo", [], [], Timings({}), [own], example_records())
    assert "Utility against every attack on My images, Net &lt;2&gt;" in page
    assert "Claims of the paper" not in page
    assert "Verdicts counted" not in page


def test_the_page_begins_with_answers(chosen: Evaluation) -> None:
    """The first paragraph names who hides most within a point of the best utility, as DVC's and MLflow's numbers do."""
    numbers = headline_numbers(chosen.cells)
    names = {role.cell: role.name for role in chosen.roles}
    near = [cell for cell, of in numbers.items() if of.get("points_below_best", 2.0) <= 1]
    asked = {cell: numbers[cell]["strongest_balanced_accuracy"] for cell in near if chosen.cell(cell).attacks}
    least = min(asked, key=asked.__getitem__)
    said, caution = own_sentences(chosen)
    assert said.startswith("My images: the best utility is ")
    assert f"within a point of it ({len(near)} cell" in said
    assert f"does worst against {names[least]}" in said
    assert f"balanced accuracy {asked[least]:.2f}" in said
    assert "chance" in caution
    page = render("demo", [], [], Timings({}), [Own(chosen, [])], example_records())
    assert said.split(";")[0] in html.unescape(page)


def test_a_failed_check_is_said(chosen: Evaluation) -> None:
    """Where a network failed a check, the answer that rests on it says so."""
    failed = check("trained out", [1.0], "below", 0.5, "")
    cells = tuple(replace(cell, checks={**(cell.checks or {}), "network": (failed,)}) for cell in chosen.cells)
    assert "; a check failed)" in own_sentences(replace(chosen, cells=cells))[0]


def test_a_page_without_papers_speaks_of_no_verdicts(evaluation: Evaluation) -> None:
    """Title, contents and explanations of a page without papers have no verdicts and nothing published."""
    page = render("demo", [], [], Timings({}), [Own(evaluation, [])], example_records())
    assert "<h1>Measured: the demo suite</h1>" in page
    assert "papers on pruning" not in page
    assert "s own</p>" in page
    assert "How to read the verdicts" not in page
    assert "What each verdict means" not in page
    assert "verdicts.csv" not in page


def test_mistakes_are_found_before_training() -> None:
    """A cell that does not exist, a cell named twice and an empty section are refused in one line."""
    with pytest.raises(UserError, match=r"evaluate\.own\.rows\[0\]\.cell: found .*, allowed other"):
        check_section({"own": SECTION}, ["other"], {}, {}, "suite.yaml")
    twice = {**SECTION, "rows": [SECTION["rows"][0], SECTION["rows"][0]]}
    with pytest.raises(UserError, match="twice"):
        check_section({"own": twice}, CELLS, {}, {}, "suite.yaml")
    with pytest.raises(UserError, match=r"suite\.yaml: evaluate: found nothing"):
        check_something_evaluated({"evaluate": {}}, "suite.yaml")
