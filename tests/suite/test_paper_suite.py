"""The paper suite has a cell for every printed number, on the printed data, with the settings that the papers state."""

from __future__ import annotations

from typing import Any

import pytest
from locations import CALIBRATION, PAPER

from privprune.published import METRICS, Paper, PublishedNumber, load, names
from privprune.verdicts import RowSettings
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.number_verdicts import differences
from privprune.yaml_file import load_yaml

SUITE = load_yaml(PAPER)
PAPERS = tuple(name for name in names() if name not in load_yaml(CALIBRATION)["evaluate"])
CELLS: dict[str, dict[str, Any]] = {**SUITE["train"], **SUITE["prune"], **SUITE["harden"]}
DEPLOYED = ("edge_parameters", "edge_operations", "cloud_parameters", "cloud_operations")
NOT_MEASURED = {  # printed metric -> why no cell gives it
    "edge_milliseconds": "100 batches of 128 on one RTX 4090; what a cell takes stands in its timings, never judged",
    "cloud_milliseconds": "the same, and the released code times the whole network",
}


def line_of(cell: str) -> list[str]:
    """Return a cell, the cell that it starts from, and so on, back to the one that starts from a dataset."""
    origin = CELLS[cell].get("from", "datasets/")
    return [cell] if origin.startswith("datasets/") else [cell, *line_of(origin.removeprefix("models/"))]


def network_of(cell: str) -> dict[str, Any]:
    """Return the key `network` of the first cell in a cell's lineage."""
    return dict(next(CELLS[one]["network"] for one in line_of(cell) if CELLS[one].get("network")))


def measured_like(cell: str) -> MeasuredCell:
    """Return a cell with the properties that a run would record, without numbers."""
    data, network = SUITE["datasets"][CELLS[cell]["data"]], network_of(cell)
    note = "" if data["limit"] is None else f"{data['limit']} of more training records"
    return MeasuredCell(
        cell=cell,
        stage="train",
        data=data["name"],
        source=data["name"],
        note=note,
        model=network["model"],
        protocol=network["protocol"],
        seeds=tuple(network["seeds"]),
        epochs=0,
        numbers={},
        attacks={},
        inversions={},
        search=(),
    )


def attacks_on(cell: str, kind: str) -> set[str]:
    """Return the labels of all `methods` or all `inversions` on a cell."""
    return {label for entry in SUITE["attack"].values() if entry["target"] == cell for label in entry.get(kind, ())}


def gives(row: RowSettings, number: PublishedNumber, paper: Paper) -> bool:
    """Return whether a run of a row's cell gives a number that is compared with the printed one, not a stand-in."""
    if (row.dataset, row.model, row.defence) != (number.dataset, number.model, number.method):
        return False
    metric = paper.measured_as(number.metric)
    inverted = METRICS[metric].attack in {*attacks_on(row.cell, "inversions"), ""}
    told = metric != "attack_accuracy" or row.attack in attacks_on(row.cell, "methods")
    deployed = metric not in DEPLOYED or row.cell in {entry["cell"] for entry in SUITE["deploy"].values()}
    like = not differences(number, row.attack, measured_like(row.cell), paper)
    return inverted and told and deployed and like and metric not in NOT_MEASURED


def mapped(name: str) -> list[RowSettings]:
    """Return the cells that are assigned to a paper's rows."""
    return [RowSettings(**row) for row in SUITE["evaluate"][name]["rows"]]


@pytest.mark.parametrize(("name", "rows"), [("mia_pruning", 42), ("cem", 133), ("patrol", 9)])
def test_every_printed_row_has_a_cell(name: str, rows: int) -> None:
    """Averages are computed from the rows of their table; rows without available numbers have a cell, too."""
    paper = load(name)
    printed = [row for table in paper.tables if not table.ours for row in table.rows]
    assert len(printed) == rows
    cells = {(row.dataset, row.model, row.defence) for row in mapped(name)}
    for row in printed:
        for defence in paper.averages.get(row.defence, (row.defence,)):
            assert (row.dataset, row.model, defence) in cells


