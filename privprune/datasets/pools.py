"""Sizes of the pools of a protocol, held against the records that a dataset has; nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from privprune.errors import UserError
from privprune.settings import Range, RecordCount, Seed

PLACES = {  # of the candidates for members and for non-members, by protocol
    "paper": ("paper: members and reference", "paper: non-members (of the official test set)"),
    "clean": ("clean: members (one half)", "clean: non-members (the other half)"),
}
REFERENCE_FROM = {"paper": 0, "clean": 1}  # which of them the reference records are taken from


@dataclass(frozen=True)
class Pool:
    """Sizes of a pool of members and of its pool of non-members, in records."""

    members: RecordCount
    nonmembers: RecordCount


@dataclass(frozen=True)
class OpenPool:
    """Sizes like those of `Pool`; null means all records that the other pools do not use."""

    members: RecordCount | None
    nonmembers: RecordCount | None


@dataclass(frozen=True)
class ProtocolSettings:
    """Sizes of the pools of one protocol.

    Attributes:
        seed: of the random draw of halves and pools.
        members: number of records that each model trains on under `clean`; it has as many non-members, and all models
            share these records, so that each is a member of exactly one shadow model of a pair. Null is half of the
            training set. Under `paper` it is null, since every model trains on the whole training set.
        reference: number of non-members that the Min-Max defence may use.
        selection: records for choosing sparsity, lambda or epoch.
        known: records whose membership the attacker knows.
        evaluation: records that attacks are scored on.

    """

    seed: Seed
    members: RecordCount | None
    reference: Annotated[int, Range(0, 100_000_000)]
    selection: Pool
    known: Pool
    evaluation: OpenPool


def half_of(settings: ProtocolSettings, train: int) -> int:
    """Return how many records a network trains on under `clean`.

    Raises:
        UserError: the set has fewer than twice as many training records.

    """
    half = train // 2 if settings.members is None else settings.members
    if 2 * half > train:
        raise UserError(
            f"protocols.clean.members: found {half}, allowed at most {train // 2} (as many are non-members)"
        )
    return half


def candidates(protocol: str, settings: ProtocolSettings, train: int, test: int | None) -> tuple[int, int | None]:
    """Return from how many records the pools of members and of non-members are taken.

    Args:
        protocol: `paper` or `clean`.
        settings: sizes of the pools.
        train: number of official training records.
        test: number of official test records; None where it is not known.

    Raises:
        UserError: more members than half of the training records.

    """
    if protocol == "paper":
        return train, test
    half = half_of(settings, train)
    return half, half


def check_pools(protocol: str, settings: ProtocolSettings, train: int, test: int | None) -> None:
    """Check that there are records enough; arguments as for `candidates`.

    Raises:
        UserError: more records are asked for than there are.

    """
    found = candidates(protocol, settings, train, test)
    for side, (records, place) in enumerate(zip(found, PLACES[protocol], strict=True)):
        wanted = _wanted(settings, side, reference=REFERENCE_FROM[protocol] == side)
        sizes = [1 if size is None else size for size in wanted.values()]
        if records is not None and sum(sizes) > records:
            listed = " + ".join(f"{size} {name}" for name, size in zip(wanted, sizes, strict=True))
            raise UserError(f"protocols.{place}: found {listed} = {sum(sizes)}, allowed at most {records}")


def evaluated_members(protocol: str, settings: ProtocolSettings, train: int) -> int:
    """Return how many members attacks are scored on; arguments as for `candidates`."""
    if settings.evaluation.members is not None:
        return settings.evaluation.members
    records, _ = candidates(protocol, settings, train, None)
    return records - sum(size or 0 for size in _wanted(settings, 0, reference=REFERENCE_FROM[protocol] == 0).values())


def _wanted(settings: ProtocolSettings, side: int, *, reference: bool) -> dict[str, int | None]:
    """Return name -> size of the pools of one side: 0 for members, 1 for non-members."""
    kind = ("members", "nonmembers")[side]
    pools = {
        f"{name}_{kind.removesuffix('s')}": getattr(getattr(settings, name), kind)
        for name in ("selection", "known", "evaluation")
    }
    return {"reference": settings.reference, **pools} if reference else pools
