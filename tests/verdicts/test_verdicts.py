"""Verdicts: printed numbers against measurements, claims against paired comparisons."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from verdict_records import attack_result, cell_records

from privprune.datasets.dataset import Dataset
from privprune.errors import UserError
from privprune.published import Comparison, load
from privprune.settings import read
from privprune.suite.evaluation import check_section
from privprune.verdicts import (
    ClaimResult,
    ControlSettings,
    CurveSettings,
    EvaluateSettings,
    Evaluation,
    NumberVerdict,
    RowSettings,
    evaluate,
)
from privprune.verdicts.comparisons import Finding, combined, decide
from privprune.verdicts.record_metrics import epochs_to_converge, maker_numbers

PAPER = load("mia_pruning")
MNIST = ("MNIST", "LeNet-5")
EMPTY: dict[str, Any] = {"reads": "mia_pruning", "rows": [], "controls": [], "curves": []}


def rows(**cells: str) -> tuple[RowSettings, ...]:
    """Map defences of MNIST LeNet-5 to cells."""
    return tuple(RowSettings(*MNIST, defence, cell, "nasr") for defence, cell in cells.items())


def settings(
    rows: tuple[RowSettings, ...], controls: Sequence[tuple[str, str]] = (), curve: tuple[str, ...] = ()
) -> EvaluateSettings:
    """Put settings together."""
    return EvaluateSettings(
        "mia_pruning",
        rows,
        tuple(ControlSettings(*MNIST, control, cell, "nasr") for control, cell in controls),
        (CurveSettings(*MNIST, "mia_pruning", curve),) if curve else (),
    )


def numbers(evaluation: Evaluation, metric: str, method: str = "baseline", table: str = "Table 1") -> NumberVerdict:
    """Return the verdict of one number of MNIST LeNet-5."""
    return next(
        one
        for one in evaluation.verdicts
        if (one.dataset, one.model, one.metric, one.method, one.table) == (*MNIST, metric, method, table)
    )


def one_cell(**measured: Any) -> Evaluation:
    """Evaluate a single cell as MNIST's baseline (printed: test 99.3, attack 67.00)."""
    measured.setdefault("attacks", {"nasr": [0.5, 0.5, 0.5]})
    return evaluate(cell_records("base", **measured), PAPER, settings(rows(baseline="base")), "test")


def claim(evaluation: Evaluation, name: str) -> ClaimResult:
    """Return one claim."""
    return next(one for one in evaluation.claims if one.name == name)


def compared(base: list[float], pruned: list[float], **pruned_settings: Any) -> Evaluation:
    """Evaluate a baseline and a pruned cell that differ in their attack accuracies per seed."""
    records = cell_records("base", attacks={"nasr": base})
    records += cell_records("pruned", attacks={"nasr": pruned}, **pruned_settings)
    return evaluate(records, PAPER, settings(rows(baseline="base", mia_pruning="pruned")), "test")


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(0.65, "reproduced"), (0.69, "reproduced"), (0.6499, "not reproduced"), (0.6901, "not reproduced")],
)
def test_tolerance_decides_at_its_edge(mean: float, verdict: str) -> None:
    """With a narrow interval, 67.00 is reproduced up to exactly 2 points away and not beyond."""
    found = numbers(one_cell(attacks={"nasr": [mean] * 3}), "attack_accuracy")  # interval of +-1 point
    assert found.verdict == verdict


@pytest.mark.parametrize(("half", "verdict"), [(0.04, "reproduced"), (0.0399, "not reproduced")])
def test_interval_that_holds_the_print_reproduces_it(half: float, verdict: str) -> None:
    """Beyond the tolerance, the print is reproduced if the interval reaches it, its end included, and this is said."""
    records = cell_records("base", attacks={"nasr": [0.63] * 3})
    records[1].attacks["nasr"] = attack_result([0.63] * 3, half)
    found = numbers(evaluate(records, PAPER, settings(rows(baseline="base")), "test"), "attack_accuracy")
    assert found.verdict == verdict
    assert ("inside the interval" in found.reason) == (verdict == "reproduced")


