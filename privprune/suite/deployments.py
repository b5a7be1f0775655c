"""What a suite does with its cells after training: whose reconstructions are judged, what is deployed."""

from __future__ import annotations

from collections.abc import Mapping

from privprune.workflow.attack import AttackEntry
from privprune.workflow.context import NetworkSettings
from privprune.workflow.deploy import DeployEntry, check_deploy
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.prune import PruneEntry
from privprune.workflow.recognise import RecogniseEntry, check_recognise
from privprune.workflow.train import HardenEntry, TrainEntry

Entry = TrainEntry | PruneEntry | HardenEntry


def network_of(cells: Mapping[str, Entry], cell: str) -> NetworkSettings:
    """Return the networks of a cell, which it has from where it started."""
    entry = cells[cell]
    own = entry.network if isinstance(entry, TrainEntry | HardenEntry) else None
    if own is not None:
        return own
    assert not isinstance(entry, TrainEntry)  # noqa: S101 (a train entry has its networks)
    return network_of(cells, entry.origin.removeprefix("models/"))


def line_of(cells: Mapping[str, Entry], cell: str) -> tuple[str, ...]:
    """Return a cell and those that it was trained on from, back to the one that started from a dataset."""
    entry = cells[cell]
    if isinstance(entry, TrainEntry) or not entry.origin.startswith("models/"):
        return (cell,)
    return (cell, *line_of(cells, entry.origin.removeprefix("models/")))


def check_uses(
    recognitions: Mapping[str, RecogniseEntry],
    deployments: Mapping[str, DeployEntry],
    cells: Mapping[str, Entry],
    attacks: Mapping[str, AttackEntry | InversionEntry],
    file: str,
) -> None:
    """Hold that what judges reconstructions and what is deployed is there, and fit for it.

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
    lines = {cell: (data[cell], line_of(cells, cell)) for cell in cells}
    inverting = [entry for entry in attacks.values() if isinstance(entry, InversionEntry)]
    for name, recognition in recognitions.items():
        check_recognise(recognition, lines, inverting, f"{file}: recognise.{name}")
    for name, deployment in deployments.items():
        network = network_of(cells, deployment.cell) if deployment.cell in cells else None
        check_deploy(deployment, data, network, f"{file}: deploy.{name}")
