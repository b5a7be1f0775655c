"""Fair tests: a verdict stands only where every check behind it passed; each check passes in one case, fails in one."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from attacked_records import with_settings, without_checks
from fair_examples import LOWER, MNIST, claim, evaluated, pair
from inversion_records import inverted
from verdict_records import cell_records

from privprune.published import load
from privprune.records import Record
from privprune.verdicts import (
    ClaimResult,
    ControlSettings,
    EvaluateSettings,
    Evaluation,
    NumberVerdict,
    RowSettings,
    evaluate,
    failures,
)


def lower(records: Sequence[Record]) -> ClaimResult:
    """Return the claim that pruning lowers the attack accuracy of the baseline."""
    return claim(evaluated(records, baseline="base", mia_pruning="pruned"), "lower_than_baseline")


def number(evaluation: Evaluation, metric: str) -> NumberVerdict:
    """Return the verdict on MNIST's baseline in Table 1 (printed: test 99.3, attack 67.00)."""
    return next(
        one
        for one in evaluation.verdicts
        if (one.table, one.dataset, one.model, one.method, one.metric) == ("Table 1", *MNIST, "baseline", metric)
    )


def test_a_claim_whose_checks_pass_is_judged() -> None:
    """With all checks passed the interval decides, and the checks of both cells stand beside the finding."""
    found = lower(pair())
    (result,) = found.parts[0].comparisons
    assert found.finding == "supported"
    assert {(one.cell, one.subject) for one in result.checks} == {
        ("base", "network"), ("base", "defence"), ("base", "nasr"),
        ("pruned", "network"), ("pruned", "defence"), ("pruned", "nasr"), ("", "comparison"),
    }  # fmt: skip
    assert not failures(result.checks)


@pytest.mark.parametrize("cell", ["base", "pruned"])
@pytest.mark.parametrize("subject", ["network", "defence", "nasr"])
def test_one_failed_check_of_either_cell_is_no_fair_test(cell: str, subject: str) -> None:
    """A failed check of network, defence or attack takes the finding's place, and is told with its numbers."""
    failed = {"failed": {subject: "is good"}}
    found = lower(pair(failed) if cell == "base" else pair(**failed))
    (result,) = found.parts[0].comparisons
    assert found.finding == "not a fair test"
    assert result.reason == f"{cell}, {subject}: is good 0, needed at least 0.5 (a made-up share)"
    assert result.mean == pytest.approx(-2.0)  # what was measured is still shown


def test_all_failed_checks_are_listed() -> None:
    """The reason is the first failure; the data have all of them."""
    (result,) = lower(pair({"failed": {"network": "a"}}, failed={"nasr": "b"})).parts[0].comparisons
    assert [(one.cell, one.check.name) for one in failures(result.checks)] == [("pruned", "b"), ("base", "a")]


@pytest.mark.parametrize(("subject", "finding"), [("nasr", "supported"), ("defence", "not a fair test")])
def test_accuracy_does_not_rest_on_the_attack(subject: str, finding: str) -> None:
    """A claim about test accuracy needs the network and the defence, and no attack."""
    records = pair(failed={subject: "is good"})
    found = claim(evaluated(records, baseline="base", mia_pruning="pruned"), "accuracy_kept")
    assert (found.finding, found.papers_attack) == (finding, None)


def test_records_older_than_checks_say_so() -> None:
    """Without any check in a record nothing is judged: claims are no fair test, and say why."""
    found = lower(without_checks(pair()))
    assert found.finding == "not a fair test"
    assert found.parts[0].comparisons[0].reason.startswith("measured before checks were recorded")


@pytest.mark.parametrize(("epochs", "finding"), [(20, "supported"), (22, "supported"), (23, "not a fair test")])
def test_epochs_are_equal_within_a_tenth(epochs: int, finding: str) -> None:
    """Against 20 epochs 22 are a tenth more (2 of 22), 23 are too many."""
    records = [
        *cell_records("pruned", attacks={"nasr": LOWER[1]}),
        *cell_records("game", attacks={"nasr": LOWER[0]}, epochs=epochs),
    ]
    found = claim(evaluated(records, mia_pruning="pruned", min_max="game"), "lower_than_min_max")
    assert found.finding == finding
    if finding != "supported":
        assert "equal epochs 0.1304, needed at most 0.1" in found.parts[0].comparisons[0].reason
        assert "pruned 20, game 23" in found.parts[0].comparisons[0].reason


