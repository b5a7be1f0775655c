"""Experiments of one's own: any names, tables and figures of what was measured, no verdicts."""

from __future__ import annotations

import pytest
from example_records import SETTINGS, example_records

from privprune.errors import UserError
from privprune.plots import draw_own, picture
from privprune.published import attack_label
from privprune.report import Own, Timings, render
from privprune.settings import read
from privprune.suite.evaluation import check_section, check_something_evaluated
from privprune.tables import build_own
from privprune.verdicts import Evaluation, OwnSettings, evaluate_own, own_paper

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


def test_mistakes_are_found_before_training() -> None:
    """A cell that does not exist, a cell named twice and an empty section are refused in one line."""
    with pytest.raises(UserError, match=r"evaluate\.own\.rows\[0\]: cell .* does not exist"):
        check_section({"own": SECTION}, ["other"], {}, {}, "suite.yaml")
    twice = {**SECTION, "rows": [SECTION["rows"][0], SECTION["rows"][0]]}
    with pytest.raises(UserError, match="twice"):
        check_section({"own": twice}, CELLS, {}, {}, "suite.yaml")
    with pytest.raises(UserError, match=r"suite\.yaml: evaluate: found nothing"):
        check_something_evaluated({"evaluate": {}}, "suite.yaml")
