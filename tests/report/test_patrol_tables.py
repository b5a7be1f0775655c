"""PATROL's tables say what was measured, on which data and network, and of which networks."""

from __future__ import annotations

from dataclasses import replace

from example_patrol import PLACE as VEHICLES
from example_patrol import SETTINGS, patrol_records

from privprune.published import NOT_AVAILABLE, load
from privprune.tables import Table, build
from privprune.tables.table import ABSENT
from privprune.verdicts import Evaluation, evaluate
from privprune.verdicts.settings import CurveSettings

PATROL = load("patrol")


def tables(evaluation: Evaluation) -> dict[str, Table]:
    """Return the tables by name."""
    return {table.name: table for table in build(evaluation, PATROL)}


def lines_of(table: Table) -> list[dict[str, str]]:
    """Return a table's rows, each as heading -> text."""
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, (cell.text for cell in row), strict=True)) for row in table.rows]


def lines(table: Table, key: str) -> dict[str, dict[str, str]]:
    """Return a table's rows by their cell in one column."""
    return {one[key]: one for one in lines_of(table)}


def test_every_row_of_measurements_names_data_and_network() -> None:
    """Of the paper's rows too, which bear the names of other data; a row that shows none of a cell has none to name."""
    place = "photo-reid, photos_resnet, paper"
    counts = {"claims", "overview", "literature", "gains", "matched"}  # of verdicts; or empty here
    for name, table in tables(evaluate(patrol_records(), PATROL, SETTINGS, "demo")).items():
        for line in () if name in counts else lines_of(table):
            shown = any(text not in (ABSENT, NOT_AVAILABLE) for title, text in line.items() if "measured" in title)
            assert place in line["Measured on"] or (name == "experiments" and not shown), (name, line)


def test_deployed_numbers_are_those_of_the_exported_network() -> None:
    """Where networks of other seeds were left with other sizes, the mean over seeds is in the other tables only."""
    records = [
        replace(one, metrics={**one.metrics, "edge_parameters": [1000.0, 2000.0, 3000.0]})
        if one.stage == "attack" and one.parameters["target"] == "reid-patrol"
        else one
        for one in patrol_records()
    ]
    found = tables(evaluate(records, PATROL, SETTINGS, "demo"))
    assert lines(found["deployment"], "Cell")["reid-patrol"]["Edge parameters"] == "1,120"
    assert lines(found["methods"], "Cell")["reid-patrol"]["Edge parameters"].startswith("2,000 [")


def test_a_curve_of_pruned_edges_has_its_price() -> None:
    """Utility, error, and how much of parameters and operations is left stand in one row of a pruned cell."""
    records = [
        replace(one, metrics={**one.metrics, "edge_operations_removed": [0.5] * 3}) if one.stage == "prune" else one
        for one in patrol_records()
    ]
    curve = CurveSettings(*VEHICLES, "patrol_share", ("reid-pruning", "reid-patrol"))
    settings = replace(SETTINGS, curves=(*SETTINGS.curves, curve))
    priced = lines(tables(evaluate(records, PATROL, settings, "demo"))["curves"], "Cell")["reid-patrol"]
    assert (priced["Edge parameters"], priced["Edge MACs removed (%)"]) == ("1,120", "50.00")
    assert priced["mAP (%)"].startswith("79.00 [")
    assert priced["Decoder (train) MSE"].startswith("0.01700 [")