@pytest.mark.parametrize(("epochs", "finding"), [(10, "supported"), (30, "not a fair test")])
def test_epochs_count_from_the_common_ancestor(epochs: int, finding: str) -> None:
    """Two continuations of one network are compared by their own epochs, whatever that network had before."""
    records = cell_records("base", attacks={"nasr": [0.7] * 3}, epochs=1000)
    for name, length, values in (("pruned", 10, LOWER[1]), ("dense", epochs, LOWER[0])):
        records += cell_records(name, attacks={"nasr": values}, origin="models/base", epochs=length)
    found = evaluated(records, mia_pruning="pruned", dense_same_epochs="dense")
    assert claim(found, "lower_than_dense_same_epochs").finding == finding


def test_epochs_of_what_a_cell_started_from_count_against_a_fresh_one() -> None:
    """A pruned network continues a trained one: against a network of 30 epochs it has 20 + 10."""
    records = cell_records("base", attacks={"nasr": [0.7] * 3})
    records += cell_records("pruned", attacks={"nasr": LOWER[1]}, origin="models/base", epochs=10)
    records += cell_records("game", attacks={"nasr": LOWER[0]}, epochs=30)
    found = evaluated(records, mia_pruning="pruned", min_max="game")
    assert claim(found, "lower_than_min_max").finding == "supported"


def test_an_ancestor_without_record_is_a_failed_check() -> None:
    """Epochs that cannot be counted are a check that could not be computed."""
    records = cell_records("pruned", attacks={"nasr": LOWER[1]}, origin="models/lost")
    records += cell_records("game", attacks={"nasr": LOWER[0]})
    found = claim(evaluated(records, mia_pruning="pruned", min_max="game"), "lower_than_min_max")
    assert "what pruned started from is missing" in found.parts[0].comparisons[0].reason


def test_a_control_that_stops_early_may_have_fewer_epochs() -> None:
    """The claim's data say which controls need not have equal epochs, and why."""
    records = cell_records("pruned", attacks={"nasr": LOWER[1]})
    records += cell_records("early", attacks={"nasr": LOWER[0]}, epochs=3)
    found = claim(evaluated(records, mia_pruning="pruned", early_stop="early"), "lower_than_early_stop")
    assert (found.finding, list(found.unequal_epochs)) == ("supported", ["early_stop"])


@pytest.mark.parametrize(
    ("settings", "finding"),
    [({}, "supported"), ({"start": "surrogate"}, "supported"), ({"fit": {"epochs": 9}}, "not a fair test")],
)
def test_both_sides_meet_the_same_attacker(settings: dict[str, Any], finding: str) -> None:
    """Another number of epochs on one side is another budget; another start is not, since only a game has one."""
    records = pair()
    changed = [*records[:2], *with_settings(records[2:], "nasr", settings)]
    found = lower(changed)
    assert found.finding == finding
    if settings.get("fit"):
        assert "differ in fit.epochs" in found.parts[0].comparisons[0].reason


def test_a_cell_is_attacked_as_its_role_says() -> None:
    """Where a cell stands for a row and for a control with another attack, a claim is about the attack of its own."""
    both = {"nasr": LOWER[1], "lira": LOWER[1]}
    records = with_settings(pair(attacks=both), "lira", {"shadows": 8})
    rows = (RowSettings(*MNIST, "baseline", "base", "nasr"), RowSettings(*MNIST, "mia_pruning", "pruned", "nasr"))
    control = ControlSettings(*MNIST, "released_together", "pruned", "lira")
    evaluation = evaluate(records, load("mia_pruning"), EvaluateSettings("mia_pruning", rows, (control,), ()), "test")
    assert claim(evaluation, "lower_than_baseline").papers_attack == "supported"


def test_settings_that_a_record_does_not_contain_are_no_equal_budget() -> None:
    """What the attacker was trained with must be known on both sides."""
    records = pair()
    records[3].parameters["methods"] = {}
    assert "record of pruned does not contain the settings" in lower(records).parts[0].comparisons[0].reason


@pytest.mark.parametrize(
    ("pruned", "finding"),
    [
        ([0.58, 0.62, 0.59], "printed effect excluded"),  # [-6.5, 3.8]: the print has -13.6
        ([0.50, 0.70, 0.56], "inconclusive"),  # wider than the printed effect
        ([0.30, 0.60, 0.50], "inconclusive"),
    ],
)
def test_an_open_sign_may_still_exclude_the_print(pruned: list[float], finding: str) -> None:
    """An interval across the bound that leaves out -13.6 and is narrower than this excludes it; a wide one does not."""
    found = lower(pair(attacks={"nasr": pruned}))
    (result,) = found.parts[0].comparisons
    assert found.finding == finding
    assert result.sharpness is not None
    assert result.sharpness.passed == (finding == "printed effect excluded")
    assert ("seeds" in result.reason) == (finding == "inconclusive")


