"""Hold the sizes in a suite against the records of its datasets, before anything is fetched."""

from __future__ import annotations

from collections.abc import Mapping

from privprune.attacks.choice import read_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.attacks.membership.method import KnownRecords
from privprune.datasets.catalogue import DATASETS
from privprune.datasets.pools import check_pools, evaluated_members
from privprune.datasets.prepare import DatasetSettings
from privprune.errors import UserError
from privprune.workflow.context import NetworkSettings
from privprune.workflow.sparsity_search import SearchEntry

_FEWEST_SEARCHED = 4  # two known ones, and two whose scores have a deviation
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


def known_records(data: DatasetSettings, network: NetworkSettings) -> KnownRecords:
    """Return what an attacker on a network knows, by the suite."""
    known = data.protocols[network.protocol].known
    return KnownRecords(known.members, known.nonmembers, DATASETS[data.name].size)


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
    known = KnownRecords((pool.members + 1) // 2, (pool.nonmembers + 1) // 2, DATASETS[data.name].size)
    try:
        method.check(settings, known)
    except ValueError as refused:
        raise UserError(f"{where}.inference.{refused}") from None