@pytest.mark.parametrize(
    ("other", "judged_metrics"),
    [
        ({}, {"test_accuracy", "attack_accuracy"}),
        ({"data": "digits"}, set()),
        ({"model": "digits_cnn"}, set()),
        ({"protocol": "clean"}, set()),
        ({"note": "3000 of 60000 training records"}, set()),
    ],
)
def test_only_like_is_judged(other: dict[str, str], judged_metrics: set[str]) -> None:
    """Another data set, model or division, or fewer training records, makes stand-in data, even where numbers agree."""
    evaluation = one_cell(test=[0.993] * 3, attacks={"nasr": [0.67] * 3}, **other)
    found = [one for one in evaluation.verdicts if one.cell == "base"]
    assert {one.metric for one in found if one.verdict == "reproduced"} == judged_metrics
    assert all(one.verdict == "stand-in data" for one in found if one.metric not in judged_metrics)
    assert all(one.measured is not None for one in found)


def test_what_a_cut_data_set_notes_makes_it_stand_in() -> None:
    """The words are those that a data set writes when it is cut: verdicts know it by them alone."""
    whole = Dataset.of("mnist", torch.zeros(12, 1, 2, 2, dtype=torch.uint8), torch.arange(12) % 3, official_train=9,
                       classes=3, note="a note")  # fmt: skip
    verdicts = {
        limit: numbers(one_cell(test=[0.993] * 3, note=whole.limited(limit).note), "test_accuracy").verdict
        for limit in (9, 5)
    }
    assert verdicts == {9: "reproduced", 5: "stand-in data"}


def test_another_attack_is_a_stand_in_for_the_attack_accuracy_only() -> None:
    """A row whose attack accuracy is another attack's keeps the verdict of its test accuracy."""
    records = cell_records("base", test=[0.993] * 3, attacks={"gap": [0.67] * 3})
    one = (RowSettings(*MNIST, "baseline", "base", "gap"),)
    evaluation = evaluate(records, PAPER, settings(one), "test")
    assert numbers(evaluation, "test_accuracy").verdict == "reproduced"
    assert numbers(evaluation, "attack_accuracy").verdict == "stand-in data"


def test_weights_do_not_depend_on_the_division_of_records() -> None:
    """Counts of weights are judged on any division: 61,470 weights and 15.78 times fewer are the printed ones."""
    records = cell_records("pruned", protocol="clean", weights=(61470, 3896), attacks={"nasr": [0.5] * 3})
    evaluation = evaluate(records, PAPER, settings(rows(mia_pruning="pruned")), "test")
    found = {one.metric: one.verdict for one in evaluation.verdicts if one.cell and one.table == "Table 4"}
    assert found == {"weights": "reproduced", "weights_after": "reproduced", "weights_ratio": "reproduced"}


def test_the_cell_that_matches_the_print_is_judged() -> None:
    """Of two cells mapped to a row, the one on the printed division is judged, wherever it stands in the list."""
    records = cell_records("half", protocol="clean", attacks={"nasr": [0.51] * 3})
    records += cell_records("whole", attacks={"nasr": [0.52] * 3})
    both = (RowSettings(*MNIST, "baseline", "half", "nasr"), RowSettings(*MNIST, "baseline", "whole", "nasr"))
    evaluation = evaluate(records, PAPER, settings(both), "test")
    assert numbers(evaluation, "attack_accuracy").cell == "whole"


def test_every_printed_number_has_a_verdict() -> None:
    """All 94 printed numbers have one, whatever was run; without any row all are `not run` and all claims too."""
    evaluation = evaluate([], PAPER, settings(()), "test")
    assert [one.verdict for one in evaluation.verdicts] == ["not run"] * 94
    assert {one.finding for one in evaluation.claims} == {"not run"}


def test_one_seed_has_no_interval_and_decides_no_claim() -> None:
    """One seed: no interval over seeds, tolerance still judges a number, a claim stays inconclusive."""
    evaluation = compared([0.6, 0.6, 0.6], [0.5], seeds=[0])
    found = numbers(evaluation, "test_accuracy", "mia_pruning")
    assert (found.low, found.high, found.seeds, found.verdict) == (None, None, 1, "reproduced")
    part = claim(evaluation, "lower_than_baseline").parts[0]
    assert (part.finding, part.comparisons[0].reason) == ("inconclusive", "one seed")


