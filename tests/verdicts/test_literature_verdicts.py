"""What other papers claim, judged on made-up records whose verdict is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from verdict_records import PRINTED, cell_records

from privprune.metrics.record_part import RecordPart
from privprune.published import load, load_literature
from privprune.records import Record
from privprune.tables import Table
from privprune.tables.literature import literature_table
from privprune.verdicts import ControlSettings, CurveSettings, EvaluateSettings, Evaluation, RowSettings, evaluate
from privprune.verdicts.literature import LiteratureResult

PAPER = load("mia_pruning")
PLACE = ("MNIST", "LeNet-5")


def made(cell: str, attack: float, test: float = 0.98, **changed: object) -> list[Record]:
    """Return the records of a cell with three seeds, whose values differ a little."""
    attacks = {"nasr": [attack - 0.001, attack, attack + 0.001]}
    accuracies = [test - 0.0001, test, test + 0.0001]
    return cell_records(cell, test=accuracies, attacks=attacks, **{**PRINTED, **changed})  # type: ignore[arg-type]


def evaluated(records: Sequence[Record], curves: dict[str, tuple[str, ...]] | None = None, **cells: str) -> Evaluation:
    """Evaluate cells that stand for rows or controls."""
    rows = tuple(RowSettings(*PLACE, name, cell, "nasr") for name, cell in cells.items() if name in PAPER.defences)
    controls = tuple(
        ControlSettings(*PLACE, name, cell, "nasr") for name, cell in cells.items() if name not in PAPER.defences
    )
    along = tuple(CurveSettings(*PLACE, name, cells_) for name, cells_ in (curves or {}).items())
    return evaluate(records, PAPER, EvaluateSettings("mia_pruning", rows, controls, along), "test")


def judged(
    records: Sequence[Record], curves: dict[str, tuple[str, ...]] | None = None, **cells: str
) -> dict[str, LiteratureResult]:
    """Judge all claims, by name, on cells that stand for rows or controls."""
    return {one.claim: one for one in evaluated(records, curves, **cells).literature}


def finding(results: dict[str, LiteratureResult], name: str) -> str:
    """Return the verdict of one claim."""
    return results[name].finding


def test_claims_of_both_sides_get_their_verdicts() -> None:
    """Mild pruning that raises the attack and strong pruning that lowers it support one paper and refute another."""
    records = [*made("base", 0.60), *made("mild", 0.62), *made("eighth", 0.57), *made("strong", 0.55)]
    found = judged(records, baseline="base", mild_pruning="mild", eightfold_pruning="eighth", mia_pruning="strong")
    assert finding(found, "pruning_raises_risk") == "supported"
    assert finding(found, "pruning_raises_risk_at_high_sparsity") == "contradicted"
    assert finding(found, "only_high_sparsity_protects") == "supported"
    assert finding(found, "removing_weights_does_not_protect") == "contradicted"


def test_a_claim_without_its_cells_is_not_run_and_says_what_is_missing() -> None:
    """The missing defence is named by its label, a missing curve as one; nothing is invented in their place."""
    found = judged([*made("base", 0.60), *made("hamp", 0.55)], baseline="base", hamp="hamp")
    assert finding(found, "relaxloss_protects") == "not run"
    assert found["relaxloss_protects"].missing == ("RelaxLoss",)
    assert found["no_defence_beats_tuned_dp"].missing == ("DP-SGD at several strengths",)
    assert found["sparsity_and_error_go_together"].missing == ("MIA-Pruning at several strengths",)
    assert finding(found, "hamp_protects") == "supported"
    assert found["hamp_protects"].missing == ()


def test_a_suite_without_cells_has_no_verdicts() -> None:
    """All claims are not run, and each says what it lacks."""
    found = judged([])
    assert {one.finding for one in found.values()} == {"not run"}
    assert all(one.missing for one in found.values())


def dp_curve(attack: float) -> list[Record]:
    """Return a defence at 97 %, and DP-SGD with less and with more accuracy and leakage."""
    return [*made("relax", attack, 0.97), *made("dp-6", 0.52, 0.96), *made("dp-50", 0.56, 0.98)]


@pytest.mark.parametrize(("attack", "verdict"), [(0.56, "supported"), (0.50, "contradicted")])
def test_defences_meet_dp_at_their_own_accuracy(attack: float, verdict: str) -> None:
    """Half-way along the curve of DP-SGD its attack has 54 %: a defence with more is beaten, one with less is not."""
    found = judged(dp_curve(attack), {"dp": ("dp-6", "dp-50")}, relaxloss="relax", dp="dp-6")
    one = found["no_defence_beats_tuned_dp"]
    assert one.finding == verdict
    (comparison,) = one.comparisons
    assert comparison.result.mean == pytest.approx(100 * attack - 54, abs=0.01)
    assert comparison.attack == "nasr"
    assert comparison.cells == ("relax", "dp-6", "dp-50")


def test_accuracy_and_attack_are_ranked_along_the_curve() -> None:
    """Where less accuracy comes with less leakage along growing sparsity, the correlation is 1."""
    records = [*made("p4", 0.60, 0.98), *made("p8", 0.57, 0.97), *made("p32", 0.54, 0.96), *made("base", 0.61)]
    found = judged(records, {"mia_pruning": ("p4", "p8", "p32")}, baseline="base", mia_pruning="p8")
    first = found["sparsity_and_error_go_together"].comparisons[0]
    assert first.result.mean == pytest.approx(1)
    assert first.cells == ("p4", "p8", "p32")


def in_two_places(*attacks: str) -> Evaluation:
    """Evaluate a defence with more leakage than DP-SGD at its accuracy on MNIST, and with less on CIFAR-10."""
    places = {"mnist": (PLACE, 0.56), "cifar10": (("CIFAR-10", "CNN"), 0.50)}
    printed = {"mnist": PRINTED, "cifar10": {"data": "cifar10", "model": "lenet5", "protocol": "clean"}}
    rows, controls, along, records = [], [], [], list[Record]()
    for (name, (place, leakage)), attack in zip(places.items(), attacks, strict=True):
        for cell, accuracy, test in (("relax", leakage, 0.97), ("dp-6", 0.52, 0.96), ("dp-50", 0.56, 0.98)):
            values = {attack: [accuracy - 0.001, accuracy, accuracy + 0.001]}
            tests = [test - 0.0001, test, test + 0.0001]
            records += cell_records(f"{name}-{cell}", test=tests, attacks=values, **printed[name])  # type: ignore[arg-type]
        rows.append(RowSettings(*place, "dp", f"{name}-dp-6", attack))
        controls.append(ControlSettings(*place, "relaxloss", f"{name}-relax", attack))
        along.append(CurveSettings(*place, "dp", (f"{name}-dp-6", f"{name}-dp-50")))
    settings = EvaluateSettings("mia_pruning", tuple(rows), tuple(controls), tuple(along))
    return evaluate(records, PAPER, settings, "test")


def test_each_place_has_its_own_cells_attack_and_finding() -> None:
    """A claim that is right on one data set and wrong on another is contradicted, and the evidence of both stands."""
    found = in_two_places("nasr", "gap")
    one = {each.claim: each for each in found.literature}["no_defence_beats_tuned_dp"]
    shown = [(each.place.dataset, each.attack, each.cells, each.result.finding) for each in one.comparisons]
    assert shown == [
        ("MNIST", "nasr", ("mnist-relax", "mnist-dp-6", "mnist-dp-50"), "supported"),
        ("CIFAR-10", "gap", ("cifar10-relax", "cifar10-dp-6", "cifar10-dp-50"), "contradicted"),
    ]
    assert one.finding == "contradicted"
    table = literature_table([(PAPER, found)])
    (evidence,) = [row[5].text for row in table.rows if "(needed > −0.50; Gap; cells" in row[5].text]  # noqa: RUF001
    first, second = evidence.split(": supported; ")
    assert "Nasr; cells mnist-relax, mnist-dp-6, mnist-dp-50; 3 seeds" in first
    assert "Gap; cells cifar10-relax, cifar10-dp-6, cifar10-dp-50; 3 seeds" in second


def test_claims_beside_other_papers_are_left_out() -> None:
    """Only claims about the evaluated paper are judged, all of them, in the order of the sources."""
    beside = [one for source in load_literature().sources for one in source.claims if one.beside == "mia_pruning"]
    assert list(judged([])) == [one.claim.name for one in beside]


def test_an_evaluation_read_from_its_file_says_the_same() -> None:
    """Records that the seeds share are in no file; an interval of what was read is that of what was measured."""
    records = [*made("base", 0.60), *made("eighth", 0.55)]
    measured = evaluated(records, baseline="base", eightfold_pruning="eighth")
    shared = RecordPart("the same records", 1000, np.tile(0.005 * np.array([1.0, -1.0] * 10), (2, 1))).as_record()
    attacks = [attack for record in records for attack in record.attacks.values()]
    for place, one in enumerate(attacks):
        one["metrics"]["balanced_accuracy"]["record_part"] = {**shared, "draws": f"records {place}"}
    wider = evaluated(records, baseline="base", eightfold_pruning="eighth")
    assert literature_table([(PAPER, wider)]) != literature_table([(PAPER, measured)])
    read = Evaluation.from_json(wider.to_json(), "evaluations/mia_pruning.json")
    assert literature_table([(PAPER, read)]) == literature_table([(PAPER, wider)])


def row_of(table: Table, arxiv: str, tested: str) -> list[str]:
    """Return the texts of the row of a source whose test begins like this."""
    rows = [[cell.text for cell in row] for row in table.rows]
    (found,) = [row for row in rows if arxiv in row[0] and row[3].startswith(tested)]
    return found


def test_the_table_says_who_says_what_and_on_which_cells() -> None:
    """A row has the source, the quotation, the verdict in its style, and numbers with attack, cells and seeds."""
    records = [*made("base", 0.60), *made("eighth", 0.55)]
    table = literature_table([(PAPER, evaluated(records, baseline="base", eightfold_pruning="eighth"))])
    found = row_of(table, "2603.13186", "Pruning does not lower")
    assert found[2].startswith("Removing the weights")  # our words, not a quotation
    assert found[4] == "contradicted"
    assert "MIA-Pruning, eight times fewer weights − Baseline: −5.00" in found[5]  # noqa: RUF001 (its minus)
    assert "(needed > −0.50; Nasr; cells eighth, base; 3 seeds): contradicted" in found[5]  # noqa: RUF001 (same)
    lacking = row_of(table, "2507.16872", "An attack on the dense")
    assert lacking[4] == "not run"
    assert lacking[6] == "no cell of this suite for MIA-Pruning, released together with the dense network, MIA-Pruning"
    assert lacking[2].startswith("“uncovers more privacy")
    styles = {row[4].style for row in table.rows}
    assert styles == {"not-run", "contradicted"}