@pytest.mark.parametrize(
    ("pruned", "word"),
    [([0.50, 0.70, 0.56], "for"), ([0.54, 0.74, 0.60], "against")],  # points on average: -2.3 and 1.7
)
def test_more_seeds_would_decide_for_the_side_of_the_mean(pruned: list[float], word: str) -> None:
    """An open comparison would be decided for its claim where the mean satisfies the bound, else against it."""
    (result,) = lower(pair(attacks={"nasr": pruned})).parts[0].comparisons
    assert result.mean is not None
    assert result.comparison.satisfied_by(result.mean) == (word == "for")
    assert f"seeds would decide it {word} the claim" in result.reason


def test_a_wide_interval_on_one_side_still_decides() -> None:
    """The half-width may be larger than the printed effect where the whole interval lies beyond the bound."""
    records = pair({"attacks": {"nasr": [0.9] * 3}}, attacks={"nasr": [0.05, 0.25, 0.45]})
    (result,) = lower(records).parts[0].comparisons
    assert result.low is not None
    assert result.high is not None
    assert (result.high - result.low) / 2 > 13.09  # |-13.59 + 0.5|
    assert (result.finding, result.sharpness) == ("supported", None)


def test_a_number_is_judged_only_if_its_checks_pass() -> None:
    """Test accuracy keeps its verdict where only the attack fails; the attack's number is then no fair test."""
    records = cell_records(
        "base", test=[0.993] * 3, attacks={"nasr": [0.67] * 3}, failed={"nasr": "looks at the model"}
    )
    found = evaluated(records, baseline="base")
    assert number(found, "test_accuracy").verdict == "reproduced"
    attack = number(found, "attack_accuracy")
    assert attack.verdict == "not a fair test"
    assert attack.reason.startswith("base, nasr: looks at the model 0, needed at least 0.5")
    assert attack.measured == pytest.approx(67.0)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.983, "reproduced"), (0.9829, "not a fair test")])
def test_an_attack_on_a_worse_network_is_another_experiment(accuracy: float, verdict: str) -> None:
    """The attack's number is judged only where the accuracy is within a point, its tolerance, of the printed 99.3."""
    records = cell_records("base", test=[accuracy] * 3, attacks={"nasr": [0.67] * 3})
    attack = number(evaluated(records, baseline="base"), "attack_accuracy")
    assert attack.verdict == verdict
    if verdict != "reproduced":
        assert "accuracy near the printed one 1.01, needed at most 1" in attack.reason


def test_stand_in_data_stay_so_and_carry_the_failure() -> None:
    """On other data there is nothing to judge; the failed check stands beside the verdict, the printed accuracy not."""
    records = cell_records("base", data="digits", test=[0.5] * 3, attacks={"nasr": [0.67] * 3}, failed={"network": "x"})
    found = number(evaluated(records, baseline="base"), "attack_accuracy")
    assert found.verdict == "stand-in data"
    assert [one.check.name for one in failures(found.checks)] == ["x"]


def test_sizes_rest_on_no_training() -> None:
    """A count of weights is judged whether the network was trained out or not."""
    records = cell_records(
        "pruned", weights=(61470, 3896), attacks={"nasr": [0.5] * 3}, failed={"network": "trained out"}
    )
    found = [one for one in evaluated(records, mia_pruning="pruned").verdicts if one.table == "Table 4" and one.cell]
    assert {one.metric: one.verdict for one in found} == {
        "weights": "reproduced", "weights_after": "reproduced", "weights_ratio": "reproduced",
    }  # fmt: skip


@pytest.mark.parametrize(("failed", "finding"), [("rmle", "not a fair test"), ("decoder_train", "supported")])
def test_the_bound_rests_on_the_attack_with_the_lowest_error(failed: str, finding: str) -> None:
    """`No attack is below the bound` is tested by the strongest attack, so that one must work."""
    paper = load("cem")
    records = inverted("a", {"decoder_train": [0.02] * 3, "rmle": [0.01] * 3}, failed={failed: "converged"})
    settings = EvaluateSettings("cem", (RowSettings("CIFAR-10", "VGG11", "bottleneck", "a", None),), (), ())
    found = claim(evaluate(records, paper, settings, "test"), "bound_never_violated")
    assert found.finding == finding


def test_an_evaluation_with_checks_survives_json() -> None:
    """Checks, settings and lineages are plain data."""
    found = evaluated(pair(failed={"nasr": "x"}), baseline="base", mia_pruning="pruned")
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)), "evaluation.json") == found
