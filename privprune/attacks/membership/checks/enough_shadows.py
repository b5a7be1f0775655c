"""An attack that compares with shadow models has enough of them that were trained with each record and without it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from privprune.attacks.membership.evidence import Evidence
from privprune.checks import Check, check

LEAST = 2  # per side: a variance needs two values
LEAST_PER_RECORD = 8  # per side where each record has a variance of its own, so 16 models; Carlini et al. 2022 take 64


def enough_shadows(settings: object, evidences: Sequence[Evidence]) -> Check:
    """Check the number of shadow models per side, that of the judged record with the fewest.

    Args:
        settings: of the attack; a key `variance` of `per_record` needs more.
        evidences: one per target.

    """
    bound = LEAST_PER_RECORD if getattr(settings, "variance", None) == "per_record" else LEAST
    reason = "shadow models trained with a judged record, or without it, whichever are fewer"
    return check("enough shadow models", [_fewest(evidence) for evidence in evidences], "at least", bound, reason)


def _fewest(evidence: Evidence) -> float:
    if evidence.shadows is None:
        return 0.0
    judged = torch.cat([evidence.judged_members.positions, evidence.judged_nonmembers.positions])
    trained = evidence.shadows.members[:, judged.to(evidence.shadows.members.device)]
    return float(torch.minimum(trained.sum(0), (~trained).sum(0)).min())