@pytest.mark.parametrize(
    ("base", "pruned", "finding"),
    [
        ([0.60, 0.61, 0.62], [0.58, 0.59, 0.60], "supported"),  # 2 points lower for every seed
        ([0.60, 0.70, 0.80], [0.59, 0.69, 0.79], "supported"),  # pairing removes the spread between seeds
        ([0.60, 0.60, 0.60], [0.595, 0.595, 0.595], "supported"),  # the bound itself counts
        ([0.60, 0.61, 0.62], [0.599, 0.609, 0.619], "contradicted"),  # lower, but by less than counts
        ([0.60, 0.61, 0.62], [0.61, 0.62, 0.63], "contradicted"),
        ([0.60, 0.61, 0.62], [0.58, 0.62, 0.59], "printed effect excluded"),  # print: 13.6 points lower
    ],
)
def test_pruning_lowers_the_attack(base: list[float], pruned: list[float], finding: str) -> None:
    """The paired difference decides against the bound of half a point."""
    assert claim(compared(base, pruned), "lower_than_baseline").finding == finding


def test_pairs_are_of_the_same_seed() -> None:
    """Seeds are paired by name, not by place, and only common ones count: here each is 1 point lower."""
    evaluation = compared([0.60, 0.70, 0.80], [0.69, 0.59, 0.30], seeds=[1, 0, 7])
    result = claim(evaluation, "lower_than_baseline").parts[0].comparisons[0]
    assert result.seeds == 2
    assert result.mean == pytest.approx(-1.0)
    assert result.high == pytest.approx(-1.0)


def test_equal_differences_decide_nothing_where_the_records_are_unknown() -> None:
    """Records without parts whose seeds all differ by the same show no spread, and no spread is no evidence."""
    records = cell_records("base", attacks={"nasr": [0.6] * 3}) + cell_records("pruned", attacks={"nasr": [0.5] * 3})
    for record in records:
        for result in record.attacks.values():
            result["metrics"]["balanced_accuracy"].pop("record_part")
    evaluation = evaluate(records, PAPER, settings(rows(baseline="base", mia_pruning="pruned")), "test")
    result = claim(evaluation, "lower_than_baseline").parts[0].comparisons[0]
    assert (result.finding, result.reason) == ("inconclusive", "no spread between seeds")
    assert (result.mean, result.low, result.basis) == (pytest.approx(-10), None, "seeds only")


def test_without_common_seed_nothing_is_decided() -> None:
    """Cells without a common seed cannot be paired."""
    result = claim(compared([0.6] * 3, [0.5] * 3, seeds=[7, 8, 9]), "lower_than_baseline").parts[0].comparisons[0]
    assert (result.finding, result.mean, result.seeds) == ("inconclusive", None, 0)


def test_chance_cannot_be_lowered() -> None:
    """Where the baseline is attacked no better than by chance, `lower` can be neither supported nor contradicted."""
    same = claim(compared([0.501, 0.502, 0.503], [0.501, 0.502, 0.503]), "lower_than_baseline").parts[0]
    assert same.finding == "inconclusive"
    assert "nothing to lower" in same.comparisons[0].reason


@pytest.mark.parametrize(("pruned", "finding"), [([0.509] * 3, "inconclusive"), ([0.499] * 3, "supported")])
def test_a_baseline_that_may_be_at_chance_contradicts_nothing(pruned: list[float], finding: str) -> None:
    """Baseline 51 % with an interval from 50 %: too small a fall may be for want of room, a large one still counts."""
    assert claim(compared([0.51] * 3, pruned), "lower_than_baseline").finding == finding


def test_raising_the_attack_from_chance_contradicts() -> None:
    """An attack that is better on the pruned network contradicts the claim even where the baseline is at chance."""
    evaluation = compared([0.501, 0.502, 0.503], [0.551, 0.552, 0.553])
    assert claim(evaluation, "lower_than_baseline").finding == "contradicted"


