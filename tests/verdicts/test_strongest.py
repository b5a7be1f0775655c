"""Claims under the strongest attack of each cell: chosen on selection records, alike on all cells, never a control."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from attacked_records import as_controls, selected, with_settings
from fair_examples import claim, evaluated
from inversion_records import inverted
from verdict_records import cell_records

from privprune.published import load
from privprune.records import Record
from privprune.tables.claims import comparisons_table
from privprune.verdicts import ClaimResult, CurveSettings, EvaluateSettings, Evaluation, RowSettings, evaluate
from privprune.verdicts.attack_results import AttackRun
from privprune.verdicts.strongest import strongest_attacks

CEM = load("cem")
PLACE = ("CIFAR-10", "VGG11")


def cell(
    name: str, nasr: float, other: float, scores: Mapping[str, float] | None, failed: Mapping[str, str] | None = None
) -> list[Record]:
    """Return a cell attacked by two attacks, with their scores on selection records."""
    attacks = {"nasr": [nasr - 0.01, nasr, nasr + 0.01], "lira": [other - 0.01, other, other + 0.01]}
    return selected(cell_records(name, attacks=attacks, failed=failed), scores or {}, "balanced_accuracy")


def lower(*records: list[Record]) -> ClaimResult:
    """Return the claim that pruning lowers the attack accuracy of the baseline."""
    found = evaluated([one for cell_ in records for one in cell_], baseline="base", mia_pruning="pruned")
    return claim(found, "lower_than_baseline")


BASE = {"nasr": 0.60, "lira": 0.70}


def test_a_claim_has_a_finding_under_each_attacker() -> None:
    """Under Nasr's network pruning helps, under the strongest attack it does not; the headline is the paper's own."""
    found = lower(cell("base", 0.60, 0.70, BASE), cell("pruned", 0.55, 0.72, BASE))
    assert (found.finding, found.papers_attack, found.strongest_attack) == ("supported", "supported", "contradicted")
    (result,) = found.parts[0].strongest
    assert (result.attack, result.strongest, result.mean) == ("lira", True, pytest.approx(2.0))


def test_each_cell_meets_its_own_strongest_attack() -> None:
    """The choice follows the selection records of the cell, even where the evaluated ones say otherwise."""
    found = lower(cell("base", 0.60, 0.70, BASE), cell("pruned", 0.55, 0.72, {"nasr": 0.7, "lira": 0.6}))
    (result,) = found.parts[0].strongest
    assert (result.attack, result.mean) == ("nasr vs lira", pytest.approx(-15.0))


def test_a_control_is_never_the_strongest() -> None:
    """An attack that ignores the model is not chosen, however well it scores."""
    records = [as_controls(cell(name, 0.6, 0.7, BASE), "lira") for name in ("base", "pruned")]
    assert lower(*records).parts[0].strongest[0].attack == "nasr"


@pytest.mark.parametrize("scores", [None, {"nasr": 0.6}])
def test_without_scores_on_all_cells_none_is_chosen(scores: Mapping[str, float] | None) -> None:
    """A cell none of whose attacks was scored on selection records leaves the strongest finding `not run`."""
    found = lower(cell("base", 0.60, 0.70, None), cell("pruned", 0.55, 0.72, scores))
    assert (found.papers_attack, found.strongest_attack, found.parts[0].strongest) == ("supported", "not run", ())


def test_an_attack_that_only_one_side_met_is_not_chosen() -> None:
    """LiRA with other settings on one side is no candidate: the strongest is among the attacks run alike."""
    pruned = with_settings(cell("pruned", 0.55, 0.72, BASE), "lira", {"shadows": 64})
    assert lower(cell("base", 0.60, 0.70, BASE), pruned).parts[0].strongest[0].attack == "nasr"


@pytest.mark.parametrize(
    ("failed", "headline"),
    [
        ({"nasr": "looks at the model"}, "contradicted"),  # the paper's attack fails: the strongest speaks
        ({"lira": "enough shadows"}, "supported"),
        ({"network": "trained out"}, "not a fair test"),
    ],
)
def test_the_headline_is_a_fair_test_where_there_is_one(failed: Mapping[str, str], headline: str) -> None:
    """The paper's own attack comes first; where it fails its checks the strongest does."""
    found = lower(cell("base", 0.60, 0.70, BASE, failed), cell("pruned", 0.55, 0.72, BASE))
    assert found.finding == found.parts[0].finding == headline


