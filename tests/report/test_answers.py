"""The answers that a page begins with: computed from claims and their checks, with numbers, attackers and losses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_patrol import CELLS, PLACE, SETTINGS, patrol_records
from fair_examples import PAPER, evaluated, pair
from test_report import Page

from privprune.errors import UserError
from privprune.plots import draw, picture
from privprune.published import Clause, load, read_paper
from privprune.report import Section, Timings, render
from privprune.report.answers import answer_views, first_few, lead_sentence
from privprune.report.view import AnswerView
from privprune.verdicts import ControlSettings, Evaluation, answers, evaluate

PATROL = load("patrol")
Values = tuple[float, float, float, float, float, str]


def with_control(monkeypatch: pytest.MonkeyPatch, name: str, values: Values) -> Evaluation:
    """Evaluate PATROL's example with a control of these values beside it."""
    monkeypatch.setitem(CELLS, "reid-control", values)
    settings = replace(SETTINGS, controls=(*SETTINGS.controls, ControlSettings(*PLACE, name, "reid-control", None)))
    return evaluate(patrol_records(), PATROL, settings, "demo")


def view(evaluation: Evaluation) -> AnswerView:
    """Return the answer to PATROL's question."""
    (found,) = answer_views(evaluation, PATROL, [])
    return found


