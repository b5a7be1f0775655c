"""Replay an attack where members outnumber non-members, and see what plain accuracy makes of it.

MIA-Pruning reports plain accuracy and states no ratio of members to non-members. An attacker who calls everybody a
member reaches 2/3 at 2:1 and 5/6 at 5:1, so a replay shows whether the printed 67.00 and 78.54 may come from there.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from privprune.attacks.membership.attack import Attack
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.metrics.membership import Scores


def replay(attack: Attack, evidence: Evidence, odds: float, generator: torch.Generator) -> Scores:
    """Repeat an attack with known and evaluation records drawn at `odds` members per non-member.

    The `accuracy` of the result (`metrics.membership.point` or `measure`) is the plain accuracy at these odds;
    compare with `metrics.membership.always_member_accuracy(odds)`.

    Args:
        attack: any attack that learns from known records.
        evidence: as for the balanced attack.
        odds: members per non-member, such as 2 or 5.
        generator: draws the records, then serves the attack.

    """
    return attack(at_odds(evidence, odds, generator), generator)


def at_odds(evidence: Evidence, odds: float, generator: torch.Generator) -> Evidence:
    """Draw known and evaluation records at `odds` members per non-member, as many as there are, none twice.

    The attacker is told the odds: a threshold is the most accurate one at them, a network trains at them.

    Raises:
        ValueError: a pool is too small for the odds.

    """
    known = _drawn(evidence.known_members, evidence.known_nonmembers, odds, generator)
    judged = _drawn(evidence.evaluation_members, evidence.evaluation_nonmembers, odds, generator)
    return replace(
        evidence,
        known_members=known[0],
        known_nonmembers=known[1],
        evaluation_members=judged[0],
        evaluation_nonmembers=judged[1],
        odds=odds,
    )


def _drawn(members: Outputs, nonmembers: Outputs, odds: float, generator: torch.Generator) -> tuple[Outputs, Outputs]:
    few = min(len(nonmembers), int(len(members) / odds))
    if not few:
        raise ValueError(f"{len(members)} members and {len(nonmembers)} non-members are too few for {odds:g} to 1")
    parts = ((members, min(round(few * odds), len(members))), (nonmembers, few))
    drawn = [pool.take(torch.randperm(len(pool), generator=generator)[:count]) for pool, count in parts]
    return drawn[0], drawn[1]
