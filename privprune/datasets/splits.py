"""Splits: which records each model trains on (members) and what the others are used for, drawn once from one seed.

Every record has exactly one role per model, so the pools of a split cannot overlap. There are two protocols:

* `paper` (what the tables of MIA-Pruning imply): every model trains on the official training set, the non-members come
  from the official test set. The reference records of the Min-Max game are taken from the training set.
* `clean` (for conclusions): every model trains on an exact half of the official training set, the other half are its
  non-members, the official test set is used for utility only. The same halves serve as shadow models (LiRA, RMIA).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privprune.errors import UserError
from privprune.settings import AtLeastOne, Count

Roles = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Pool:
    """Sizes of a pool of members and of its pool of non-members, in records."""

    members: AtLeastOne
    nonmembers: AtLeastOne


@dataclass(frozen=True)
class OpenPool:
    """Sizes like those of `Pool`; null means all records that the other pools do not use."""

    members: AtLeastOne | None
    nonmembers: AtLeastOne | None


@dataclass(frozen=True)
class ProtocolSettings:
    """Sizes of the pools of one protocol.

    Attributes:
        seed: of the random draw of halves and pools.
        reference: number of non-members that the Min-Max defence may use.
        selection: records for choosing sparsity, lambda or epoch.
        known: records whose membership the attacker knows.
        evaluation: records that attacks are scored on.

    """

    seed: Count
    reference: Count
    selection: Pool
    known: Pool
    evaluation: OpenPool


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


def split_roles(protocol: str, settings: ProtocolSettings, extent: Extent) -> Roles:
    """Draw the role of every record for every model, uint8 [models, records].

    The rows of `clean` are the targets, then the shadow models; `paper` has one row, which all targets share.

    Raises:
        UserError: unknown protocol, or more records asked for than there are.

    """
    if protocol not in PROTOCOLS:
        raise UserError(f"protocols.{protocol}: unknown protocol, allowed {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol](settings, extent)


def _paper(settings: ProtocolSettings, extent: Extent) -> Roles:
    """All official training records except the reference are members; pools of non-members come from the test set."""
    draw = np.random.default_rng([settings.seed, 0])
    roles = np.full(extent.records, Role.NONMEMBER, dtype=np.uint8)
    roles[: extent.official_train] = Role.MEMBER
    train = draw.permutation(extent.official_train)
    test = extent.official_train + draw.permutation(extent.records - extent.official_train)
    reference = (Role.REFERENCE, settings.reference)
    _assign(roles, train, [reference, *_member_pools(settings)], "paper: members and reference")
    _assign(roles, test, _nonmember_pools(settings), "paper: non-members (of the official test set)")
    return roles[None]


def _clean(settings: ProtocolSettings, extent: Extent) -> Roles:
    """Half of the official training records, rounded down, are members; the others are non-members."""
    half = extent.official_train // 2
    rows = []
    for model in range(extent.targets + extent.shadows):
        order = _order(settings.seed, model, extent)
        roles = np.full(extent.records, Role.NONMEMBER, dtype=np.uint8)
        roles[order[:half]] = Role.MEMBER
        reference = (Role.REFERENCE, settings.reference)
        _assign(roles, order[:half], _member_pools(settings), "clean: members (one half)")
        _assign(roles, order[half:], [reference, *_nonmember_pools(settings)], "clean: non-members (the other half)")
        rows.append(roles)
    return np.stack(rows)


PROTOCOLS: dict[str, Callable[[ProtocolSettings, Extent], Roles]] = {"paper": _paper, "clean": _clean}


def _order(seed: int, model: int, extent: Extent) -> Any:
    """Return the training records in an order whose first half are the members of the model.

    Each target is drawn independently of all other models, so that the number of shadow models that train on a record
    says nothing about its membership in a target. Shadow models come in pairs of complementary halves, so that every
    record is a member of exactly half of them. A model's draw does not depend on the number of models.
    """
    if model < extent.targets:
        return np.random.default_rng([seed, 1, model]).permutation(extent.official_train)
    pair, second = divmod(model - extent.targets, 2)
    order = np.random.default_rng([seed, 2, pair]).permutation(extent.official_train)
    return np.roll(order, -(extent.official_train // 2)) if second else order


def _member_pools(settings: ProtocolSettings) -> list[tuple[Role, int | None]]:
    return [
        (Role.SELECTION_MEMBER, settings.selection.members),
        (Role.KNOWN_MEMBER, settings.known.members),
        (Role.EVALUATION_MEMBER, settings.evaluation.members),
    ]


def _nonmember_pools(settings: ProtocolSettings) -> list[tuple[Role, int | None]]:
    return [
        (Role.SELECTION_NONMEMBER, settings.selection.nonmembers),
        (Role.KNOWN_NONMEMBER, settings.known.nonmembers),
        (Role.EVALUATION_NONMEMBER, settings.evaluation.nonmembers),
    ]


def _assign(roles: Roles, candidates: Any, wanted: Sequence[tuple[Role, int | None]], where: str) -> None:
    """Assign roles to the candidates in their order; a size of None means all that remain, at least one."""
    sizes = [1 if size is None else size for _, size in wanted]
    if sum(sizes) > len(candidates):
        listed = " + ".join(f"{size} {role.name.lower()}" for (role, _), size in zip(wanted, sizes, strict=True))
        raise UserError(f"protocols.{where}: found {listed} = {sum(sizes)}, allowed at most {len(candidates)}")
    start = 0
    for role, size in wanted:
        stop = len(candidates) if size is None else start + size
        roles[candidates[start:stop]] = role
        start = stop
