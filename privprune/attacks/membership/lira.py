"""LiRA: compare the target's confidence with that of shadows that were, and were not, trained on the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import judged
from privprune.errors import UserError
from privprune.metrics.membership import Scores

_LEAST_DEVIATION = 1e-12  # shadows that all say the same must not divide by 0


@dataclass(frozen=True)
class LiRASettings:
    """Settings of LiRA.

    Attributes:
        mode: `online` uses shadows trained with and without the record; `offline` only those without.
        variance: `fixed`, one for all records on each side, or `per_record` (wants about 64 shadows).

    """

    mode: Literal["online", "offline"]
    variance: Literal["fixed", "per_record"]


class LiRAAttack:
    """Carlini et al. 2022 (arXiv 2112.03570, Algorithm 1, and its offline variant).

    Where the released code departs from the paper, the paper is followed: means, not medians; offline, the
    one-sided test 1 - Pr[Z > confidence], not a density. The released code takes the deviation of the IN shadows
    for the OUT side too where variance is fixed; here each side has its own. Ours: the fixed variance is the
    pooled variance within records, since that of all values together also holds the spread between records;
    variances are unbiased.
    """

    def __init__(self, settings: LiRASettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used.

        Raises:
            UserError: there are no shadows, or too few for a variance.

        """
        shadows = evidence.needed_shadows("lira")
        mean_out, deviation_out = self._fitted(shadows, ~shadows.members)
        online = self.settings.mode == "online"
        mean_in, deviation_in = self._fitted(shadows, shadows.members) if online else (mean_out, deviation_out)

        def signal(outputs: Outputs) -> Tensor:
            confidence, at = scaled_confidence(outputs.logits, outputs.labels), outputs.positions
            z_out = (confidence - mean_out[at]) / deviation_out[at]
            if not online:
                return z_out  # the one-sided test is its normal distribution function, with ties near 0 and 1
            z_in = (confidence - mean_in[at]) / deviation_in[at]
            return (z_out**2 - z_in**2) / 2 + deviation_out[at].log() - deviation_in[at].log()  # log of the ratio

        return judged(signal, evidence)

    def _fitted(self, shadows: Shadows, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Fit a normal distribution to each record's confidence over the chosen shadows: mean, deviation, [N] each.

        A record without chosen shadow takes the mean of all chosen, one with fewer than two the pooled variance.
        """
        values = shadows.confidences
        chosen = chosen.to(values.device)
        counts = chosen.sum(0)
        freedom = (counts - 1).clamp(min=0)
        if not freedom.any():
            raise UserError(
                f"attack lira: found {len(chosen)} shadow models, allowed at least 2 on each side of a record"
            )
        mean = torch.where(counts > 0, (values * chosen).sum(0) / counts.clamp(min=1), values[chosen].mean())
        squares = ((values - mean) ** 2 * chosen).sum(0)
        variance = squares.sum() / freedom.sum()
        if self.settings.variance == "per_record":
            variance = torch.where(freedom > 0, squares / freedom.clamp(min=1), variance)
        return mean, variance.expand_as(mean).sqrt().clamp(min=_LEAST_DEVIATION)