def test_controls_are_compared_as_a_referee_asks() -> None:
    """The claim about the dense control is tested separately: here pruning beats the baseline but not the control."""
    records = cell_records("base", attacks={"nasr": [0.60] * 3})
    records += cell_records("pruned", attacks={"nasr": [0.58] * 3})
    records += cell_records("dense", attacks={"nasr": [0.57] * 3})
    mapped = settings(rows(baseline="base", mia_pruning="pruned"), [("dense_same_epochs", "dense")])
    evaluation = evaluate(records, PAPER, mapped, "test")
    assert claim(evaluation, "lower_than_baseline").finding == "supported"
    assert claim(evaluation, "lower_than_dense_same_epochs").finding == "contradicted"
    assert claim(evaluation, "lower_than_early_stop").finding == "not run"


def test_combination_must_beat_all_three() -> None:
    """The combination is lowest only if it is below baseline, pruning and Min-Max alike."""
    accuracies = {"baseline": 0.60, "mia_pruning": 0.57, "min_max": 0.55, "mia_pruning+min_max": 0.56}
    records = [
        record for name, value in accuracies.items() for record in cell_records(name, attacks={"nasr": [value] * 3})
    ]
    evaluation = evaluate(records, PAPER, settings(rows(**{name: name for name in accuracies})), "test")
    part = claim(evaluation, "combination_lowest").parts[0]
    assert [one.finding for one in part.comparisons] == ["supported", "supported", "contradicted"]
    assert part.finding == "contradicted"


@pytest.mark.parametrize(("drop", "finding"), [(0.01, "supported"), (0.011, "contradicted")])
def test_accuracy_is_kept_within_a_point(drop: float, finding: str) -> None:
    """A loss of exactly one point of test accuracy is still kept, a larger one is not."""
    evaluation = compared([0.6] * 3, [0.6] * 3, test=[0.99 - drop] * 3)
    assert claim(evaluation, "accuracy_kept").finding == finding


@pytest.mark.parametrize(
    ("attacks", "finding"),
    [
        ([0.6, 0.58, 0.56, 0.54], "supported"),
        ([0.54, 0.56, 0.58, 0.6], "contradicted"),
        ([0.5] * 4, "inconclusive"),  # no pair is in any order: a correlation of 0, known to one pair at best
    ],
)
def test_gap_and_attack_are_ranked(attacks: list[float], finding: str) -> None:
    """Gaps of 8, 6, 4 and 2 points: attacks in the same order support the claim, in the reverse they contradict it."""
    names = ("baseline", "mia_pruning", "min_max", "mia_pruning+min_max")
    records = []
    for place, (name, attack) in enumerate(zip(names, attacks, strict=True)):
        records += cell_records(name, test=[0.92 + 0.02 * place] * 3, attacks={"nasr": [attack] * 3})
    evaluation = evaluate(records, PAPER, settings(rows(**{name: name for name in names})), "test")
    assert claim(evaluation, "gap_drives_attack").finding == finding


@pytest.mark.parametrize(
    ("pruned", "finding", "reason"),
    [
        ([2.0, 0.5] + [0.5] * 18, "supported", ""),
        ([2.0, 0.5] + [0.5] * 17, "inconclusive", "the run has only 19 epochs"),
        ([2.0, 0.1] + [0.1] * 18, "contradicted", ""),  # ends below the baseline's 0.2
        ([2.0] * 24 + [0.5], "contradicted", ""),  # converges in epoch 25
        (
            [2.0] * 19 + [0.5],
            "inconclusive",
            "more seeds would not decide it",
        ),  # in epoch 20, known to one epoch at best
    ],
)
def test_loss_of_figure_2(pruned: list[float], finding: str, reason: str) -> None:
    """Pruning ends highest and converges before epoch 20; a run of fewer epochs is inconclusive."""
    records = []
    rest = len(pruned) - 1  # equal epochs for all
    dense = {"base": [2.0] + [0.2] * rest, "min_max": [2.0] + [0.3] * rest}
    for place, (name, losses) in enumerate({**dense, "pruned": pruned}.items()):
        spread = [[loss * (1 + 1e-4 * place * seed) for seed in range(3)] for loss in losses]
        records += cell_records(name, losses=spread, attacks={"nasr": [0.5] * 3}, epochs=len(pruned))
    mapped = settings(rows(baseline="base", min_max="min_max", mia_pruning="pruned"))
    part = claim(evaluate(records, PAPER, mapped, "test"), "highest_final_loss").parts[0]
    assert part.finding == finding
    assert part.comparisons[2].reason.startswith(reason)
    assert bool(part.comparisons[2].reason) == bool(reason)


