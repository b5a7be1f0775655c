"""Verdicts on inversion: printed errors and averages, matched accuracy, gains."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from inversion_records import inverted
from verdict_records import cell_records

from privprune.checks import not_computed
from privprune.errors import UserError
from privprune.published import load
from privprune.records import Record
from privprune.suite.evaluation import check_section
from privprune.tables import Table, build, verdicts_csv
from privprune.verdicts import (
    ClaimResult,
    CurveSettings,
    EvaluateSettings,
    Evaluation,
    NumberVerdict,
    RowSettings,
    checks_on,
    evaluate,
)
from privprune.verdicts.gains import mean_of_ratios, ratio_of_averages
from privprune.verdicts.matched import matched_error, pareto_front

PAPER = load("cem")
PLACE = ("CIFAR-10", "VGG11")
BASES, ADDED = PAPER.averages.values()


def settings(cells: dict[str, str], curves: dict[str, tuple[str, ...]] | None = None) -> EvaluateSettings:
    """Map defences of CIFAR-10 to cells, and curves beside them."""
    rows = tuple(RowSettings(*PLACE, defence, cell, None) for defence, cell in cells.items())
    return EvaluateSettings("cem", rows, (), tuple(CurveSettings(*PLACE, *one) for one in (curves or {}).items()))


def curve(errors: Sequence[float], accuracies: Sequence[float], name: str = "noise") -> list[Record]:
    """Return cells of one error and accuracy each, the same for all seeds."""
    return [
        record
        for number, (error, accuracy) in enumerate(zip(errors, accuracies, strict=True))
        for record in inverted(f"{name}-{number}", {"decoder_train": [error] * 3}, test=[accuracy] * 3)
    ]


def matched(error: Sequence[float], accuracy: Sequence[float]) -> Evaluation:
    """Hold a bottleneck with CEM against a bottleneck at three noises: 0.01, 0.02, 0.05 at 90, 88 and 82 %."""
    records = curve([0.01, 0.02, 0.05], [0.90, 0.88, 0.82])
    records += inverted("cem", {"decoder_train": error}, test=accuracy)
    found = settings(
        {"bottleneck": "noise-0", "bottleneck+cem": "cem"}, {"bottleneck": ("noise-0", "noise-1", "noise-2")}
    )
    return evaluate(records, PAPER, found, "test")


def claim(evaluation: Evaluation, name: str) -> ClaimResult:
    """Return one claim."""
    return next(one for one in evaluation.claims if one.name == name)


def number(evaluation: Evaluation, method: str, metric: str) -> NumberVerdict:
    """Return the verdict of one number of Table 1."""
    return next(
        one for one in evaluation.verdicts if (one.table, one.method, one.metric) == ("Table 1", method, metric)
    )


def table(evaluation: Evaluation, name: str) -> Table:
    """Return one table."""
    return next(one for one in build(evaluation, PAPER) if one.name == name)


def test_an_error_is_held_against_its_print() -> None:
    """0.0036 is reproduced up to a quarter away, and its attack is named; what was not attacked is not run."""
    errors = {"decoder_train": [0.0044] * 3, "decoder_infer": [0.0060] * 3}
    records = inverted("bottle", errors, test=[0.91] * 3)
    evaluation = evaluate(records, PAPER, settings({"bottleneck": "bottle"}), "test")
    near, far = (number(evaluation, "bottleneck", f"decoder_{data}_mse") for data in ("train", "infer"))
    assert (near.attack, near.verdict, near.low) == ("decoder_train", "reproduced", pytest.approx(0.0043))
    assert far.verdict == "not reproduced"
    assert number(evaluation, "bottleneck", "gan_train_mse").verdict == "not run"


def test_both_gan_columns_are_the_gan_that_knows_the_training_images() -> None:
    """Train is its error on these, Infer that on test images; a GAN that knows test images is behind neither."""
    training, attack = inverted("bottle", {"gan_train": [0.0045] * 3, "gan_infer": [0.9] * 3})
    on_training = attack.attacks["gan_train"]["metrics"]["mse_as_written"]
    on_training |= {"values": [0.0039] * 3, "mean": 0.0039, "low": 0.0038, "high": 0.0040}
    evaluation = evaluate([training, attack], PAPER, settings({"bottleneck": "bottle"}), "test")
    columns = [number(evaluation, "bottleneck", f"gan_{data}_mse") for data in ("train", "infer")]
    assert [(one.measured, one.attack) for one in columns] == [(0.0039, "gan_train"), (0.0045, "gan_train")]


@pytest.mark.parametrize(
    "other", [{"data": "photos"}, {"note": "5000 of 50000 training records"}, {"protocol": "clean"}]
)
def test_only_like_is_judged(other: dict[str, str]) -> None:
    """Another data set, fewer records or another division makes stand-in data; sizes need no division."""
    records = inverted("bottle", {"decoder_train": [0.0036] * 3}, **other)
    evaluation = evaluate(records, PAPER, settings({"bottleneck": "bottle"}), "test")
    assert number(evaluation, "bottleneck", "decoder_train_mse").verdict == "stand-in data"
    size = next(one for one in evaluation.verdicts if one.metric == "edge_parameters" and one.cell)
    assert size.verdict == ("reproduced" if "protocol" in other else "stand-in data")


def test_an_average_needs_all_its_rows() -> None:
    """Seven rows of 0.010 to 0.016 average 0.013 for every seed; with six the average is not run."""
    records = []
    for place, name in enumerate(BASES):
        records += inverted(name, {"decoder_train": [0.010 + 0.001 * place] * 3})
    whole = evaluate(records, PAPER, settings({name: name for name in BASES}), "test")
    found = number(whole, "average", "decoder_train_mse")
    assert (found.measured, found.seeds, found.cell) == (pytest.approx(0.013), 3, "")
    assert found.verdict == "reproduced"  # 0.0148 is within a quarter
    part = evaluate(records, PAPER, settings({name: name for name in BASES[:6]}), "test")
    assert number(part, "average", "decoder_train_mse").verdict == "not run"


CURVE = [(88.0, 2.0), (82.0, 5.0), (90.0, 1.0)]  # accuracy and error


@pytest.mark.parametrize(("at", "value"), [(90.0, 1.0), (89.0, 1.5), (88.0, 2.0), (84.0, 4.0), (82.0, 5.0)])
def test_interpolation_goes_through_the_points(at: float, value: float) -> None:
    """Linear between neighbours in accuracy, whatever their order and the error of the cell."""
    assert matched_error(CURVE, at, 0.1) == matched_error(CURVE, at, 9.0) == (value, "along")


@pytest.mark.parametrize(
    ("accuracy", "error", "found"),
    [
        (90.1, 9.0, (1.0, "dominates")),
        (90.1, 1.5, (1.0, "dominates")),
        (90.1, 0.9, (None, None)),  # more accurate with less error: the curve could have gone on like this
        (81.9, 4.9, (5.0, "dominated")),
        (81.9, 5.1, (None, None)),
    ],
)
def test_nothing_is_extrapolated(accuracy: float, error: float, found: tuple[float | None, str | None]) -> None:
    """Beyond an end, a cell that is better or worse in both is compared with that end, any other with nothing."""
    assert matched_error(CURVE, accuracy, error) == found


def test_points_beaten_in_both_are_no_part_of_the_front() -> None:
    """A strength that loses accuracy and error is left out; of equal accuracies the larger error stays."""
    beaten = [(84.0, 1.9), (82.0, 1.0), (90.0, 0.5)]
    assert pareto_front([*CURVE, *beaten]) == sorted(CURVE)
    assert matched_error([*CURVE, *beaten], 84.0, 1.0) == (4.0, "along")


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        ([0.0165, 0.0170, 0.0175], "supported"),  # the curve has 0.015 at 89 %
        ([0.0125, 0.0130, 0.0135], "contradicted"),  # above the bottleneck's own 0.01, but only for the lost accuracy
        ([0.012, 0.015, 0.018], "inconclusive"),
    ],
)
def test_matched_accuracy_decides(error: list[float], finding: str) -> None:
    """At 89 % the curve has 0.015: a larger error with CEM supports, a smaller one contradicts the main claim."""
    evaluation = matched(error, [0.89] * 3)
    part = claim(evaluation, "more_error_at_matched_accuracy").parts[0]
    assert part.finding == finding
    assert part.comparisons[0].mean == pytest.approx(sum(error) / 3 - 0.015)


def test_a_seed_without_matched_accuracy_leaves_the_others() -> None:
    """One of three seeds beyond the curve's end is left out and told; with one seed left nothing is decided."""
    evaluation = matched([0.0164, 0.0166, 0.009], [0.89, 0.89, 0.905])
    result = claim(evaluation, "more_error_at_matched_accuracy").parts[0].comparisons[0]
    assert (result.finding, result.seeds, result.reason) == (
        "supported",
        2,
        "outside the range of the curve's Pareto front in 1 of 3 seeds",
    )
    assert result.mean == pytest.approx(0.0015)
    assert table(evaluation, "matched").rows[0][-1].text == result.reason
    alone = matched([0.016, 0.009, 0.009], [0.89, 0.905, 0.905])
    result = claim(alone, "more_error_at_matched_accuracy").parts[0].comparisons[0]
    assert (result.finding, result.mean, result.reason) == (
        "inconclusive",
        None,
        "outside the range of the curve's Pareto front in 2 of 3 seeds",
    )


