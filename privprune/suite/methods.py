"""Check the methods of a suite against the networks they are applied to, with the checks that the methods declare."""

from __future__ import annotations

from collections.abc import Mapping

from privprune.attacks.inversion import Inversion
from privprune.datasets.entry import DatasetSettings
from privprune.datasets.pools import half_of
from privprune.defences import DEFENCES, DefendedCell, check_defence, surrogate_of
from privprune.errors import UserError
from privprune.pruning import PrunedCell, check_pruning, removal_method
from privprune.suite.cuts import check_sees_what_is_sent
from privprune.suite.deployments import Entry
from privprune.suite.shapes import network_shapes
from privprune.suite.sizes import check_search
from privprune.workflow.context import NetworkSettings
from privprune.workflow.prune import PruneEntry
from privprune.workflow.train import HardenEntry, TrainEntry


def check_methods(entry: Entry, data: DatasetSettings, network: NetworkSettings, where: str) -> None:
    """Check a cell's defence and pruning method against its networks.

    Args:
        entry: the cell, whose origin has been checked.
        data: its dataset.
        network: its networks.
        where: location of the entry, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    if not isinstance(entry, TrainEntry) and entry.defence is not None:
        check_defence(entry.defence, _defended(entry, data, network, where), where)
        check_sees_what_is_sent(network, DEFENCES[entry.defence.name].needs, entry.defence.name, where)
    if isinstance(entry, PruneEntry):
        shapes = network_shapes(data, network, where)
        entry.check_layers(shapes.weights, where)
        pruned = PrunedCell(shapes, training_records(data, network), network.reidentification is not None)
        _check_pruning(entry, pruned, where)
        if entry.search is not None:
            check_search(entry.search, data, network, f"{where}.search")


def training_records(data: DatasetSettings, network: NetworkSettings) -> int:
    """Return how many records each network of a cell trains on, by the catalogue or the suite's own count."""
    protocol, records = data.protocols[network.protocol], data.train_records
    if network.protocol == "clean":
        return half_of(protocol, records)
    reserved = protocol.reference if network.reserve_reference else 0
    return records - reserved


def _defended(
    entry: PruneEntry | HardenEntry, data: DatasetSettings, network: NetworkSettings, where: str
) -> DefendedCell:
    """Describe a cell for the check of its defence."""
    return DefendedCell(
        cut=network.cut,
        epochs=entry.retrain.epochs if isinstance(entry, PruneEntry) else entry.plan.epochs,
        stack=entry.stack,
        pruning=isinstance(entry, PruneEntry),
        origin=entry.origin,
        reserves_reference=network.reserve_reference,
        identities=network.reidentification is not None,
        model=network.model,
        shapes=network_shapes(data, network, where),
        records=training_records(data, network),
        classes=data.info.classes,
    )


def _check_pruning(entry: PruneEntry, cell: PrunedCell, where: str) -> None:
    """Check a pruning method; where it removes structures, the defence must not prune as well."""
    removes = removal_method(entry.method) is not None
    if removes and entry.defence is not None and DEFENCES[entry.defence.name].prunes:
        raise UserError(
            f"{where}.defence: found {entry.defence.name}, which prunes, allowed others with {entry.method.name}"
        )
    try:
        check_pruning(entry.method, cell)
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from None


def check_surrogates(target: Entry, attacks: Mapping[str, Inversion], where: str) -> None:
    """Check that attacks that start from the defence's surrogate decoder have a decoder of the same architecture.

    Args:
        target: the cell that is attacked.
        attacks: label -> inversion attack.
        where: location of the attacks, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    surrogate = surrogate_of(None if isinstance(target, TrainEntry) else target.defence)
    for label, attack in attacks.items():
        size = attack.surrogate_size
        if size is None:
            continue
        if surrogate is None:
            raise UserError(f"{where}.{label}.start: found surrogate, allowed fresh (the target plays no game)")
        if size != surrogate:
            found, allowed = (f"blocks: {decoder.blocks}, width: {decoder.width}" for decoder in (size, surrogate))
            raise UserError(f"{where}.{label}: found {found}, allowed {allowed} (the surrogate's)")
