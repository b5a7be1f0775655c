"""Checks on the page: folded beside each claim and for every cell, with the findings under both attackers."""

from __future__ import annotations

import pytest
from attacked_records import selected, without_checks
from fair_examples import PAPER, claim, evaluated, pair
from test_report import Page

from privprune.checks import Check
from privprune.records import Record
from privprune.report import Section, Timings, render
from privprune.report.checks import fold_of
from privprune.report.claims import claim_view
from privprune.verdicts import CheckOf, checks_on


def page_of(records: list[Record]) -> Page:
    """Return the page of a baseline and a pruned cell."""
    evaluation = evaluated(records, baseline="base", mia_pruning="pruned")
    found = Page()
    found.feed(render("demo", [Section(PAPER, evaluation, records, [])], [], Timings({})))
    assert not found.open
    return found


@pytest.fixture(scope="module")
def page() -> Page:
    """Return the page of a pair whose pruned cell is attacked by what does not look at the model."""
    return page_of(pair(failed={"nasr": "looks at the model"}))


def test_claims_and_cells_have_folded_checks(page: Page) -> None:
    """There is a list for each claim that was tested and for each cell; the failed check is the first of its list."""
    folds = [" ".join(one.text.split()) for one in page.all("summary")]
    assert "Checks 1 of 7 failed" in folds
    cells = [one for one in folds if one.startswith(("base ", "pruned "))]
    assert cells == ["base all 3 passed", "pruned 1 of 3 failed"]
    failed = [one.text.strip() for one in page.all("li") if one.attributes.get("class") == "check-failed"]
    assert failed[0] == "pruned, nasr: looks at the model 0, needed at least 0.5; a made-up share"
    assert "mia_pruning-checks" in {one.attributes.get("id") for one in page.all("h3")}


def test_the_verdict_says_that_the_test_is_not_fair(page: Page) -> None:
    """The claim's word, its reason and the meaning of the word stand on the page."""
    words = [one.text for one in page.all("span") if one.attributes.get("class") == "verdict not-a-fair-test"]
    text = " ".join(" ".join(one.text.split()) for one in page.all("main"))
    assert "not a fair test" in words
    assert "(Nasr)" in text
    assert "pruned, nasr: looks at the model 0, needed at least 0.5 (a made-up share): not a fair test" in text
    assert "Then nothing is judged, whatever was measured." in text


def test_both_attackers_stand_under_the_verdict() -> None:
    """A claim shows the finding under the paper's attack and the strongest, which its evidence names."""
    records = selected(pair(), {"nasr": 0.6}, "balanced_accuracy")
    evaluation = evaluated(records, baseline="base", mia_pruning="pruned")
    view = claim_view(claim(evaluation, "lower_than_baseline"), PAPER)
    assert [(name, word) for name, word, _ in view.attackers] == [
        ("under the paper\N{RIGHT SINGLE QUOTATION MARK}s attack", "supported"),
        ("under the strongest attack", "supported"),
    ]  # fmt: skip
    assert any("(strongest attack: Nasr)" in line for line, _, _ in view.evidence[0][1])
    assert "Baseline may have other epochs: pruning starts from it" in view.note


def test_old_records_say_why_nothing_is_judged() -> None:
    """Records that are older than checks give a page whose tested claims are no fair test."""
    page = page_of(without_checks(pair()))
    text = " ".join(" ".join(one.text.split()) for one in page.all("main"))
    assert "measured before checks were recorded (pruned, training)" in text


def test_a_list_names_what_was_measured() -> None:
    """A line of a cell's list is subject, name, measured, needed and meaning."""
    (cell, *_) = evaluated(pair(), baseline="base", mia_pruning="pruned").cells
    fold = fold_of("base", checks_on(cell)[:1])
    assert fold.lines == (("network: works 1, needed at least 0.5; a made-up share", True),)
    assert not fold.failed


def test_what_numbers_are_is_said_once(page: Page) -> None:
    """One list explains the checks that several cells have; their own lists do so for what failed alone."""
    lines = [" ".join(one.text.split()) for one in page.all("li")]
    assert "What the numbers are kinds of checks: 1" in [" ".join(one.text.split()) for one in page.all("summary")]
    assert lines.count("works: a made-up share") == 1
    assert lines.count("works, needed at least 0.5: network 1, defence 1, nasr 1") == 1
    assert "pruned, nasr: looks at the model 0, needed at least 0.5; a made-up share" in lines


def test_checks_of_one_kind_share_a_line() -> None:
    """Several subjects with the same check and bound stand in one line with their numbers; one that failed, alone."""
    kinds = [("gap", 0.7, True), ("loss", 0.6, True), ("nasr", 0.0, False)]
    made = [CheckOf("a", of, Check("looks", value, "at least", 0.5, passed, "a share")) for of, value, passed in kinds]
    assert fold_of("a", made).lines == (
        ("nasr: looks 0, needed at least 0.5; a share", False),
        ("looks, needed at least 0.5: gap 0.7, loss 0.6", True),
    )