def test_ten_times_smaller_needs_the_accuracy_too() -> None:
    """A ratio above 10 alone does not support the claim."""
    kept = compared([0.6] * 3, [0.6] * 3, weights=(61470, 3896))
    lost = compared([0.6] * 3, [0.6] * 3, weights=(61470, 3896), test=[0.9] * 3)
    assert claim(kept, "ten_times_smaller").finding == "supported"
    assert claim(lost, "ten_times_smaller").finding == "contradicted"


def test_the_papers_own_tables_are_held_against_its_claims() -> None:
    """The number of printed places that satisfy each claim, counted by hand in Tables 1 to 6."""
    evaluation = evaluate([], PAPER, settings(()), "test")
    found = {one.name: (one.printed_held, one.printed_places) for one in evaluation.claims if one.printed_places}
    assert found == {
        "lower_than_baseline": (8, 8),  # six places of Table 1, two of Table 3
        "lower_than_min_max": (4, 6),  # MobileNetV2 is higher on both CIFARs
        "combination_lowest": (2, 3),  # MNIST: 54.00 above 53.41
        "accuracy_kept": (5, 8),  # MobileNetV2 loses 3.95, 6.42 and 3.11 points
        "better_than_dp": (2, 2),
        "gap_drives_attack": (1, 1),
        "ten_times_smaller": (4, 6),  # MobileNetV2 again; ImageNet is not claimed
    }


def test_claims_are_tested_per_data_set_and_division() -> None:
    """Cells of different divisions are never compared; a contradiction in one place contradicts the claim."""
    records = []
    for protocol, pruned in (("paper", 0.55), ("clean", 0.65)):
        records += cell_records(f"base-{protocol}", protocol=protocol, attacks={"nasr": [0.6] * 3})
        records += cell_records(f"pruned-{protocol}", protocol=protocol, attacks={"nasr": [pruned] * 3})
    mapped = tuple(
        RowSettings(*MNIST, defence, f"{cell}-{protocol}", "nasr")
        for protocol in ("paper", "clean")
        for defence, cell in (("baseline", "base"), ("mia_pruning", "pruned"))
    )
    found = claim(evaluate(records, PAPER, settings(mapped), "test"), "lower_than_baseline")
    assert {part.place.protocol: part.finding for part in found.parts} == {
        "paper": "supported",
        "clean": "contradicted",
    }
    assert found.finding == "contradicted"


def test_first_claim_is_repeated_under_every_common_attack() -> None:
    """Every attack that ran on both cells is compared, with every measure; others are left out."""
    records = cell_records("base", attacks={"nasr": [0.6] * 3, "gap": [0.55] * 3, "rmia": [0.6] * 3})
    records += cell_records("pruned", attacks={"nasr": [0.58] * 3, "gap": [0.56] * 3})
    evaluation = evaluate(records, PAPER, settings(rows(baseline="base", mia_pruning="pruned")), "test")
    found = claim(evaluation, "lower_than_baseline").every_attack
    assert {(one.attack, one.measure): round(one.mean, 6) for one in found} == {
        ("nasr", "balanced_accuracy"): -2.0,
        ("nasr", "auc"): -0.02,
        ("nasr", "tpr_at_1_percent_fpr"): -2.0,
        ("nasr", "tpr_at_0.1_percent_fpr"): -2.0,
        ("gap", "balanced_accuracy"): 1.0,
        ("gap", "auc"): 0.01,
        ("gap", "tpr_at_1_percent_fpr"): 1.0,
        ("gap", "tpr_at_0.1_percent_fpr"): 1.0,
    }