def test_a_failed_check_of_the_strongest_attack_counts() -> None:
    """The strongest attack is chosen first and must then pass: a weaker one does not take its place."""
    found = lower(cell("base", 0.60, 0.70, BASE, {"lira": "enough shadows"}), cell("pruned", 0.55, 0.72, BASE))
    assert found.strongest_attack == "not a fair test"
    assert found.parts[0].strongest[0].reason.startswith("base, lira: enough shadows")


def test_a_claim_without_attack_has_one_finding() -> None:
    """Test accuracy has no attacker."""
    found = evaluated([*cell("base", 0.6, 0.7, BASE), *cell("pruned", 0.55, 0.72, BASE)], baseline="base",
                      mia_pruning="pruned")  # fmt: skip
    kept = claim(found, "accuracy_kept")
    assert (kept.papers_attack, kept.strongest_attack) == (None, None)
    counted = found.summary()
    assert sum(counted["claims"].values()) == len(found.claims)
    assert counted["claims_papers_attack"]["supported"] == 1
    assert counted["claims_strongest_attack"]["contradicted"] == 1


def test_comparisons_without_attack_stand_under_the_strongest_too() -> None:
    """`Better than DP` needs a lower attack and a higher accuracy: the second is the same under any attacker."""
    records = [
        *cell("dp", 0.60, 0.70, BASE),
        *selected(
            cell_records("pruned", test=[0.995] * 3, attacks={"nasr": [0.55] * 3, "lira": [0.6] * 3}), BASE,
            "balanced_accuracy",
        ),
    ]  # fmt: skip
    part = claim(evaluated(records, dp="dp", mia_pruning="pruned"), "better_than_dp").parts[0]
    assert [one.strongest for one in part.strongest] == [True, False]


def errors(name: str, decoder: float, linear: float, test: float = 0.9, **scores: float) -> list[Record]:
    """Return a cell inverted by a decoder and by another attack, with their errors on selection images."""
    found = {"decoder_train": [decoder] * 3, "decoder_infer": [decoder] * 3, "rmle": [linear] * 3}
    return selected(inverted(name, found, test=[test] * 3), scores, "mse")


def test_the_strongest_inversion_has_the_lowest_error() -> None:
    """CEM raises the decoder's error, not that of the attack with the lowest error; both decoders become one."""
    records = [
        *errors("plain", 0.010, 0.008, decoder_train=0.010, rmle=0.008),
        *errors("cem", 0.015, 0.007, decoder_train=0.015, rmle=0.007),
    ]
    rows = tuple(RowSettings(*PLACE, name, cell_, None) for name, cell_ in
                 {"bottleneck": "plain", "bottleneck+cem": "cem"}.items())  # fmt: skip
    found = claim(evaluate(records, CEM, EvaluateSettings("cem", rows, (), ()), "test"), "more_error")
    assert (found.papers_attack, found.strongest_attack) == ("supported", "contradicted")
    assert len(found.parts[0].comparisons) == 2
    (result,) = found.parts[0].strongest
    assert (result.attack, result.mean) == ("rmle", pytest.approx(0.875))


def sending(records: list[Record], wire: str, **queries: int) -> list[Record]:
    """Return a cell with a wire, whose attacks use each image so many times, once where nothing is said."""
    cut = {"wire": {"name": wire}, "skip": None}
    records = [replace(records[0], parameters={"network": {"cut": cut}}), *records[1:]]
    for label in ("decoder_train", "decoder_infer", "rmle"):
        records = with_settings(records, label, {"queries": queries.get(label, 1)})
    return records


