"""Repeat an attack on samples with more members than non-members, to see how plain accuracy depends on the base rate.

MIA-Pruning reports plain accuracy and does not state the ratio of members to non-members. An attack that labels every
record a member reaches an accuracy of 2/3 at 2:1 and of 5/6 at 5:1, so these replays show whether the printed 67.00
and 78.54 percent can be explained by the ratio alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from privprune.attacks.membership.attack import Attack, attack_each
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Scores


def replay(
    attack: Attack,
    evidences: Sequence[Evidence],
    odds: float,
    generators: Sequence[torch.Generator],
    checkpoints: Checkpoints = NONE,
) -> list[Scores]:
    """Run an attack against several targets with known and evaluation records sampled at the given odds.

    The `accuracy` of a result (`metrics.membership.point` or `measure`) is the plain accuracy at these odds;
    compare it with `metrics.membership.always_member_accuracy(odds)`.

    Args:
        attack: any attack that learns from known records.
        evidences: one per target, as for the balanced attack.
        odds: members per non-member, such as 2 or 5.
        generators: one per target; each samples the records of its target, then serves the attack.
        checkpoints: where an attack that trains saves its state.

    Returns:
        one per target.

    Raises:
        ValueError: a target has too few records for the odds.

    """
    sampled = [at_odds(evidence, odds, draw) for evidence, draw in zip(evidences, generators, strict=True)]
    return attack_each(attack, sampled, generators, checkpoints)


def at_odds(evidence: Evidence, odds: float, generator: torch.Generator) -> Evidence:
    """Sample known and evaluation records at `odds` members per non-member, as many as possible, without replacement.

    The attack may use the odds: its threshold maximises the accuracy at these odds, and its networks train at them.

    Raises:
        ValueError: there are too few records for the odds.

    """
    known = _sampled(evidence.known_members, evidence.known_nonmembers, odds, generator)
    evaluation = _sampled(evidence.evaluation_members, evidence.evaluation_nonmembers, odds, generator)
    return replace(
        evidence,
        known_members=known[0],
        known_nonmembers=known[1],
        evaluation_members=evaluation[0],
        evaluation_nonmembers=evaluation[1],
        odds=odds,
    )


def _sampled(members: Outputs, nonmembers: Outputs, odds: float, generator: torch.Generator) -> tuple[Outputs, Outputs]:
    fewer = min(len(nonmembers), int(len(members) / odds))
    if not fewer:
        raise ValueError(f"{len(members)} members and {len(nonmembers)} non-members are too few for {odds:g} to 1")
    parts = ((members, min(round(fewer * odds), len(members))), (nonmembers, fewer))
    sampled = [outputs.take(torch.randperm(len(outputs), generator=generator)[:count]) for outputs, count in parts]
    return sampled[0], sampled[1]