@pytest.mark.parametrize(("name", "numbers"), [("mia_pruning", 94), ("cem", 667), ("patrol", 1)])
def test_every_printed_number_has_a_cell(name: str, numbers: int) -> None:
    """Dataset, network, split and attacks are those of the paper, except for numbers that are listed with a reason."""
    paper = load(name)
    assert len(paper.numbers) == numbers
    without = [
        (number.table, number.dataset, number.method, number.metric)
        for number in paper.numbers
        if number.method not in paper.averages and not any(gives(row, number, paper) for row in mapped(name))
    ]
    assert [missing for missing in without if missing[3] not in NOT_MEASURED] == []
    assert len(without) == (4 if name == "cem" else 0)  # two times in each of two rows


def test_each_paper_has_a_section() -> None:
    """Each paper with printed numbers has a section, and so has the matrix of both threats."""
    assert SUITE["evaluate"].keys() == {*PAPERS, "cross"}


def test_pruned_cells_have_the_printed_ratio() -> None:
    """Each row of Table 4 is a cell whose budget, in all or as fractions per layer, gives the printed ratio."""
    rows = {row.key: row.numbers["weights_ratio"] for row in load("mia_pruning").rows if "weights_ratio" in row.numbers}
    found = {}
    for row in mapped("mia_pruning"):
        key = row.dataset, row.model, row.defence
        if key in rows and "-clean-" not in row.cell:
            found[key] = ratio_of(SUITE["prune"][row.cell]["budget"])
    assert {key: f"{ratio:.2f}" for key, ratio in found.items()} == rows


def ratio_of(budget: dict[str, Any]) -> float:
    """Return a budget's ratio of all weights to those kept; only LeNet-5 has a budget by layers."""
    if budget["ratio"] is not None:
        return float(budget["ratio"])
    sizes = {"conv1": 150, "conv2": 2400, "fc1": 48_000, "fc2": 10_080, "fc3": 840}
    assert budget["keep"].keys() == sizes.keys()
    return sum(sizes.values()) / sum(round(budget["keep"][name] * count) for name, count in sizes.items())


def test_epsilon_is_the_printed_one() -> None:
    """LeNet-5 has the epsilon of Section 5.3; the paper states none for the CNN."""
    assert SUITE["harden"]["mnist-lenet5-dp"]["defence"]["epsilon"] == 6.28


@pytest.mark.parametrize("row", mapped("cem"), ids=lambda row: row.cell)
def test_rows_of_cem_are_trained_as_the_paper_says(row: RowSettings) -> None:
    """SGD at 0.05, 240 epochs of VGG11 and 120 of ResNet-20, eight channels at the cut, noise 0.025, lambda 16."""
    entry, network = CELLS[row.cell], network_of(row.cell)
    assert entry["plan"]["epochs"] == {"vgg11_bn": 240, "resnet20": 120}[network["model"]]
    assert entry["plan"]["optimiser"].items() >= {"name": "sgd", "learning_rate": 0.05}.items()
    assert network["cut"]["bottleneck"] == (None if row.defence == "none" else 8)
    if row.defence.startswith("bottleneck"):
        assert network["cut"]["wire"] == {"name": "gaussian", "deviation": 0.025}
    if row.defence.endswith("+cem"):
        assert entry["defence"].items() >= {"name": "cem", "weight": 16.0}.items()


@pytest.mark.parametrize("name", PAPERS)
def test_every_row_has_cells_of_one_dataset(name: str) -> None:
    """All cells in the lineage of a row's cell are trained on the dataset of the row."""
    for row in mapped(name):
        assert len({CELLS[cell]["data"] for cell in line_of(row.cell)}) == 1


def test_patrols_attackers_can_be_judged() -> None:
    """Each of its attack entries has LMMSE, rMLE and the mean image, and decoders that hold images out."""
    entries = [one for one in SUITE["attack"].values() if one["paper"] == "patrol"]
    assert entries
    for entry in entries:
        attacks = entry["inversions"].values()
        assert {"decoder", "lmmse", "rmle", "mean_image"} <= {one["attack"] for one in attacks}
        assert all(one["fit"]["validation"] > 0 for one in attacks if one["attack"] == "decoder")