@pytest.mark.parametrize(
    ("wire", "chosen"), [("plain", "rmle vs decoder_train"), ("gaussian", "decoder_train"), ("own", "decoder_train")]
)
def test_more_transmissions_of_the_same_are_no_further_budget(wire: str, chosen: str) -> None:
    """An attack that averages noise away is a candidate where the other cell always sends the same, and only there."""
    noisy = errors("noisy", 0.010, 0.008, decoder_train=0.010, rmle=0.008)
    other = errors("other", 0.010, 0.012, decoder_train=0.010, rmle=0.012)
    records = [*sending(noisy, "gaussian", rmle=16), *sending(other, wire)]
    rows = tuple(RowSettings(*PLACE, name, cell_, None) for name, cell_ in
                 {"bottleneck": "other", "bottleneck+cem": "noisy"}.items())  # fmt: skip
    part = claim(evaluate(records, CEM, EvaluateSettings("cem", rows, (), ()), "test"), "more_error").parts[0]
    assert part.strongest[0].attack == chosen


@pytest.mark.parametrize(("wire", "chosen"), [("plain", "rmle vs decoder_train"), ("gaussian", "decoder_train")])
def test_a_cell_sends_what_the_first_of_its_lineage_sends(wire: str, chosen: str) -> None:
    """A cell hardened after pruning repeats as its first network does, whose cell no row or control names."""
    noisy = sending(errors("noisy", 0.010, 0.008, decoder_train=0.010, rmle=0.008), "gaussian", rmle=16)
    (start, *_) = sending(errors("start", 0.010, 0.012), wire)
    (pruned, *_) = errors("pruned", 0.010, 0.012)
    hardened = with_settings(errors("hardened", 0.010, 0.012, decoder_train=0.010, rmle=0.012), "rmle", {"queries": 1})
    hardened = with_settings(hardened, "decoder_train", {"queries": 1})
    after = [replace(pruned, origin="models/start"), replace(hardened[0], origin="models/pruned"), *hardened[1:]]
    rows = tuple(RowSettings(*PLACE, name, cell_, None) for name, cell_ in
                 {"bottleneck": "hardened", "bottleneck+cem": "noisy"}.items())  # fmt: skip
    found = evaluate([start, *after, *noisy], CEM, EvaluateSettings("cem", rows, (), ()), "test")
    assert found.cell("hardened").repeats == (wire == "plain")
    assert claim(found, "more_error").parts[0].strongest[0].attack == chosen


def run_of(error: float, known: int = 9, **settings: object) -> AttackRun:
    """Return an attack of such an error on selection images, with its settings."""
    return AttackRun({"attack": "lmmse", **settings}, known, control=False, selection={"mse": (error,)}, checks=())


def chosen(*cells: tuple[bool, dict[str, AttackRun]]) -> dict[str, str] | None:
    """Return the strongest attacks on cells, each of which repeats or not, and has runs; they are named a, b, c."""
    settings = EvaluateSettings("cem", (RowSettings(*PLACE, "bottleneck", "x", None),), (), ())
    (plain,) = evaluate(errors("x", 0.01, 0.01, rmle=0.01), CEM, settings, "test").cells
    result = plain.inversions["rmle"]
    made = [
        replace(
            plain,
            cell=name,
            repeats=repeats,
            inversions={label: replace(result, run=one) for label, one in runs.items()},
        )
        for name, (repeats, runs) in zip("abc", cells, strict=False)
    ]
    return strongest_attacks(made, "inversion")


DECODER = run_of(0.02, attack="decoder")


def test_all_cells_met_the_attack_of_each() -> None:
    """Of two noisy cells with other numbers of transmissions neither attack counts, whatever a plain one has."""
    plain = (True, {"decoder": DECODER, "lmmse": run_of(0.01, queries=1)})
    often = (False, {"decoder": DECODER, "lmmse_16": run_of(0.01, queries=16)})
    once = (False, {"decoder": DECODER, "lmmse": run_of(0.01, queries=1)})
    assert chosen(plain, often, once) == {"a": "decoder", "b": "decoder", "c": "decoder"}
    assert chosen(plain, often) == {"a": "lmmse", "b": "lmmse_16"}
    assert chosen(often, plain) == {"a": "lmmse_16", "b": "lmmse"}
    assert chosen(plain, plain) == {"a": "lmmse", "b": "lmmse"}


