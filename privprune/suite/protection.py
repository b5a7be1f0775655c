"""A suite's defences and pruning, held against the networks that they are to protect."""

from __future__ import annotations

from collections.abc import Mapping

from privprune.attacks.inversion import DecoderSize, Inversion
from privprune.datasets import IMAGE_SHAPES, DatasetSettings
from privprune.defences import (
    NEEDS_CUT,
    NEEDS_REFERENCE,
    CemSettings,
    DefenceSettings,
    DpSgdSettings,
    MatchedAccuracySettings,
    PatrolAsInCemSettings,
    check_lipschitz,
    check_patrol,
    games_of,
    needs_noise,
)
from privprune.errors import UserError
from privprune.models import check_decoder
from privprune.pruning import SoftMaskSettings
from privprune.suite.deployments import Entry
from privprune.suite.shapes import NetworkShapes, anatomy, feature_shape_like, network_like, removable_like
from privprune.workflow.context import NetworkSettings
from privprune.workflow.prune import PruneEntry, check_removal
from privprune.workflow.train import HardenEntry, TrainEntry


def check_protection(entry: Entry, data: DatasetSettings, network: NetworkSettings, where: str) -> None:
    """Hold a cell's defence and pruning against its networks.

    Args:
        entry: the cell, whose origin has been checked.
        data: its dataset.
        network: its networks.
        where: the place of the entry, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    _check_defence(entry, network, where)
    if not isinstance(entry, TrainEntry) and isinstance(entry.defence, NEEDS_CUT):
        _check_game(data, entry, network, f"{where}.defence")
    if isinstance(entry, PruneEntry):
        entry.check_layers(anatomy(data, network, where).weights, where)
        _check_removal(data, entry, network, where)
    elif isinstance(entry, HardenEntry) and isinstance(entry.defence, DpSgdSettings):
        _check_private(anatomy(data, network, where), f"{where}: {network.model}")


def _check_defence(entry: Entry, network: NetworkSettings, where: str) -> None:
    defence = None if isinstance(entry, TrainEntry) else entry.defence
    if isinstance(defence, NEEDS_CUT):
        _check_cut(defence, network, entry.stack, where)
    if isinstance(defence, NEEDS_REFERENCE) and not network.reserve_reference:
        raise UserError(f"{where}.defence: {defence.name} needs networks with reserve_reference: true, found false")
    if isinstance(entry, PruneEntry) and isinstance(defence, DpSgdSettings | MatchedAccuracySettings):
        raise UserError(
            f"{where}.defence: found {defence.name}, allowed in pruning: terms of the loss, such as min_max"
        )
    if isinstance(defence, DpSgdSettings) and entry.stack != 1:
        raise UserError(f"{where}.stack: found {entry.stack}, allowed 1 with dp_sgd (Opacus takes one network)")
    if isinstance(defence, MatchedAccuracySettings) and isinstance(entry, HardenEntry) and entry.network is not None:
        raise UserError(f"{where}.from: found {entry.origin}, allowed models/CELL whose accuracy is to be matched")


def _check_cut(defence: DefenceSettings, network: NetworkSettings, stack: int, where: str) -> None:
    """Hold that a defence of what is sent has something sent, and CEM some noise on it."""
    if network.cut is None:
        raise UserError(f"{where}.defence: {defence.name} needs networks with a cut, found network.cut: null")
    if stack != 1:
        raise UserError(f"{where}.stack: found {stack}, allowed 1 for networks with a cut")
    if isinstance(defence, CemSettings):
        try:
            needs_noise(network.cut)
        except ValueError as refused:
            raise UserError(f"{where}.defence.{refused}") from None


def _check_game(data: DatasetSettings, entry: PruneEntry | HardenEntry, network: NetworkSettings, where: str) -> None:
    """Hold that a game's decoder and Lipschitz terms fit the edge, and that PATROL as in CEM can prune in time."""
    lipschitz, game = games_of(entry.defence)
    try:
        if lipschitz is not None:
            check_lipschitz(lipschitz, network_like(data, network))
        if game is not None:
            check_decoder(feature_shape_like(data, network, None), IMAGE_SHAPES[data.name].image)
    except ValueError as refused:
        raise UserError(f"{where}: {refused}") from None
    if not isinstance(game, PatrolAsInCemSettings):
        return
    try:
        check_patrol(game, network.cut, entry.retrain.epochs if isinstance(entry, PruneEntry) else entry.plan.epochs)
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from None


def _check_removal(data: DatasetSettings, entry: PruneEntry, network: NetworkSettings, where: str) -> None:
    """Hold that a soft mask has an edge to work on, and that it can remove what is asked for."""
    if not isinstance(entry.method, SoftMaskSettings):
        return
    if network.cut is None:
        raise UserError(f"{where}.method: soft_mask needs networks with a cut, found network.cut: null")
    if isinstance(entry.defence, PatrolAsInCemSettings):
        raise UserError(f"{where}.defence: found {entry.defence.name}, which prunes, allowed others with soft_mask")
    try:
        check_removal(entry.method, removable_like(data, network), network_like(data, network))
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from None


def _check_private(found: NetworkShapes, where: str) -> None:
    """Opacus cannot bound one record's influence where a batch's statistics mix the records."""
    if found.normalises:
        raise UserError(f"{where} has batch normalisation, allowed with dp_sgd: networks without")


def check_surrogates(target: Entry, attacks: Mapping[str, Inversion], where: str) -> None:
    """Hold that an attacker who starts from a surrogate finds one of his own architecture.

    Args:
        target: the cell that is attacked.
        attacks: label -> inversion attack.
        where: the place of the attacks, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    _, game = games_of(None if isinstance(target, TrainEntry) else target.defence)
    for label, attack in attacks.items():
        size = attack.surrogate_size
        if size is None:
            continue
        if game is None:
            raise UserError(f"{where}.{label}.start: found surrogate, allowed fresh (the target plays no game)")
        surrogate = DecoderSize(game.blocks, game.width)
        if size != surrogate:
            found, allowed = (f"blocks: {one.blocks}, width: {one.width}" for one in (size, surrogate))
            raise UserError(f"{where}.{label}: found {found}, allowed {allowed} (the surrogate's)")