def test_missing_records_are_all_listed() -> None:
    """A cell without records ends with one line that lists every missing one, and only these."""
    records = cell_records("base", attacks={"nasr": [0.5] * 3}) + cell_records("pruned")
    mapped = settings(rows(baseline="base", mia_pruning="pruned"), [("small_dense", "small")], ("pruned", "swept"))
    with pytest.raises(UserError) as refused:
        evaluate(records, PAPER, mapped, "test")
    line = str(refused.value)
    listed = line.removeprefix("evaluate.mia_pruning: no record of ").partition(" (run")[0].split("; ")
    made = [f"train, prune or harden of {cell}" for cell in ("small", "swept")]
    assert listed == [*made, *(f"attack of {cell}" for cell in ("pruned", "small", "swept"))]
    assert "\n" not in line


def test_attack_that_was_not_run_names_those_that_were() -> None:
    """A row whose attack has no result is a user's mistake."""
    records = cell_records("base", attacks={"gap": [0.5] * 3, "loss": [0.5] * 3})
    with pytest.raises(UserError, match=r"rows\[0\].attack: found 'nasr', allowed those run on base: gap, loss"):
        evaluate(records, PAPER, settings(rows(baseline="base")), "test")


def test_outdated_records_are_told() -> None:
    """Two records of one cell, or an attack on other seeds, end with a line instead of a mixture."""
    mapped = settings(rows(baseline="base"))
    records = cell_records("base", attacks={"nasr": [0.5] * 3})
    with pytest.raises(UserError, match=r"two of cell base \(train and harden\)"):
        evaluate(records + cell_records("base", stage="harden"), PAPER, mapped, "test")
    others = cell_records("base", attacks={"nasr": [0.5] * 3}, seeds=[4, 5, 6])
    with pytest.raises(UserError, match="seeds of cell base differ"):
        evaluate([records[0], others[1]], PAPER, mapped, "test")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"dataset": "SVHN"},
            "rows[0].dataset: found 'SVHN', allowed MNIST, CIFAR-10, CIFAR-100, ImageNet, CIFAR-10/100",
        ),
        ({"model": "VGG16"}, "rows[0].model: found 'VGG16' after MNIST, allowed LeNet-5"),
        (
            {"defence": "prune"},
            (
                "rows[0].defence: found 'prune' after MNIST / LeNet-5, "
                "allowed baseline, mia_pruning, min_max, dp, mia_pruning+min_max"
            ),
        ),
        ({"attack": None}, "rows[0].attack: found null"),
    ],
)
def test_rows_that_the_paper_does_not_print_are_refused(row: dict[str, str | None], message: str) -> None:
    """A row that is not printed ends with the place, what was found and what is printed."""
    printed = {"dataset": "MNIST", "model": "LeNet-5", "defence": "baseline", "cell": "base", "attack": "nasr"}
    with pytest.raises(UserError) as refused:
        evaluate([], PAPER, settings((RowSettings(**(printed | row)),)), "test")
    assert str(refused.value).startswith(f"evaluate.mia_pruning.{message}")


def test_a_control_is_declared_by_the_paper_or_a_method() -> None:
    """The name of any defence or pruning method is a control, called by its name in words; other names are refused."""
    section = {"mia_pruning": section_with_control("confidence_penalty")}
    check_section(section, ["base"], {"base": ["nasr"]}, {}, "params.yaml")
    assert PAPER.labels["my_own_defence"] == "my own defence"
    section = {"mia_pruning": section_with_control("hope")}
    with pytest.raises(
        UserError, match=r"controls\[0\].control: found 'hope', allowed dense_same_epochs, .*, or the name"
    ):
        check_section(section, ["base"], {"base": ["nasr"]}, {}, "params.yaml")


def section_with_control(name: str) -> dict[str, object]:
    """Return a section `evaluate.mia_pruning` of a suite with one control."""
    control = {"dataset": "MNIST", "model": "LeNet-5", "control": name, "cell": "base", "attack": "nasr"}
    return {"reads": "mia_pruning", "rows": [], "controls": [control], "curves": []}


