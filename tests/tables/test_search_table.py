"""The table of Algorithm 1's choice: what was compared, on the selection records, and what was taken."""

from dataclasses import replace

from verdict_records import cell_records

from privprune.published import load
from privprune.tables import build
from privprune.verdicts import ControlSettings, EvaluateSettings, RowSettings, evaluate

PAPER = load("mia_pruning")
SEARCH = [
    {"ratio": 1.0, "selection_accuracy": [0.98, 0.96], "gain": [-1.3, -1.4], "chosen": False, "within_drop": True},
    {"ratio": 4.0, "selection_accuracy": [0.98, 0.96], "gain": [-1.5, -1.6], "chosen": True, "within_drop": True},
    {"ratio": 32.0, "selection_accuracy": [0.8, 0.7], "gain": [-1.9, -1.9], "chosen": False, "within_drop": True},
]


def test_search_shows_every_candidate_and_marks_the_one_taken() -> None:
    """One line per candidate, the dense network first; accuracy in percent, gain as it is; one is marked as taken."""
    made, attacked = cell_records("chosen", stage="prune", seeds=[0, 1], attacks={"nasr": [0.5, 0.5]})
    records = [replace(made, search=SEARCH), attacked, *cell_records("base", attacks={"nasr": [0.6, 0.6, 0.6]})]
    settings = EvaluateSettings(
        "mia_pruning",
        (RowSettings("MNIST", "LeNet-5", "baseline", "base", "nasr"),),
        (ControlSettings("MNIST", "LeNet-5", "algorithm_1", "chosen", "nasr"),),
        (),
    )
    tables = {table.name: table for table in build(evaluate(records, PAPER, settings, "test"), PAPER)}
    rows = [[cell.text for cell in row] for row in tables["search"].rows]
    assert [row[1] for row in rows] == ["dense", "4x", "32x"]
    assert [row[-1] for row in rows] == ["", "yes", ""]
    assert rows[1][2].startswith("97.00")
    assert rows[1][3].startswith("-1.550")
