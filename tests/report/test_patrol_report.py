"""PATROL's verdicts, tables, figures and page, from records of re-identification networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_inversions import CROSS_SETTINGS, inversion_records, membership_record
from example_patrol import CELLS, DEPLOYED, SETTINGS, TIMED, patrol_records
from example_patrol import PLACE as VEHICLES
from test_report import Page, rows

from privprune.errors import UserError
from privprune.plots import Drawing, draw, draw_cross, picture
from privprune.published import NOT_AVAILABLE, load
from privprune.records import Record
from privprune.report import Section, Timings, render
from privprune.suite.evaluation import check_section
from privprune.tables import Table, build, build_cross, verdicts_csv
from privprune.tables.table import ABSENT
from privprune.verdicts import CrossSettings, Evaluation, evaluate, evaluate_cross
from privprune.verdicts.cross import CrossRow

PATROL = load("patrol")
CLASSES = ("CIFAR-10 (ours)", "ResNet (ours)")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return the evaluation of the example."""
    return evaluate(patrol_records(), PATROL, SETTINGS, "demo")


@pytest.fixture(scope="module")
def drawings(evaluation: Evaluation) -> dict[str, Drawing]:
    """Return all drawings of the example, by kind."""
    found = draw(patrol_records(), evaluation, PATROL)
    return {drawing.name.partition("-")[0]: drawing for drawing in found}


def tables(evaluation: Evaluation) -> dict[str, Table]:
    """Return the tables by name."""
    return {table.name: table for table in build(evaluation, PATROL)}


def lines(table: Table, key: str) -> dict[str, dict[str, str]]:
    """Return a table's rows by their cell in one column, each as heading -> text."""
    titles = [column.title for column in table.columns]
    found = [dict(zip(titles, (cell.text for cell in row), strict=True)) for row in table.rows]
    return {one[key]: one for one in found}


def findings(evaluation: Evaluation) -> dict[str, str]:
    """Return the verdict of each claim."""
    return {claim.name: claim.finding for claim in evaluation.claims}


def test_only_one_number_is_known_and_it_is_second_hand() -> None:
    """Of all rows one number is there, 92; every other one is not available, and each row has all of them."""
    known = [(one.method, one.metric, one.printed) for one in PATROL.numbers]

    assert known == [("patrol", "edge_removed", "92")]
    assert "second-hand" in PATROL.numbers[0].flags[0]
    texts = [text for row in PATROL.rows for text in row.numbers.values()]
    assert texts.count(NOT_AVAILABLE) == len(texts) - 1
    assert {row.dataset: len(row.numbers) for row in PATROL.rows} == {
        VEHICLES[0]: 5,
        "Photographs (ours)": 5,
        CLASSES[0]: 4,
    }


def test_unknown_numbers_have_no_verdict(evaluation: Evaluation) -> None:
    """The list of verdicts has the one printed number; of a column without any the table shows what was measured."""
    experiments = tables(evaluation)["experiments"]
    table = lines(experiments, "Method")

    assert len(verdicts_csv([evaluation]).splitlines()) == 2
    assert table["PATROL"]["Edge removed (%): published"] == "92 (b)"
    assert table["PATROL"]["Edge removed: measured"] == "93.00"
    assert table["PATROL"]["Edge removed: verdict"] == "stand-in data"
    assert table["No defence"]["Edge removed (%): published"] == NOT_AVAILABLE
    assert not {"mAP (%): published", "mAP: verdict"} & {column.title for column in experiments.columns}
    assert any(note.startswith("Published numbers not available") and "mAP" in note for note in experiments.notes)
    assert table["No defence"]["mAP (%): measured"].startswith("80.00 [")
    assert table["Skip (no shortcuts)"]["mAP (%): measured"] == ABSENT


def test_92_percent_on_the_papers_own_data_is_judged() -> None:
    """On VeRi-776 with ResNet-18 the number is compared with the measurement."""
    found = evaluate(patrol_records("veri776", "resnet18_reid"), PATROL, SETTINGS, "paper").verdicts

    assert [(one.verdict, one.measured) for one in found] == [("reproduced", pytest.approx(93.0))]