@pytest.mark.parametrize(
    ("noisy", "alike"),
    [
        (run_of(0.01, queries=16), True),
        (run_of(0.01, queries=16, ridge=2), False),
        (run_of(0.01, known=8, queries=16), False),
        (run_of(0.01, queries=16, decoder={"queries": 16}), False),
    ],
)
def test_only_the_number_of_transmissions_may_differ(noisy: AttackRun, alike: bool) -> None:
    """Another setting, or other known images, make it another attack."""
    found = chosen((True, {"decoder": DECODER, "lmmse": run_of(0.01, queries=1)}), (False, {"d": DECODER, "l": noisy}))
    assert found == ({"a": "lmmse", "b": "l"} if alike else {"a": "decoder", "b": "d"})


def test_the_transmissions_of_a_start_are_no_further_budget() -> None:
    """An attack that starts from a decoder's output has its number of queries twice."""
    once, often = (run_of(0.01, queries=number, decoder={"queries": number, "width": 4}) for number in (1, 16))
    assert chosen((True, {"rmle": once}), (False, {"rmle_16": often})) == {"a": "rmle", "b": "rmle_16"}


def test_membership_queries_are_budget_of_whole_networks_too() -> None:
    """Whole networks answer an image always alike, but a label-only attack asks about changed images."""
    base, pruned = (
        [replace(records[0], parameters={"network": {"cut": None}}), *records[1:]]
        for records in (cell("base", 0.60, 0.70, BASE), cell("pruned", 0.55, 0.72, BASE))
    )
    found = lower(with_settings(base, "lira", {"queries": 9}), with_settings(pruned, "lira", {"queries": 1}))
    assert found.parts[0].strongest[0].attack == "nasr"


def test_matched_accuracy_uses_the_strongest_attack_on_the_whole_curve() -> None:
    """At 89 % the curve has a decoder's error of 0.015, and 0.0075 under the strongest attack; CEM 0.016 and 0.007."""
    records = [
        *errors("weak", 0.010, 0.005, 0.90, decoder_train=0.010, rmle=0.005),
        *errors("strong", 0.020, 0.010, 0.88, decoder_train=0.020, rmle=0.010),
        *errors("cem", 0.016, 0.007, 0.89, decoder_train=0.016, rmle=0.007),
    ]
    rows = tuple(RowSettings(*PLACE, name, cell_, None) for name, cell_ in
                 {"bottleneck": "weak", "bottleneck+cem": "cem"}.items())  # fmt: skip
    settings = EvaluateSettings("cem", rows, (), (CurveSettings(*PLACE, "bottleneck", ("weak", "strong")),))
    part = claim(evaluate(records, CEM, settings, "test"), "more_error_at_matched_accuracy").parts[0]
    assert part.comparisons[0].mean == pytest.approx(0.001)
    assert part.strongest[0].mean == pytest.approx(-0.0005)


def test_along_a_curve_each_strongest_attack_stands_with_its_cells() -> None:
    """A reader sees which attack each cell met, in the evaluation and in the table, also once read from its file."""
    records = [
        *errors("weak", 0.010, 0.012, 0.90, decoder_train=0.010, rmle=0.012),
        *errors("strong", 0.020, 0.010, 0.88, decoder_train=0.020, rmle=0.010),
        *errors("cem", 0.016, 0.017, 0.89, decoder_train=0.016, rmle=0.017),
    ]
    rows = tuple(RowSettings(*PLACE, name, cell_, None) for name, cell_ in
                 {"bottleneck": "weak", "bottleneck+cem": "cem"}.items())  # fmt: skip
    settings = EvaluateSettings("cem", rows, (), (CurveSettings(*PLACE, "bottleneck", ("weak", "strong")),))
    found = evaluate(records, CEM, settings, "test")
    (result,) = claim(found, "more_error_at_matched_accuracy").parts[0].strongest
    assert result.strongest_on == (("cem", "decoder_train"), ("weak", "decoder_train"), ("strong", "rmle"))
    read = Evaluation.from_json(json.loads(json.dumps(found.to_json(), sort_keys=True)), "evaluations/cem.json")
    texts = [cell_.text for row in comparisons_table(read, CEM).rows for cell_ in row]
    assert any("(strongest attacks: Decoder (train) on cem and weak; rMLE on strong)" in text for text in texts)