@pytest.mark.parametrize(
    ("error", "accuracy", "finding", "counts"),
    [(0.05, 0.91, "supported", (3, 0)), (0.04, 0.81, "contradicted", (0, 3))],
)
def test_a_cell_better_or_worse_in_both_is_told(
    error: float, accuracy: float, finding: str, counts: tuple[int, int]
) -> None:
    """Beyond the curve's ends the difference to the end counts: 0.05 - 0.01 above, 0.04 - 0.05 below."""
    evaluation = matched([error] * 3, [accuracy] * 3)
    result = claim(evaluation, "more_error_at_matched_accuracy").parts[0].comparisons[0]
    found = evaluation.matched[0]
    assert (result.finding, result.mean) == (finding, pytest.approx(0.04 if counts[0] else -0.01))
    assert (found.dominates, found.dominated, found.unmatched) == (*counts, 0)
    word = "better" if counts[0] else "worse"
    assert result.reason == table(evaluation, "matched").rows[0][-1].text
    assert result.reason == f"{word} in both than the curve's end in 3 of 3 seeds"


def test_no_seed_counts_for_its_result_alone() -> None:
    """Of seeds beyond an end, one that loses in both counts only if none trades: else the loss would be selected."""
    evaluation = matched([0.04, 0.06, 0.0165], [0.81, 0.81, 0.89])
    result = claim(evaluation, "more_error_at_matched_accuracy").parts[0].comparisons[0]
    assert (result.finding, result.mean, result.reason) == (
        "inconclusive",
        None,
        "outside the range of the curve's Pareto front in 2 of 3 seeds",
    )
    found = evaluation.matched[0]
    assert (found.seeds, found.unmatched, found.dominated) == (3, 2, 0)