@pytest.mark.parametrize("name", ["pooled_wire", "narrow"])
def test_the_first_paragraph_says_what_patrol_loses_to(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A control with more utility and no smaller error makes the answer no, and is named at once."""
    evaluation = with_control(monkeypatch, name, (0.85, 0.017, 1.0, 0.9, 0.3, "train"))
    page = Page()
    page.feed(render("demo", [Section(PATROL, evaluation, patrol_records(), [])], [], Timings({})))
    first = next(one for one in page.all("p") if one.attributes.get("class") == "lead").text

    assert view(evaluation).word == "No"
    assert "PATROL: no. On some data it is worse in utility or in what it hides, and not shown to be" in first
    assert f"than {PATROL.labels[name]}." in first


def test_a_yes_that_costs_utility_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What contradicts a claim beside the answer stands in the first paragraph, where the answer is yes."""
    monkeypatch.setitem(CELLS, "reid-patrol", (0.76, *CELLS["reid-patrol"][1:]))
    costly = evaluate(patrol_records(), PATROL, SETTINGS, "demo")

    assert "yes, as far as it was run, but the edge loses 93.00 %" in lead_sentence(costly, PATROL)
    assert "utility changes by \N{MINUS SIGN}4.00 points" in lead_sentence(costly, PATROL)


def test_a_list_of_what_is_open_can_be_read() -> None:
    """It names each text once, ends after four of them, and says how many more there are."""
    assert first_few(["a", "b", "a"]) == "a; b"
    assert first_few(list("abcdef")) == "a; b; c; d; and 2 more, with the claims"


def test_what_is_traded_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a control with more utility and a smaller error nothing is decided, and no loss is named."""
    evaluation = with_control(monkeypatch, "pooled_wire", (0.85, 0.010, 1.0, 0.9, 0.3, "train"))

    assert view(evaluation).word == "Undecided"
    assert "worse" not in lead_sentence(evaluation, PATROL)


def test_a_win_over_all_that_was_run_says_what_was_not() -> None:
    """Without the controls the answer is yes only as far as it was run, and the missing cells are named."""
    found = view(evaluate(patrol_records(), PATROL, SETTINGS, "demo"))

    assert found.word == "Yes, as far as it was run"
    assert PATROL.labels["pooled_wire"] in dict(found.facts)["Not run here"]
    assert "3 seeds" in dict(found.facts)["Measured on"]


def test_a_line_says_how_the_other_comparisons_of_its_claim_came_out() -> None:
    """Beside a line stands how many more comparisons its claim has, and their findings."""
    pieces = view(evaluate(patrol_records(), PATROL, SETTINGS, "demo")).pieces
    piece = next(one for one in pieces if one.claim == "patrol-claim-better_than_baselines")

    assert (piece.finding, piece.beside) == ("supported", "other comparisons: 2 supported")


def test_numbers_of_a_sentence_are_those_of_its_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence has the mean and the interval of each comparison, and a link to the claim with its finding."""
    evaluation = with_control(monkeypatch, "pooled_wire", (0.85, 0.017, 1.0, 0.9, 0.3, "train"))
    piece = next(one for one in view(evaluation).pieces if one.claim == "patrol-claim-better_than_plain_edges")

    assert "against the control Pooled wire, one number per channel, utility differs by" in piece.text
    assert "differs by \N{MINUS SIGN}6.00 points [" in piece.text  # 79 less 85
    assert (piece.finding, piece.style) == ("contradicted", "contradicted")


def test_an_unfair_test_answers_nothing() -> None:
    """Where a check of the attack fails, the answer is neither yes nor no, and the check is named."""
    evaluation = evaluated(pair(failed={"nasr": "looks at the model"}), baseline="base", mia_pruning="pruned")
    (found,) = answer_views(evaluation, PAPER, [])

    assert (found.word, found.style) == ("No fair test", "not-a-fair-test")
    assert "looks at the model" in dict(found.facts)["To decide it"]
    assert "Nasr" in dict(found.facts)["Attackers"]


def test_nothing_run_is_no_answer() -> None:
    """Without any cell the answer says so, in a word and in what is missing; there is no number and no figure."""
    (found,) = answer_views(evaluated([]), PAPER, [])

    assert (found.word, found.pieces, found.figure) == ("Not run", (), None)
    assert "MIA-Pruning" in dict(found.facts)["Not run here"]


def test_each_question_has_its_figure() -> None:
    """The figure that a question asks for is drawn from the evaluation, with every cell of known cost, and shown."""
    evaluation = evaluate(patrol_records(), PATROL, SETTINGS, "demo")
    drawings = draw(patrol_records(), evaluation, PATROL)
    pictures = [picture(one) for one in drawings if one.answers]
    (found,) = answer_views(evaluation, PATROL, pictures)

    assert [one.answers for one in pictures] == [one.figure for one in PATROL.questions]
    assert found.figure is not None
    marks = [line for line in drawings[0].figure.axes[0].lines if line.get_marker() not in ("", "None", None)]
    assert len(marks) == len([cell for cell in CELLS if not cell.startswith("reid-blocks")])  # none of them is exported


def test_other_attackers_are_told() -> None:
    """The answer has a finding under the paper's attack and, where one could be chosen, under the strongest."""
    (answer,) = answers(evaluated(pair(), baseline="base", mia_pruning="pruned"), PAPER)

    assert answer.papers_attack == "supported"
    assert answer.strongest_attack == "not run"  # the records choose none


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("      - claim: lower_than_baseline\n", "      - claim: never_made\n", "found the claim never_made"),
        (
            '["against the baseline, the accuracy of the attack changes by {number}"]',
            '["{number}", "{number}"]',
            "found 2 words, allowed 1",
        ),
        (
            '"against the baseline, the accuracy of the attack changes by {number}"',
            '"against the baseline"',
            "allowed {number} once",
        ),
        ("  baseline: Baseline\n", "  baseline: The baseline\n", "allowed 'Baseline', its one name"),
    ],
)
def test_mistakes_in_questions_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A clause without its claim or its number, and a second spelling of a method, are told in one line."""
    text = Path("privprune/published/mia_pruning.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "paper.yaml").write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(UserError, match=message.replace("{", r"\{")):
        read_paper(tmp_path / "paper.yaml")


def test_words_have_no_other_places() -> None:
    """A clause may name what is compared and nothing else."""
    with pytest.raises(ValueError, match="allowed"):
        Clause("lower_than_baseline", "verdict", ("{number} {somewhere}",))