def test_settings_of_a_suite_are_read() -> None:
    """The section of a suite file becomes settings; the same cell twice at one place is refused."""
    row = {"dataset": "MNIST", "model": "LeNet-5", "defence": "baseline", "cell": "base", "attack": "nasr"}
    curve = {"dataset": "MNIST", "model": "LeNet-5", "name": "mia_pruning", "cells": ["a", "b"]}
    found = read(EvaluateSettings, {**EMPTY, "rows": [row], "curves": [curve]}, "params.yaml: evaluate")
    assert found.cells == ("base", "a", "b")
    with pytest.raises(UserError, match="MNIST / LeNet-5 / baseline / base stands here twice"):
        read(EvaluateSettings, {**EMPTY, "rows": [row, row]}, "params.yaml: evaluate")


def test_two_cells_in_one_role_are_refused() -> None:
    """Two cells for one row on the same data and division would leave the comparison to chance."""
    records = [one for name in ("a", "b") for one in cell_records(name, attacks={"nasr": [0.5] * 3})]
    both = tuple(RowSettings(*MNIST, "baseline", name, "nasr") for name in ("a", "b"))
    with pytest.raises(UserError, match="baseline has two cells on mnist, a and b"):
        evaluate(records, PAPER, settings(both), "test")


def test_evaluation_survives_json() -> None:
    """An evaluation is plain data: writing and reading it changes nothing, and the same records give the same text."""
    first, second = (compared([0.60, 0.61, 0.63], [0.58, 0.59, 0.60]) for _ in range(2))
    text = json.dumps(first.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text), "evaluation.json") == first
    assert text == json.dumps(second.to_json(), allow_nan=False)


def test_order_of_records_does_not_matter() -> None:
    """Records are found by cell and stage, in whatever order they are read."""
    records = cell_records("base", attacks={"nasr": [0.5] * 3}) + cell_records("pruned", attacks={"nasr": [0.5] * 3})
    mapped = settings(rows(baseline="base", mia_pruning="pruned"))
    assert evaluate(records, PAPER, mapped, "test") == evaluate(records[::-1], PAPER, mapped, "test")


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ([1.0, 1.0, 1.0], 1),  # never moves
        ([2.0, 1.0, 1.0], 2),
        ([2.0, 1.05, 1.5, 1.0], 4),  # near once, but not to stay
        ([20.0, 11.0, 10.0], 2),  # exactly a tenth of the fall is near
        ([1.0, 3.0, 1.1, 1.0], 3),  # begins where it ends: the fall is from its peak
    ],
)
def test_convergence_is_to_stay(losses: list[float], epoch: int) -> None:
    """The epoch counted is the first from which on the loss stays near its last value."""
    assert epochs_to_converge(losses) == epoch


def test_convergence_is_that_of_the_retraining() -> None:
    """The loss of the phases before the last one does not count; the final loss says after how many epochs it came."""
    losses = [[loss] * 3 for loss in (9.0, 8.0, 7.0, 3.0, 1.0, 1.0)]
    (record,) = cell_records("pruned", losses=losses)
    phases = [{"name": "admm", "epochs": 3}, {"name": "retrain", "epochs": 3}]
    numbers = maker_numbers(replace(record, phases=phases))
    found = [numbers[name].mean for name in ("epochs_to_converge", "last_phase_epochs", "final_loss_epochs")]
    assert found == [2, 3, 6]


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [(-2, -0.5, "supported"), (-0.49, 1, "contradicted"), (-2, -0.49, "inconclusive")],
)
def test_interval_decides_by_its_side(low: float, high: float, finding: str) -> None:
    """An interval wholly on the claim's side supports, wholly on the other contradicts, else nothing is decided."""
    comparison = Comparison("difference", "attack_accuracy", ("mia_pruning",), "baseline", "at_most", -0.5)
    assert decide(comparison, low, high) == finding


@pytest.mark.parametrize(
    ("findings", "together"),
    [
        ([], "not run"),
        (["supported", "supported"], "supported"),
        (["supported", "inconclusive"], "inconclusive"),
        (["supported", "inconclusive", "contradicted"], "contradicted"),
    ],
)
def test_parts_decide_together(findings: list[Finding], together: str) -> None:
    """A claim stands with all its parts, and falls with one."""
    assert combined(findings) == together
