"""The evidence of an audit: answers to members and non-members, and which of these the attacker knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privprune.attacks.membership import Evidence, Outputs, Shadows
from privprune.auditing.settings import AuditSettings
from privprune.errors import UserError
from privprune.randomness import Purpose, generator

_FEWEST = 2  # records of each kind in each part


@dataclass(frozen=True)
class Answers:
    """What is known of the audited model, whether it was asked here or its answers come from a file.

    Attributes:
        outputs: answers to all N records, members first; `positions` are 0 to N - 1.
        members: how many of the records, the first ones, are members.
        shadows: answers of shadow models to the same records in the same order; None where there are none.
        probabilities: whether the model answered with probabilities, whose logarithms these logits are.

    """

    outputs: Outputs
    members: int
    shadows: Shadows | None
    probabilities: bool

    @property
    def nonmembers(self) -> int:
        """How many of the records, the last ones, are non-members."""
        return len(self.outputs) - self.members

    def of_members(self) -> Outputs:
        """Return the answers to all members."""
        return self.outputs.take(torch.arange(self.members))

    def of_nonmembers(self) -> Outputs:
        """Return the answers to all non-members."""
        return self.outputs.take(torch.arange(self.members, len(self.outputs)))

    def evidence(self, settings: AuditSettings, seed: int) -> Evidence:
        """Divide the records at random into known, selection and evaluation records; see `divide`.

        RMIA compares with the known non-members: the attacker has no others.
        """
        known_members, selection_members, members = (
            self.outputs.take(rows) for rows in divide(self.members, settings, seed, "members")
        )
        known_nonmembers, selection_nonmembers, nonmembers = (
            self.outputs.take(self.members + rows) for rows in divide(self.nonmembers, settings, seed, "nonmembers")
        )
        divided = Evidence(
            known_members,
            known_nonmembers,
            members,
            nonmembers,
            population=known_nonmembers,
            shadows=self.shadows,
            odds=1.0,
        )
        return replace(divided, selection_members=selection_members, selection_nonmembers=selection_nonmembers)


def divide(records: int, settings: AuditSettings, seed: int, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Divide records at random: which are known, for selection, and evaluated, int64 each in ascending order.

    Args:
        records: how many there are.
        settings: the shares.
        seed: of the audit.
        kind: `members` or `nonmembers`, each of which has draws of its own.

    Raises:
        UserError: a part would have less than two records.

    """
    sizes = sizes_of(records, settings)
    if min(sizes) < _FEWEST:
        raise UserError(
            f"{kind}: found {records}, of which {sizes[0]} are known, {sizes[1]} for selection and {sizes[2]} "
            f"evaluated, allowed at least {_FEWEST} each"
        )
    order = torch.randperm(records, generator=generator(seed, Purpose.MEMBERSHIP_ATTACK, None, "division", kind))
    known, selection, evaluated = (part.sort().values for part in order.split(sizes))
    return known, selection, evaluated


def sizes_of(records: int, settings: AuditSettings) -> list[int]:
    """Return how many of some records are known, for selection, and evaluated."""
    known, selection = round(settings.known * records), round(settings.selection * records)
    return [known, selection, records - known - selection]
