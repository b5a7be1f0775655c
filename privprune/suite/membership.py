"""Check the membership attacks of a suite against their cells, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from privprune.attacks.membership.checks.twice_the_budget import doubled
from privprune.datasets.entry import DatasetSettings
from privprune.errors import UserError, shown
from privprune.suite.deployments import Entry
from privprune.suite.sizes import check_odds, known_records
from privprune.suite.vectors import check_queries
from privprune.workflow.attack_entry import AttackEntry, ChosenAttack
from privprune.workflow.context import NetworkSettings

_LEAST_SHADOWS = 2  # one that was trained with a record and one that was not


class Cells(Protocol):
    """The part of a suite that is needed."""

    @property
    def cells(self) -> Mapping[str, Entry]:
        """Name -> entry that makes the cell."""
        ...

    @property
    def datasets(self) -> Mapping[str, DatasetSettings]:
        """Name -> settings."""
        ...

    def network(self, cell: str) -> NetworkSettings:
        """Return the networks of a cell."""
        ...

    def without_shadows(self, cell: str) -> str | None:
        """Return why a cell has no shadow models, or None where it has some."""
        ...


def check_membership(suite: Cells, entry: AttackEntry, where: str) -> None:
    """Check an entry whose target exists and has classes.

    Args:
        suite: with all cells, which have been checked.
        entry: the attacks.
        where: place of the entry, for messages.

    Raises:
        UserError: an attack is unknown or has wrong settings, lacks shadow models or a second network, or has no
            budget that could be doubled; the second network has another dataset, other splits or other seeds.

    """
    for label, chosen in entry.chosen(where).items():
        place = f"{where}.methods.{label}"
        if chosen.method.needs_shadows:
            _check_shadows(suite, entry.target, place)
        if chosen.method.needs_companion and entry.released_with is None:
            raise UserError(f"{place}: needs a second network, but released_with is null")
        _check_twice(entry, label, chosen, where)
        check_queries(chosen, suite.datasets[entry.data], entry.data, place)
        _check_sizes(suite, entry, label, chosen, where)
    _check_companion(suite, entry, where)


def _check_sizes(suite: Cells, entry: AttackEntry, label: str, chosen: ChosenAttack, where: str) -> None:
    """Check an attack against the number of known records, at all odds that it runs at, and the side of the images."""
    data, network = suite.datasets[entry.data], suite.network(entry.target)
    known = [known_records(data, network)]
    if label in entry.base_rates.attacks:
        known += [check_odds(odds, data, network, f"{where}.base_rates.odds") for odds in entry.base_rates.odds]
    for records in known:
        try:
            chosen.method.check(chosen.settings, records)
        except ValueError as refused:
            raise UserError(f"{where}.methods.{label}.{refused}") from None
    farthest = max((max(abs(view.down), abs(view.right)) for view in chosen.views), default=0)
    if farthest > known[0].side:
        raise UserError(
            f"{where}.methods.{label}: found queries shifted by {farthest} pixels, allowed at most {known[0].side}"
        )


def _check_shadows(suite: Cells, target: str, place: str) -> None:
    reason = suite.without_shadows(target)
    found = suite.network(target).shadows
    if reason is None and found < _LEAST_SHADOWS:
        reason = f"{target} has shadows: {found}, allowed at least {_LEAST_SHADOWS}"
    if reason is not None:
        raise UserError(f"{place}: needs shadow models, but {reason}")


def _check_companion(suite: Cells, entry: AttackEntry, where: str) -> None:
    other, target = entry.released_with, entry.target
    if other is None:
        return
    where = f"{where}.released_with"
    if other not in suite.cells or other == target:
        raise UserError(
            f"{where}: found {shown(other)}, allowed null, {', '.join(c for c in suite.cells if c != target)}"
        )
    if suite.cells[other].data != entry.data:
        raise UserError(f"{where}: found {other} with data {suite.cells[other].data}, allowed {entry.data}")
    for key in ("protocol", "seeds", "reserve_reference"):
        found, wanted = getattr(suite.network(other), key), getattr(suite.network(target), key)
        if found != wanted:
            raise UserError(f"{where}: found {other} with {key} {found}, allowed {wanted}, that of {target}")


def _check_twice(entry: AttackEntry, label: str, chosen: ChosenAttack, where: str) -> None:
    if label in entry.twice and doubled(chosen.settings) is None:
        raise UserError(f"{where}.twice: found {label}, which trains nothing, allowed attacks with `steps`")