def test_claims_follow_from_the_records(evaluation: Evaluation) -> None:
    """In the example every claim is supported; utility is the mAP, and each baseline that was run counts."""
    found = findings(evaluation)
    kept = next(claim for claim in evaluation.claims if claim.name == "compressed_at_kept_utility")

    of_controls = found.pop("better_than_plain_edges")  # none of them is in the example

    assert of_controls == "not run"
    assert set(found.values()) == {"supported"}
    assert [one.mean for one in kept.parts[0].comparisons] == pytest.approx([93.0, -1.0])
    assert len(next(claim for claim in evaluation.claims if claim.name == "better_than_baselines").parts) == 3


@pytest.mark.parametrize(
    ("name", "cell", "values"),
    [
        ("deeper_cut_hides_more", "reid-blocks1", (0.80, 0.9, 1.1, 0.0, 0.97, "train")),
        ("smaller_constant_larger_error", "reid-patrol", (0.79, 0.001, 0.5, 0.93, 0.3, "prune")),
        ("game_generalises", "reid-adversarial", (0.78, 0.008, 0.8, 0.92, 0.4, "prune")),
        ("game_stands_up_to_who_knows_it", "reid-adversarial", (0.78, 0.008, 0.8, 0.92, 0.4, "prune")),
        ("compressed_at_kept_utility", "reid-patrol", (0.70, 0.017, 0.5, 0.93, 0.3, "prune")),
        ("better_at_matched_utility", "reid-patrol", (0.70, 0.005, 0.5, 0.93, 0.3, "prune")),
        ("no_longer_recognised", "reid-patrol", (0.79, 0.017, 0.5, 0.93, 0.95, "prune")),
    ],
)
def test_claims_can_fail(
    monkeypatch: pytest.MonkeyPatch, name: str, cell: str, values: tuple[float, float, float, float, float, str]
) -> None:
    """Each claim is lost or left open by the one change that its sentence excludes."""
    monkeypatch.setitem(CELLS, cell, values)

    assert findings(evaluate(patrol_records(), PATROL, SETTINGS, "demo"))[name] in ("contradicted", "inconclusive")


def test_methods_stand_with_utility_privacy_and_cost(evaluation: Evaluation) -> None:
    """One line per cell, whether its reconstructions are recognised, and cost; accuracy has no column here."""
    table = lines(tables(evaluation)["methods"], "Cell")
    own = table["reid-patrol"]

    assert set(table) == set(CELLS)
    assert "Test accuracy (%)" not in own
    assert own["Method"] == "PATROL"
    assert own["mAP (%)"].startswith("79.00")
    assert own["Decoder (train) recognised (%)"].startswith("30.00 [29.00, 31.00]")
    assert own["Originals recognised (%)"].startswith("95.00")
    assert own["Edge parameters"] == "1,120"
    assert own["Edge MACs"] == "140,000"
    assert table["reid-noise-strong"]["Edge MACs"] == ABSENT


def test_ablation_has_one_line_per_set_of_parts(evaluation: Evaluation) -> None:
    """Pruned, Lipschitz, adversarial: what was run of the eight sets, nothing and pruning first, all three last."""
    table = tables(evaluation)["ablation"]
    parts = ["".join("x" if cell.text == "yes" else "." for cell in row[1:4]) for row in table.rows]

    assert parts == ["...", "...", "...", "x..", "xx.", "x.x", "xxx"][2:]


def test_deployment_is_of_exported_cells_and_times_only_where_known(evaluation: Evaluation) -> None:
    """Dense beside pruned; the files in git have no times, the page has."""
    timings = {"reid-patrol": TIMED}
    timed = next(one for one in build(evaluation, PATROL, timings) if one.name == "deployment")
    plain = tables(evaluation)["deployment"]

    assert tuple(lines(plain, "Cell")) == DEPLOYED
    assert not [column for column in plain.columns if "ms" in column.title]
    assert lines(timed, "Cell")["reid-patrol"]["Edge, ONNX Runtime (ms)"] == "1.25"
    assert lines(timed, "Cell")["reid-patrol"]["Edge, peak memory (MiB)"] == "3.00"
    assert lines(timed, "Cell")["reid-none"]["Edge, ONNX Runtime (ms)"] == ABSENT


