"""LiRA: compare the target's confidence in a record with that of shadow models trained with and without the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import score_with_threshold
from privprune.errors import UserError
from privprune.metrics.membership import Scores

_SMALLEST_DEVIATION = 1e-12  # avoids a division by 0 where all shadow models have the same confidence


@dataclass(frozen=True)
class LiRASettings:
    """Settings of LiRA.

    Attributes:
        mode: `online` uses shadow models trained with and without the record; `offline` only those without.
        variance: `fixed`, one for all records on each side, or `per_record` (needs about 64 shadow models).

    """

    mode: Literal["online", "offline"]
    variance: Literal["fixed", "per_record"]


class LiRAAttack:
    """Carlini et al. 2022 (arXiv 2112.03570, Algorithm 1, and its offline variant).

    Where the released code differs from the paper, this follows the paper: means, not medians; offline, the one-sided
    test 1 - Pr[Z > confidence], not a density. With a fixed variance, the released code uses the deviation of the IN
    shadow models on the OUT side too; here each side has its own. Our choices: the fixed variance is the pooled
    variance within records, since the variance of all values together would include the spread between records;
    variances are unbiased.
    """

    def __init__(self, settings: LiRASettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used.

        Raises:
            UserError: there are no shadow models, or too few for a variance.

        """
        shadows = evidence.required_shadows("lira")
        mean_out, deviation_out = self._fitted(shadows, ~shadows.members)
        online = self.settings.mode == "online"
        mean_in, deviation_in = self._fitted(shadows, shadows.members) if online else (mean_out, deviation_out)

        def signal(outputs: Outputs) -> Tensor:
            confidence, at = scaled_confidence(outputs.logits, outputs.labels), outputs.positions
            z_out = (confidence - mean_out[at]) / deviation_out[at]
            if not online:
                return z_out  # the one-sided test is its normal distribution function, which would tie near 0 and 1
            z_in = (confidence - mean_in[at]) / deviation_in[at]
            return (z_out**2 - z_in**2) / 2 + deviation_out[at].log() - deviation_in[at].log()  # log likelihood ratio

        return score_with_threshold(signal, evidence)

    def _fitted(self, shadows: Shadows, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Fit a normal distribution to each record's confidence over the chosen shadow models.

        Args:
            shadows: of K models on N records.
            chosen: bool [K, N], which models count for which record.

        Returns:
            mean and standard deviation, float64 [N] each. A record without chosen model gets the mean of all chosen
            values, a record with fewer than two the pooled variance.

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
        return mean, variance.expand_as(mean).sqrt().clamp(min=_SMALLEST_DEVIATION)


METHOD = MembershipAttack(
    name="lira",
    settings=LiRASettings,
    attack=LiRAAttack,
    needs_shadows=True,
    examples=(
        {"attack": "lira", "mode": "online", "variance": "fixed"},
        {"attack": "lira", "mode": "online", "variance": "per_record"},
        {"attack": "lira", "mode": "offline", "variance": "fixed"},
        {"attack": "lira", "mode": "offline", "variance": "per_record"},
    ),
)
