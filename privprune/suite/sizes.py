"""Hold the sizes in a suite against the records of its datasets, before anything is fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from privprune.attacks.choice import read_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.attacks.membership.method import KnownRecords
from privprune.datasets.entry import DatasetSettings
from privprune.datasets.pools import check_pools, evaluated_members
from privprune.errors import UserError
from privprune.workflow.context import NetworkSettings
from privprune.workflow.sparsity_search import SearchEntry

_FEWEST_SEARCHED = 4  # two known ones, and two whose scores have a deviation
_MOST_OF_A_BATCH = 64_000_000_000  # bytes
_KEPT = 6  # values of a residual block for each of its channels and pixels: two norms, ReLUs and convolutions
_MOST_ROLES = 2_000_000_000  # bytes of the splits, one for each record and model, which are drawn in memory


def check_datasets(datasets: Mapping[str, DatasetSettings], file: str) -> None:
    """Check that the pools of every dataset have records enough, and that its splits fit into memory.

    Args:
        datasets: name -> settings.
        file: name of the suite's file, for messages.

    Raises:
        UserError: one line about the first mistake.

    """
    for name, data in datasets.items():
        where = f"{file}: datasets.{name}"
        _check_own(data, where)
        if data.limit is not None and data.limit > data.complete_train_records:
            raise UserError(f"{where}.limit: found {data.limit}, allowed at most {data.complete_train_records}")
        records = data.train_records + (data.test_records or 0)
        if "clean" in data.protocols and data.models * records > _MOST_ROLES:
            raise UserError(
                f"{where}.targets and shadows: found {data.models} together, allowed at most {_MOST_ROLES // records} "
                f"for {records:,} records"
            )
        for protocol, pools in data.protocols.items():
            try:
                check_pools(protocol, pools, data.train_records, data.test_records)
            except UserError as refused:
                raise UserError(f"{where}.{refused}") from None


def _check_own(data: DatasetSettings, where: str) -> None:
    """Look at the user's own data: what the suite is held against is known from its files."""
    try:
        _ = data.info
    except UserError as refused:
        raise UserError(f"{where}.{refused}") from None


def known_records(data: DatasetSettings, network: NetworkSettings) -> KnownRecords:
    """Return what an attacker on a network knows, by the suite."""
    known = data.protocols[network.protocol].known
    return KnownRecords(known.members, known.nonmembers, data.info.size)


def check_odds(odds: float, data: DatasetSettings, network: NetworkSettings, where: str) -> KnownRecords:
    """Check that pools can be sampled with many more members than non-members.

    Args:
        odds: members per non-member.
        data: dataset of the attacked networks.
        network: their settings.
        where: location of the odds, for the message.

    Returns:
        what the attacker knows at these odds.

    Raises:
        UserError: no non-member would be left.

    """
    pools = data.protocols[network.protocol]
    members = evaluated_members(network.protocol, pools, data.train_records)
    known = known_records(data, network)
    for name, count in (("known", known.members), ("evaluation", members)):
        if count < odds:
            raise UserError(f"{where}: found {odds:g} with {count} {name} members, allowed at most as many")
    fewer = min(known.nonmembers, int(known.members / odds))
    return KnownRecords(min(round(fewer * odds), known.members), fewer, known.side)


def check_search(search: SearchEntry, data: DatasetSettings, network: NetworkSettings, where: str) -> None:
    """Check the attack of a search for the sparsity against the selection records, of which it knows every second one.

    Args:
        search: its settings.
        data: dataset of the pruned networks.
        network: their settings.
        where: location of the search, for the message.

    Raises:
        UserError: too few selection records for a standard error, or for the attack.

    """
    pool = data.protocols[network.protocol].selection
    fewest = min(pool.members, pool.nonmembers)
    if fewest < _FEWEST_SEARCHED:
        raise UserError(f"{where}: found {fewest} selection records, allowed at least {_FEWEST_SEARCHED} of both kinds")
    method, settings = read_attack(MEMBERSHIP_ATTACKS, search.inference, f"{where}.inference")
    known = KnownRecords((pool.members + 1) // 2, (pool.nonmembers + 1) // 2, data.info.size)
    try:
        method.check(settings, known)
    except ValueError as refused:
        raise UserError(f"{where}.inference.{refused}") from None


def check_decoders(
    inversions: Mapping[str, Mapping[str, Any]], sent: tuple[int, ...], data: DatasetSettings, where: str
) -> None:
    """Check that one batch of each decoder fits into memory, by the values that its layers keep for the gradient.

    Args:
        inversions: label -> settings, which have been read.
        sent: shape of the features, (c, h, w) or (c,).
        data: dataset of the images.
        where: location of the attacks, for the message.

    Raises:
        UserError: one line about the first that does not fit.

    """
    pixels = math.prod(sent[1:]) if len(sent) == 3 else 1
    image = data.info.size**2
    for label, settings in inversions.items():
        if "blocks" not in settings or "width" not in settings:
            continue
        batch = min(settings.get("fit", settings).get("batch", 1), data.train_records + (data.test_records or 0))
        values = settings["width"] * _KEPT * ((settings["blocks"] + 1) * pixels + 2 * image)
        if 4 * batch * values > _MOST_OF_A_BATCH:
            most = max(1, _MOST_OF_A_BATCH // (4 * values))
            raise UserError(
                f"{where}.{label}: found a batch of {batch} with width {settings['width']} and {settings['blocks']} "
                f"blocks, allowed about {most} of this size (memory)"
            )