def test_rounding_has_a_line_per_variant_that_was_measured(evaluation: Evaluation) -> None:
    """Utility in percent and the attack's error, float32 first, the smallest last."""
    table = tables(evaluation)["quantisation"]
    shown = [[cell.text for cell in line[1:]] for line in table.rows]

    assert [column.title for column in table.columns[3:]] == ["On the wire", "Bytes sent", "mAP (%)", "LMMSE MSE"]
    assert shown[0] == ["reid-none", "float32", "float32", "8,192", "50.00", "0.02000"]
    assert shown[1] == ["reid-none", "int8", "4 bits", "1,032", "45.00", "0.03000"]
    assert [line[0] for line in shown] == [cell for cell in DEPLOYED for _ in range(2)]


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, drawings: dict[str, Drawing]) -> Page:
    """Return the page of this paper alone."""
    records = patrol_records()
    pictures = [picture(one) for one in drawings.values()]
    timed = {("patrol", "deploy", cell): TIMED for cell in DEPLOYED}
    found = Page()
    timings = Timings({(one.paper, one.stage, one.cell): 1.0 for one in records}, timed)
    found.feed(render("demo", [Section(PATROL, evaluation, records, pictures)], [], timings))
    assert not found.open
    return found


def test_page_has_the_papers_section(page: Page) -> None:
    """The paper has claims, its leading figure, the table of all methods, and what was deployed with its times."""
    ids = {one.attributes.get("id", "") for one in page.elements}
    words = " ".join(" ".join(one.text.split()) for one in page.all("p"))

    assert {"patrol-claims", "patrol-cloud", "patrol-methods", "patrol-deployment", "patrol-rerun"} <= ids
    assert "1.25" in next(line for line in rows(page, "What comes out: the exported halves") if "PATROL" in line)
    assert "it costs 1.0 points of utility" in words
    assert any("train@reid-none" in line for line in rows(page, "Commands"))
    assert "decoder_train" not in " ".join(next(page.all("dl")).text.split())


CROSS_OF_BOTH = CrossSettings(
    ".", ("rmia",), ("decoder_train",), (CrossRow("No defence", "photos-none"), CrossRow("PATROL", "reid-patrol"))
)


def records_of_both() -> list[Record]:
    """Return records of a classifier that was attacked both ways, and of re-identification networks."""
    return [*inversion_records(), membership_record("photos-none", 0.58), *patrol_records()]


def test_matrix_bears_networks_without_classes() -> None:
    """Membership is not possible there, which the table says and the figure leaves out; a classifier needs it still."""
    matrix = evaluate_cross(records_of_both(), CROSS_OF_BOTH, "demo")
    found = {table.name: table for table in build_cross(matrix)}
    own = lines(found["matrix_photo-reid"], "Cell")["reid-patrol"]
    lacking = replace(CROSS_SETTINGS, membership=("rmia",), inversion=("decoder_train",))

    assert own["RMIA: AUC"] == "not possible"
    assert own["mAP (%)"].startswith("79.00")
    assert "Test accuracy (%)" not in own
    assert lines(found["matrix_photos"], "Cell")["photos-none"]["Test accuracy (%)"].startswith("88.10")
    assert len(draw_cross(matrix)[0].figure.axes) == 1
    with pytest.raises(UserError, match="attack of photos-resfl-cem"):
        evaluate_cross(records_of_both(), lacking, "demo")


def test_suite_may_name_such_networks_in_the_matrix() -> None:
    """A cell whose members cannot be asked for needs no membership entry; any other does."""
    section = {
        "cross": {
            "reads": ".",
            "membership": ["rmia"],
            "inversion": ["decoder_train"],
            "rows": [{"defence": "PATROL", "cell": "reid-patrol"}],
        }
    }
    inversion = {"reid-patrol": ["decoder_train"]}

    check_section(section, ["reid-patrol"], {}, inversion, "params.yaml", ["reid-patrol"])
    with pytest.raises(UserError, match="no attack with methods"):
        check_section(section, ["reid-patrol"], {}, inversion, "params.yaml")