def test_matching_is_per_seed() -> None:
    """Each seed is matched at its own accuracy: 90, 89 and 88 % give 0.010, 0.015 and 0.020."""
    result = claim(matched([0.011, 0.016, 0.021], [0.90, 0.89, 0.88]), "more_error_at_matched_accuracy").parts[0]
    assert result.comparisons[0].mean == pytest.approx(0.001)
    assert result.comparisons[0].low == pytest.approx(0.001)


def test_ratio_and_printed_ratio_stand_together() -> None:
    """0.015 over 0.010 is 1.5 for each seed; in print the same row has 54 / 36."""
    result = claim(matched([0.015] * 3, [0.89] * 3), "more_error")
    assert result.parts == ()  # the second decoder was not run
    found = claim(evaluate(_pair(), PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test"), "more_error")
    first = found.parts[0].comparisons[0]
    assert (first.mean, first.published) == (pytest.approx(1.5), pytest.approx(1.5))
    assert found.finding == "supported"


def _pair() -> list[Record]:
    errors: dict[str, Any] = {
        name: [0.010] * 3 for name in ("decoder_train", "decoder_infer", "gan_train", "gan_infer")
    }
    return inverted("a", errors) + inverted("b", {name: [0.015] * 3 for name in errors})


def test_an_open_ratio_with_a_zero_says_what_it_lacks() -> None:
    """An error of zero has no logarithm: the ratio keeps the plain mean, and its reason the plain distance."""
    names = ("decoder_train", "decoder_infer")
    records = inverted("a", {name: [0.010] * 3 for name in names}) + inverted(
        "b", {name: [0.0, 0.02, 0.03] for name in names}
    )
    found = claim(evaluate(records, PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test"), "more_error")
    first = found.parts[0].comparisons[0]
    assert (first.finding, first.mean) == ("inconclusive", pytest.approx(5 / 3))
    assert "seeds" in first.reason


def test_the_papers_own_tables_are_held_against_its_claims() -> None:
    """In print CEM raises the decoder's error in all 28 pairs, and keeps the accuracy within a point in all."""
    evaluation = evaluate([], PAPER, settings({}), "test")
    assert {one.finding for one in evaluation.claims} == {"not run"}
    assert len(evaluation.verdicts) == 667
    satisfied = {one.name: (one.printed_held, one.printed_places) for one in evaluation.claims if one.printed_places}
    assert satisfied["more_error"] == satisfied["more_error_of_gan"] == satisfied["accuracy_kept"] == (28, 28)
    assert satisfied["gan_is_the_weaker_attack"] == (15, 28)  # CIFAR-10, FaceScrub, and one row of CIFAR-100


@pytest.mark.parametrize(("bound", "finding"), [([0.009] * 3, "supported"), ([0.011] * 3, "contradicted")])
def test_the_bound_holds_for_the_strongest_attack(bound: list[float], finding: str) -> None:
    """The lowest of all errors is compared with the bound: 0.010 of the second attack."""
    records = inverted("a", {"decoder_train": [0.02] * 3, "rmle": [0.010] * 3}, bound=bound)
    evaluation = evaluate(records, PAPER, settings({"bottleneck": "a"}), "test")
    assert claim(evaluation, "bound_never_violated").finding == finding


@pytest.mark.parametrize(
    ("attack", "counts"),
    [
        ({}, True),
        ({"queries": 1, "attacker_data": "infer"}, True),
        ({"queries": 16}, False),
        ({"queries": 1, "label": "true"}, False),
        ({"queries": 1, "label": "guess"}, True),
    ],
)
def test_the_bound_is_about_attacks_that_know_what_was_sent_once(attack: dict[str, object], counts: bool) -> None:
    """An error of 0.010 below the bound breaks it, but not with several queries or the true class."""
    records = inverted(
        "a", {"decoder_train": [0.02] * 3, "rmle": [0.010] * 3}, bound=[0.015] * 3, settings={"rmle": attack}
    )
    evaluation = evaluate(records, PAPER, settings({"bottleneck": "a"}), "test")
    assert claim(evaluation, "bound_never_violated").finding == ("contradicted" if counts else "supported")


@pytest.mark.parametrize(("data", "counts"), [("train", False), ("infer", True), (None, True)])
def test_the_bound_is_about_images_that_were_not_trained_on(data: str | None, counts: bool) -> None:
    """With the training images only the released scoring counts, on test images; the other is on training images."""
    training, attack = inverted(
        "a", {"decoder_train": [0.02] * 3}, bound=[0.015] * 3, settings={"decoder_train": {"attacker_data": data}}
    )
    metrics = attack.attacks["decoder_train"]["metrics"]
    metrics["mse_as_written"] = {**metrics["mse"], "values": [0.010] * 3}
    evaluation = evaluate([training, attack], PAPER, settings({"bottleneck": "a"}), "test")
    assert claim(evaluation, "bound_never_violated").finding == ("contradicted" if counts else "supported")


@pytest.mark.parametrize("older", [True, False])
def test_without_noise_the_bound_does_not_apply(older: bool) -> None:
    """No number is compared with a bound of 0, which older records have; tables say that there is none."""
    training, attack = inverted("a", {"decoder_train": [0.02] * 3}, bound=[0.0] * 3)
    absent = {"conditional_entropy", *(() if older else ("mse_bound",))}
    metrics = {name: values for name, values in attack.metrics.items() if name not in absent}
    attack = replace(attack, metrics={**metrics, "feature_values": [512.0] * 3})
    evaluation = evaluate([training, attack], PAPER, settings({"bottleneck": "a"}), "test")
    assert claim(evaluation, "bound_never_violated").parts == ()
    features = table(evaluation, "features")
    shown = dict(zip([one.title for one in features.columns], features.rows[0], strict=True))
    assert {shown[name].text for name in ("Bound on MSE, estimated", "Lowest MSE with one query / bound")} == {
        "does not apply"
    }
    assert shown["Bound on MSE with nothing sent, at most"].text == "0.00020"
    assert shown["MSE of the mean image"].text == "0.06000"


@pytest.mark.parametrize("applies", [True, False])
def test_a_bound_that_does_not_apply_has_not_failed(applies: bool) -> None:
    """The checks of the bound are listed with a cell that has one, failed or not, and not with a cell without noise."""
    training, attack = inverted("a", {"decoder_train": [0.02] * 3})
    failed = not_computed("enough records", "at least", 4.0, "too few").as_record()
    metrics = {name: values for name, values in attack.metrics.items() if applies or name != "mse_bound"}
    attack = replace(attack, metrics=metrics, checks={**attack.checks, "bound": [failed]})
    (cell,) = evaluate([training, attack], PAPER, settings({"bottleneck": "a"}), "test").cells
    assert ("bound" in [one.subject for one in checks_on(cell)]) == applies


@pytest.mark.parametrize(
    ("entropies", "finding"), [((1, 2, 3), "supported"), ((3, 2, 1), "contradicted"), ((1, 2), "inconclusive")]
)
def test_entropy_and_error_are_ranked_along_a_curve(entropies: tuple[int, ...], finding: str) -> None:
    """Errors that grow with the entropy support Figure 3, errors that fall contradict it; two have no order to find."""
    records = []
    for place, entropy in enumerate(entropies):
        error = {"decoder_train": [0.01 * (place + 1)] * 3}
        records += inverted(f"noise-{place}", error, entropy=[float(entropy)] * 3)
    names = tuple(f"noise-{place}" for place, _ in enumerate(entropies))
    evaluation = evaluate(records, PAPER, settings({}, {"bottleneck": names}), "test")
    assert claim(evaluation, "entropy_and_error_together").finding == finding


def test_gains_are_computed_both_ways() -> None:
    """Errors 1 and 9 that become 2 and 9: averages gain 10 %, the rows 50 %."""
    columns = [([1.0, 9.0], [2.0, 9.0])]
    assert ratio_of_averages(columns) == pytest.approx(10.0)
    assert mean_of_ratios(columns) == pytest.approx(50.0)


def test_measured_gain_says_how_many_defences_it_is_of() -> None:
    """One pair of 0.010 and 0.015 is a gain of 50 % of one of seven defences."""
    evaluation = evaluate(_pair(), PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test")
    found = evaluation.gains[0]
    assert found.measured is not None
    assert (found.measured.mean, found.pairs, found.all_pairs) == (pytest.approx(50.0), 1, 7)
    assert evaluation.gains[2].measured is None


def test_missing_inversion_is_told() -> None:
    """A row whose cell was attacked for membership only ends with a line that names the missing record."""
    records = cell_records("a", data="cifar10", model="vgg11_bn", attacks={"nasr": [0.5] * 3})
    with pytest.raises(UserError, match="no record of inversion of a "):
        evaluate(records, PAPER, settings({"bottleneck": "a"}), "test")


def test_a_cell_may_be_attacked_in_both_ways_but_once_in_each() -> None:
    """A membership record beside the inversion is no second one; two inversions of a cell are."""
    records = inverted("a", {"decoder_train": [0.01] * 3})
    both = [*records, cell_records("a", data="cifar10", attacks={"nasr": [0.5] * 3})[1]]
    assert evaluate(both, PAPER, settings({"bottleneck": "a"}), "test").cell("a").attacks.keys() == {"nasr"}
    with pytest.raises(UserError, match="two of cell a"):
        evaluate([*records, records[1]], PAPER, settings({"bottleneck": "a"}), "test")


def test_evaluation_survives_json() -> None:
    """Writing and reading an evaluation with curves, matches and gains changes nothing."""
    evaluation = matched([0.016, 0.017, 0.018], [0.89] * 3)
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text), "evaluation.json") == evaluation


def test_tables_without_rows_disappear() -> None:
    """An evaluation of inversion has no tables of membership, and the other way round."""
    names = {one.name for one in build(matched([0.016] * 3, [0.89] * 3), PAPER)}
    assert names >= {"claims", "overview", "table_1", "table_9", "matched", "gains", "inversions", "features", "curves"}
    assert not names & {"controls", "every_attack", "base_rates", "attacks", "sweep", "search"}


def test_tables_and_csv_show_small_errors() -> None:
    """Errors have enough digits to be distinguished, in the table and in the verdicts."""
    evaluation = evaluate(_pair(), PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test")
    shown = [cell.text for cell in table(evaluation, "table_1").rows[1]]
    assert "0.01000 [0.00990, 0.01010]" in shown
    lines = list(csv.DictReader(io.StringIO(verdicts_csv([evaluation]))))
    found = next(line for line in lines if line["method"] == "bottleneck" and line["metric"] == "decoder_train_mse")
    assert (found["published"], found["measured"], found["attack"]) == ("0.0036", "0.010000", "decoder_train")
    assert len(table(evaluation, "inversions").rows) == 8


@pytest.mark.parametrize(("network", "told"), [("decoder", False), ("sub_pixel_decoder", True)])
def test_another_network_under_the_name_of_the_papers_is_told(network: str, told: bool) -> None:
    """A note names the attacks that have the papers' label and a network of ours."""
    records = inverted("a", {"decoder_train": [0.01] * 3}, settings={"decoder_train": {"attack": network}})
    notes = table(evaluate(records, PAPER, settings({"bottleneck": "a"}), "test"), "inversions").notes
    assert any(note.startswith("Decoder (train): a small network of ours") for note in notes) == told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reads": "mia_pruning"}, "reads: found 'mia_pruning', allowed cem"),
        ({"rows": [{**dict(zip(("dataset", "model"), PLACE, strict=True)), "defence": "average", "cell": "a",
                    "attack": None}]}, "defence: found 'average'"),
        ({"rows": [{**dict(zip(("dataset", "model"), PLACE, strict=True)), "defence": "none", "cell": "a",
                    "attack": "nasr"}]}, "attack: found 'nasr', allowed null"),
        ({"rows": [{**dict(zip(("dataset", "model"), PLACE, strict=True)), "defence": "none", "cell": "b",
                    "attack": None}]}, "cell 'b' is not attacked"),
        ({"curves": [{**dict(zip(("dataset", "model"), PLACE, strict=True)), "name": "none", "cells": ["a"]}]},
         "two or more"),
        ({"curves": [{**dict(zip(("dataset", "model"), PLACE, strict=True)), "name": "no", "cells": ["a", "b"]}]},
         "name: found 'no'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_section_get_their_line(change: dict[str, Any], message: str) -> None:
    """A section that cannot be evaluated is refused before anything is trained."""
    section = {"reads": "cem", "rows": [], "controls": [], "curves": [], **change}
    with pytest.raises(UserError, match=message):
        check_section({"cem": section}, ["a", "b"], {}, {"a": ["decoder_train"]}, "params.yaml")


def test_gain_of_the_decoder_alone_where_gans_are_missing() -> None:
    """Without a GAN the quoted gain is not measured; that of the decoder alone is, and says that none is quoted."""
    records = inverted("a", {"decoder_train": [0.010] * 3}) + inverted("b", {"decoder_train": [0.015] * 3})
    evaluation = evaluate(records, PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test")
    quoted, alone = evaluation.gains[:2]
    assert (quoted.quoted, quoted.attacks, quoted.measured) == ("24.0", ("decoder_train", "gan_train"), None)
    assert alone.measured is not None
    assert (alone.quoted, alone.attacks) == ("", ("decoder_train",))
    assert (alone.measured.mean, alone.pairs) == (pytest.approx(50.0), 1)
    # in print: the ratio of the averages of the decoder's column alone
    prints = {one.method: one.value for one in PAPER.numbers
              if (one.dataset, one.metric) == ("CIFAR-10", "decoder_train_mse")}  # fmt: skip
    assert alone.from_averages == pytest.approx(100 * (prints["average+cem"] / prints["average"] - 1))
    line = [cell.text for cell in table(evaluation, "gains").rows[1]]
    assert line[:4] == ["CIFAR-10", "train", "decoder", "\N{EN DASH}"]


def test_gain_with_all_attacks_needs_none_of_the_decoder_alone() -> None:
    """Where every pair was attacked by both, the decoder alone adds nothing."""
    evaluation = evaluate(_pair(), PAPER, settings({"bottleneck": "a", "bottleneck+cem": "b"}), "test")
    assert all(gain.quoted for gain in evaluation.gains)
