"""Check the sections on cells that have been trained: `recognise`, which judges reconstructions, and `deploy`."""

from __future__ import annotations

from collections.abc import Mapping

from privprune.lineage import lineage
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.context import NetworkSettings
from privprune.workflow.deploy import DeployEntry, check_deploy
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.prune import PruneEntry
from privprune.workflow.recognise import RecogniseEntry, check_recognise
from privprune.workflow.train import HardenEntry, TrainEntry

Entry = TrainEntry | PruneEntry | HardenEntry


def network_of(cells: Mapping[str, Entry], cell: str) -> NetworkSettings:
    """Return the settings of a cell's networks, which are those of the first cell of its lineage."""
    first = cells[lineage_of(cells, cell)[-1]]
    network = None if isinstance(first, PruneEntry) else first.network
    assert network is not None  # noqa: S101 (checked when the entry was read: a cell that starts from a dataset has them)
    return network


def lineage_of(cells: Mapping[str, Entry], cell: str) -> tuple[str, ...]:
    """Return a cell, the cell that it starts from, and so on, back to the one that starts from a dataset."""
    return lineage(cell, lambda name: origin_of(cells[name]))


def origin_of(entry: Entry) -> str:
    """Return what a cell starts from."""
    return f"datasets/{entry.data}" if isinstance(entry, TrainEntry) else entry.origin


def check_deployments(
    recognitions: Mapping[str, RecogniseEntry],
    deployments: Mapping[str, DeployEntry],
    cells: Mapping[str, Entry],
    attacks: Mapping[str, AttackEntry | InversionEntry],
    file: str,
) -> None:
    """Check that the cells that judge reconstructions, and those that are deployed, exist and are suitable.

    Args:
        recognitions: entries of `recognise`.
        deployments: entries of `deploy`.
        cells: all cells, whose origins have been checked.
        attacks: all attacks, whose targets have been checked.
        file: name of the suite's file, for messages.

    Raises:
        UserError: one line about the first mistake.

    """
    data = {cell: entry.data for cell, entry in cells.items()}
    lines = {cell: (data[cell], lineage_of(cells, cell)) for cell in cells}
    inverting = [entry for entry in attacks.values() if isinstance(entry, InversionEntry)]
    for name, recognition in recognitions.items():
        check_recognise(recognition, lines, inverting, f"{file}: recognise.{name}")
    for name, deployment in deployments.items():
        network = network_of(cells, deployment.cell) if deployment.cell in cells else None
        check_deploy(deployment, data, network, f"{file}: deploy.{name}")
