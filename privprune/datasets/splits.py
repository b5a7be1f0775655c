"""Splits: which records each model trains on (members) and what the others are used for, drawn once from one seed.

Every record has exactly one role per model, so the pools of a split cannot overlap. There are two protocols:

* `paper` (what the tables of MIA-Pruning imply): every model trains on the official training set, the non-members come
  from the official test set. The reference records of the Min-Max game are taken from the training set.
* `clean` (for conclusions): every model trains on an exact half of the official training set, or of a part of it that
  has twice as many records as a model shall have members; the other half are its non-members. The official test set is
  for utility, and for non-members in no pool. The same halves serve as shadow models (LiRA, RMIA).

All draws are stratified (`datasets.strata`): members and non-members of a pool have the same class frequencies as far
as the counts allow. Otherwise an attack could gain from the label alone, without a look at the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privprune.datasets.pools import REFERENCE_FROM, ProtocolSettings, check_pools, half_of
from privprune.datasets.strata import Records, Strata
from privprune.errors import UserError

Roles = np.ndarray[Any, np.dtype[np.uint8]]


class Role(IntEnum):
    """The use of one record for one model; `splits.npz` contains these numbers."""

    NONMEMBER = 0  # not trained on, and in no pool
    MEMBER = 1  # trained on, and in no pool
    REFERENCE = 2
    SELECTION_MEMBER = 3
    SELECTION_NONMEMBER = 4
    KNOWN_MEMBER = 5
    KNOWN_NONMEMBER = 6
    EVALUATION_MEMBER = 7
    EVALUATION_NONMEMBER = 8


MEMBER_ROLES = (Role.MEMBER, Role.SELECTION_MEMBER, Role.KNOWN_MEMBER, Role.EVALUATION_MEMBER)


@dataclass(frozen=True)
class Split:
    """The pools of one model: sorted int64 positions in `Dataset.images`.

    The pools are disjoint, except that `members` contains the pools of members, and `test` may contain those of
    non-members.

    Attributes:
        members: the records that the model trains on, which include the three pools of members.
        reference: non-members that the Min-Max defence may use.
        selection_members, selection_nonmembers: for choosing sparsity, lambda or epoch.
        known_members, known_nonmembers: the attacker knows their membership.
        evaluation_members, evaluation_nonmembers: attacks are scored on these only.
        spare: non-members that are in no pool; under `clean` the test set is among them.
        test: the official test set, for utility only; under `paper` the pools of non-members are taken from it.

    """

    members: Tensor
    reference: Tensor
    selection_members: Tensor
    selection_nonmembers: Tensor
    known_members: Tensor
    known_nonmembers: Tensor
    evaluation_members: Tensor
    evaluation_nonmembers: Tensor
    spare: Tensor
    test: Tensor

    @classmethod
    def of(cls, roles: Roles, official_train: int) -> Split:
        """Build the pools from the role of every record, uint8 [N]."""

        def having(*wanted: Role) -> Tensor:
            return torch.from_numpy(np.flatnonzero(np.isin(roles, wanted)).astype(np.int64))

        return cls(
            members=having(*MEMBER_ROLES),
            reference=having(Role.REFERENCE),
            selection_members=having(Role.SELECTION_MEMBER),
            selection_nonmembers=having(Role.SELECTION_NONMEMBER),
            known_members=having(Role.KNOWN_MEMBER),
            known_nonmembers=having(Role.KNOWN_NONMEMBER),
            evaluation_members=having(Role.EVALUATION_MEMBER),
            evaluation_nonmembers=having(Role.EVALUATION_NONMEMBER),
            spare=having(Role.NONMEMBER),
            test=torch.arange(official_train, len(roles)),
        )

    def members_with_reference(self, protocol: str) -> Tensor:
        """Return the training records of a cell whose method does not use the reference records.

        Under `paper` that is the full official training set. Under `clean` it is `members`, since the reference records
        belong to the half of the non-members.
        """
        if protocol != "paper":
            return self.members
        return torch.cat([self.members, self.reference]).sort().values


@dataclass(frozen=True)
class Extent:
    """Numbers of official training records, of all records including the test set, of target and of shadow models."""

    official_train: int
    records: int
    targets: int
    shadows: int


def split_roles(protocol: str, settings: ProtocolSettings, extent: Extent, labels: Records) -> Roles:
    """Draw the role of every record for every model, uint8 [models, records].

    The rows of `clean` are the targets, then the shadow models; `paper` has one row, which all targets share.

    Args:
        protocol: `paper` or `clean`.
        settings: sizes of the pools.
        extent: numbers of records and models.
        labels: int64 [records], the classes by which the draws are stratified.

    Raises:
        UserError: unknown protocol, or more records asked for than there are.

    """
    if protocol not in PROTOCOLS:
        raise UserError(f"protocols.{protocol}: unknown protocol, allowed {', '.join(PROTOCOLS)}")
    check_pools(protocol, settings, extent.official_train, extent.records - extent.official_train)
    return PROTOCOLS[protocol](settings, extent, Strata.of(labels))


def _paper(settings: ProtocolSettings, extent: Extent, strata: Strata) -> Roles:
    """All official training records except the reference are members; pools of non-members come from the test set."""
    draw = np.random.default_rng([settings.seed, 0])
    roles = np.full(extent.records, Role.NONMEMBER, dtype=np.uint8)
    roles[: extent.official_train] = Role.MEMBER
    train = draw.permutation(extent.official_train)
    test = extent.official_train + draw.permutation(extent.records - extent.official_train)
    _assign(roles, (train, test), settings, strata, REFERENCE_FROM["paper"])
    return roles[None]


def _clean(settings: ProtocolSettings, extent: Extent, strata: Strata) -> Roles:
    """Half of the records that take part are members; the others are non-members."""
    half = half_of(settings, extent.official_train)
    everything = np.random.default_rng([settings.seed, 3]).permutation(extent.official_train)
    part, _ = strata.divided(everything, 2 * half)
    rows = []
    for model in range(extent.targets + extent.shadows):
        roles = np.full(extent.records, Role.NONMEMBER, dtype=np.uint8)
        halves = _halves(settings.seed, model, extent, part, strata)
        roles[halves[0]] = Role.MEMBER
        _assign(roles, halves, settings, strata, REFERENCE_FROM["clean"])
        rows.append(roles)
    return np.stack(rows)


PROTOCOLS: dict[str, Callable[[ProtocolSettings, Extent, Strata], Roles]] = {"paper": _paper, "clean": _clean}


def _halves(seed: int, model: int, extent: Extent, part: Records, strata: Strata) -> tuple[Records, Records]:
    """Return the members and the non-members of a model in a random order.

    Each target is drawn independently of all other models, so that the number of shadow models that train on a record
    says nothing about its membership in a target. Shadow models come in pairs of complementary halves, so that every
    record is a member of exactly half of them. A model's draw does not depend on the number of models.
    """
    if model < extent.targets:
        draw, second = np.random.default_rng([seed, 1, model]), 0
    else:
        pair, second = divmod(model - extent.targets, 2)
        draw = np.random.default_rng([seed, 2, pair])
    members, others = strata.divided(draw.permutation(np.sort(part)), len(part) // 2)
    return (others, members) if second else (members, others)


def _assign(
    roles: Roles,
    candidates: tuple[Records, Records],
    settings: ProtocolSettings,
    strata: Strata,
    reference_from: int,
) -> None:
    """Assign roles to the candidates for members and for non-members, the same class frequencies in both.

    Args:
        roles: of one model, changed in place.
        candidates: for pools of members and for pools of non-members, in a random order.
        settings: sizes of the pools; an open one takes all candidates that remain, at least one.
        strata: the classes of the records.
        reference_from: which of the candidates the reference records are taken from.

    """
    left = list(candidates)
    frequencies = strata.counts(candidates[1])  # of the non-members, under `paper` the scarcer side

    def take(side: int, role: Role, size: int) -> None:
        taken, left[side] = strata.divided(left[side], size, frequencies)
        roles[taken] = role

    take(0, Role.SELECTION_MEMBER, settings.selection.members)
    take(1, Role.SELECTION_NONMEMBER, settings.selection.nonmembers)
    take(0, Role.KNOWN_MEMBER, settings.known.members)
    take(1, Role.KNOWN_NONMEMBER, settings.known.nonmembers)
    take(reference_from, Role.REFERENCE, settings.reference)
    evaluation = (Role.EVALUATION_MEMBER, Role.EVALUATION_NONMEMBER)
    sizes = (settings.evaluation.members, settings.evaluation.nonmembers)
    for side in sorted((0, 1), key=lambda one: sizes[one] is not None):  # what remains sets the other's frequencies
        size = sizes[side]
        if size is None:
            frequencies = strata.counts(left[side])
        take(side, evaluation[side], len(left[side]) if size is None else size)
