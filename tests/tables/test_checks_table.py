"""Checks in tables and CSV: beside each verdict in a word, and one by one for every cell."""

import csv
import io

import pytest
from fair_examples import evaluated, pair
from verdict_records import cell_records

from privprune.published import load
from privprune.tables import Table, build, verdicts_csv
from privprune.tables.checks import checks_in_words, failed_in_words
from privprune.tables.table import measured_on
from privprune.verdicts import Evaluation, checks_on

PAPER = load("mia_pruning")


def table(evaluation: Evaluation, name: str) -> Table:
    """Return one table."""
    return next(one for one in build(evaluation, PAPER) if one.name == name)


def line(found: Table, first: str) -> dict[str, str]:
    """Return the first row that begins with a text, by column."""
    cells = next(cells for cells in found.rows if cells[0].text == first)
    return {column.title: cell.text for column, cell in zip(found.columns, cells, strict=True)}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return a baseline, and a pruned cell whose attack fails a check."""
    return evaluated(pair(failed={"nasr": "looks at the model"}), baseline="base", mia_pruning="pruned")


def test_every_check_of_every_cell_has_a_line(evaluation: Evaluation) -> None:
    """Cell, subject, name, measured, bound and result stand in the table of checks, with what they were measured on."""
    rows = [[cell.text for cell in cells] for cells in table(evaluation, "checks").rows]
    found = [[line[0], *line[2:]] for line in rows]
    assert {line[1] for line in rows} == {measured_on(cell) for cell in evaluation.cells}
    assert len(found) == 6
    assert ["pruned", "nasr", "looks at the model", "0", "at least 0.5", "failed", "a made-up share"] in found
    assert ["base", "network", "works", "1", "at least 0.5", "passed", "a made-up share"] in found


def test_counts_stand_beside_every_verdict(evaluation: Evaluation) -> None:
    """Claims, comparisons and printed rows say how many checks failed, and a row which was the first."""
    assert line(table(evaluation, "claims"), "1")["Checks"] == "1 of 7 failed"
    assert line(table(evaluation, "claims"), "1")["Verdict"] == "not a fair test"
    compared = line(table(evaluation, "comparisons"), "1")
    assert compared["Checks"] == "1 of 7 failed"
    assert compared["Notes"].startswith("pruned, nasr: looks at the model 0")
    printed = next(cells for cells in table(evaluation, "table_1").rows if cells[1].text == "MIA-Pruning")
    assert [cell.text for cell in printed][-2] == "1 of 4 failed"  # the fourth is the printed accuracy
    assert printed[-1].text.startswith("failed: pruned, nasr: looks at the model 0")


def test_claims_show_both_attackers(evaluation: Evaluation) -> None:
    """The table of claims has a column for either attacker, with a dash for claims without attack."""
    lower, kept = (line(table(evaluation, "claims"), number) for number in ("1", "6"))
    assert (lower["Paper's attack"], lower["Strongest attack"]) == ("not a fair test", "not run")
    assert (kept["Paper's attack"], kept["Strongest attack"]) == ("\N{EN DASH}", "\N{EN DASH}")


def test_verdicts_csv_counts_checks_and_names_the_failed(evaluation: Evaluation) -> None:
    """A line of the CSV has the numbers of passed and failed checks, and the failed ones in words."""
    lines = list(csv.DictReader(io.StringIO(verdicts_csv([evaluation]))))
    found = next(one for one in lines if (one["method"], one["metric"]) == ("mia_pruning", "attack_accuracy"))
    assert (found["verdict"], found["checks_passed"], found["checks_failed"]) == ("not a fair test", "3", "1")
    assert found["failed"].startswith("pruned, nasr: looks at the model 0, needed at least 0.5")


def test_words_for_none_some_and_all() -> None:
    """No checks are a dash, some failed are counted, and all passed says so."""
    (good,) = evaluated(cell_records("a", attacks={"nasr": [0.5] * 3}), baseline="a").cells
    assert checks_in_words([]) == "\N{EN DASH}"
    assert checks_in_words(checks_on(good)) == "all 3 passed"
    assert failed_in_words(checks_on(good)) == ""
