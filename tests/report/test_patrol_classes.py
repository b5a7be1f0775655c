"""PATROL's place of ours beside the paper's: claims are judged in each, and the page says which is which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_patrol import PLACE as VEHICLES
from example_patrol import SETTINGS, patrol_records
from test_patrol_report import CLASSES, PATROL, lines, tables
from test_report import Page

from privprune.records import Record
from privprune.report import Section, Timings, render
from privprune.tables import verdicts_csv
from privprune.verdicts import Evaluation, evaluate


def classification() -> list[Record]:
    """Return the example's records once more, as of classifiers of CIFAR-10, whose game helps nothing."""

    def renamed(name: str) -> str:
        return name.replace("reid", "class")

    found = []
    for record in patrol_records("cifar10", "photos_resnet"):
        metrics = {renamed(name): values for name, values in record.metrics.items()}
        if "mean_average_precision" in metrics:
            metrics = {"test_accuracy": metrics["mean_average_precision"], **metrics}
            metrics = {name: values for name, values in metrics.items() if not name.startswith(("rank", "mean"))}
        parameters = {
            name: renamed(value) if isinstance(value, str) else value for name, value in record.parameters.items()
        }
        attacks = {renamed(name): values for name, values in record.attacks.items()}
        if record.cell == "reid-adversarial-inversion":
            attacks = next(one.attacks for one in patrol_records() if one.cell == "reid-none-inversion")
        found.append(
            replace(record, cell=renamed(record.cell), metrics=metrics, parameters=parameters, attacks=attacks)
        )
    return found


@pytest.fixture(scope="module")
def both() -> Evaluation:
    """Return the evaluation of vehicles' stand-in and of our place, side by side in one suite."""
    dataset, model = CLASSES

    def ours(cell: str) -> str:
        return cell.replace("reid", "class")

    settings = replace(
        SETTINGS,
        rows=(
            *SETTINGS.rows,
            *(replace(one, dataset=dataset, model=model, cell=ours(one.cell)) for one in SETTINGS.rows),
        ),
        controls=(
            *SETTINGS.controls,
            *(replace(one, dataset=dataset, model=model, cell=ours(one.cell)) for one in SETTINGS.controls),
        ),
        curves=(
            *SETTINGS.curves,
            *(replace(one, dataset=dataset, model=model, cells=tuple(map(ours, one.cells))) for one in SETTINGS.curves),
        ),
    )
    return evaluate([*patrol_records(), *classification()], PATROL, settings, "demo")


def test_claims_are_judged_per_place(both: Evaluation) -> None:
    """A claim that is true for re-identification and false for classification has one finding for each."""
    claims = {claim.name: claim for claim in both.claims}
    game = {part.place.dataset: part.finding for part in claims["game_generalises"].parts}
    kept = {part.place.dataset: part.finding for part in claims["compressed_at_kept_utility"].parts}

    assert game == {VEHICLES[0]: "supported", CLASSES[0]: "contradicted"}
    assert claims["game_generalises"].finding == "contradicted"
    assert kept == {VEHICLES[0]: "supported", CLASSES[0]: "supported"}
    assert {claim.printed_places for claim in both.claims} == {0}


def test_our_place_has_its_table_and_no_verdict(both: Evaluation) -> None:
    """Our rows are measured beside numbers that are not available; the one printed number stays the paper's."""
    ours = tables(both)["classification"]
    none = lines(ours, "Method")["No defence"]

    assert len(verdicts_csv([both]).splitlines()) == 2
    assert [cell.text for cell, *_ in tables(both)["overview"].rows] == ["Experiments", "All"]
    assert "of the paper" in tables(both)["experiments"].title
    assert "of the paper" not in ours.title
    assert "The paper has no such experiment" in ours.caption
    assert none["Data and model"] == "CIFAR-10 (ours), ResNet (ours)"
    assert none["Test accuracy (%): measured"].startswith("80.00")
    assert not [column for column in ours.columns if "published" in column.title]


def test_our_place_without_a_run_has_no_table() -> None:
    """Where nothing of ours was measured there is nothing to show, and nothing printed that would be missing."""
    assert "classification" not in tables(evaluate(patrol_records(), PATROL, SETTINGS, "demo"))


def test_page_says_which_place_is_ours(both: Evaluation) -> None:
    """Each claim names stand-in data and ours, and every part says where it was tested."""
    found = Page()
    found.feed(render("demo", [Section(PATROL, both, [*patrol_records(), *classification()], [])], [], Timings({}, {})))
    text = " ".join(" ".join(one.text.split()) for one in found.elements)

    assert "on stand-in data and data of ours" in text
    assert "CIFAR-10 (ours), ResNet (ours), measured on cifar10, photos_resnet, paper (ours):" in text
    assert "VeRi-776, VERI-Wild, ResNet-18, measured on photo-reid, photos_resnet, paper (stand-in):" in text


def test_our_rows_can_have_no_printed_number() -> None:
    """A number of a row of ours would be an invented one, and is refused."""
    own = next(row for row in PATROL.rows if row.dataset == CLASSES[0])

    with pytest.raises(ValueError, match=r"found '90' for CIFAR-10 \(ours\), allowed not available"):
        replace(own, numbers={**own.numbers, "test_accuracy": "90"})
