"""What every edge computes, from the few networks that were exported and counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_patrol import CELLS, PLACE, SETTINGS, patrol_records

from privprune.published import load
from privprune.records import Record
from privprune.verdicts import ControlSettings, Evaluation, evaluate, with_edge_operations
from privprune.verdicts.edge_operations import OPERATIONS

PATROL = load("patrol")
DENSE = 2e6


def operations(records: list[Record], controls: tuple[ControlSettings, ...] = ()) -> dict[str, list[float]]:
    """Return the operations of each cell, per seed, empty where they are unknown."""
    settings = replace(SETTINGS, controls=(*SETTINGS.controls, *controls))
    found = with_edge_operations(evaluate(records, PATROL, settings, "demo"))
    return {
        cell.cell: list(cell.numbers[OPERATIONS].values) if OPERATIONS in cell.numbers else [] for cell in found.cells
    }


def changed(cell: str, stage: str, **metrics: list[float]) -> list[Record]:
    """Return the example's records with other metrics in that of one cell and stage."""
    name = f"{cell}-inversion" if stage == "attack" else cell
    return [replace(one, metrics={**one.metrics, **metrics}) if (one.cell, one.stage) == (name, stage) else one
            for one in patrol_records()]  # fmt: skip


def test_pruned_edges_do_what_is_left_of_the_dense_ones() -> None:
    """Each seed has the dense edge's operations less the share that pruning removed from its own network."""
    found = operations(changed("reid-pruning", "prune", edge_operations_removed=[0.9, 0.8, 0.85]))

    assert found["reid-pruning"] == pytest.approx([0.1 * DENSE, 0.2 * DENSE, 0.15 * DENSE])
    assert found["reid-patrol"] == pytest.approx([0.07 * DENSE] * 3)  # not the one exported network alone


def test_edges_that_add_no_layer_do_what_the_undefended_one_does() -> None:
    """Noise and dropout change neither parameters nor operations; another cut has other ones, which nobody counted."""
    found = operations(patrol_records())

    assert found["reid-none"] == found["reid-noise"] == found["reid-dropout"] == [DENSE] * 3
    assert found["reid-blocks1"] == found["reid-blocks2"] == []


def test_edges_of_the_same_widths_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow network from scratch has the operations of the pruned ones whose widths it has, seed by seed."""
    monkeypatch.setitem(CELLS, "reid-narrow", (0.79, 0.009, 0.9, 0.0, 0.6, "harden"))
    sizes, shares = [1500.0, 1200.0, 1400.0], [0.9, 0.92, 0.91]
    of_pruned = {"edge_parameters": sizes}
    records = changed("reid-pruning", "prune", edge_operations_removed=shares)
    attacked = ("reid-pruning-inversion", "reid-narrow-inversion")
    records = [replace(one, metrics=one.metrics | of_pruned) if one.cell in attacked else one for one in records]
    found = operations(records, (ControlSettings(*PLACE, "narrow", "reid-narrow", None),))

    assert found["reid-narrow"] == found["reid-pruning"] == pytest.approx([DENSE * (1 - share) for share in shares])


def test_without_any_exported_network_nothing_is_known() -> None:
    """No operations are made up."""
    records = [one for one in patrol_records() if one.stage != "deploy"]
    evaluation: Evaluation = evaluate(records, PATROL, SETTINGS, "demo")

    assert with_edge_operations(evaluation) == evaluation
