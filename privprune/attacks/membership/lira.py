"""LiRA: compare the target's confidence in a record with that of shadow models trained with and without the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import score_with_threshold
from privprune.attacks.membership.view import View
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.settings import Range, Repeats

_SMALLEST_DEVIATION = 1e-12  # avoids a division by 0 where all shadow models have the same confidence
_DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))  # of shifts: down, right
_MOST_QUERIES = 2 * (1 + len(_DIRECTIONS))  # 18, the most in the paper


@dataclass(frozen=True)
class LiRASettings:
    """Settings of LiRA.

    Attributes:
        mode: `online` uses shadow models trained with and without the record; `offline` only those without.
        variance: `fixed`, one for all records on each side, or `per_record` (needs about 64 shadow models).
        queries: how many versions of a record are queried: 1, the record as it is; 2, mirrored too; up to 18, shifted
            in eight directions as well, each plain and then mirrored.
        shift: pixels of the shifts, down, right or both; 0 where no query is shifted.

    """

    mode: Literal["online", "offline"]
    variance: Literal["fixed", "per_record"]
    queries: Repeats
    shift: Annotated[int, Range(0, 64)]

    def __post_init__(self) -> None:
        """Refuse more queries than there are, and shifts by nothing or of nothing: ValueError, one line."""
        if self.queries > _MOST_QUERIES:
            raise ValueError(f"queries: found {self.queries}, allowed at most {_MOST_QUERIES}")
        if (self.queries > 2) != (self.shift > 0):
            raise ValueError(
                f"shift: found {self.shift} with {self.queries} queries, allowed 0 up to 2 queries, at least 1 above"
            )


def augmented_queries(settings: LiRASettings) -> tuple[View, ...]:
    """Return the queries besides that of the record as it is."""
    moves = ((0, 0), *((down * settings.shift, right * settings.shift) for down, right in _DIRECTIONS))
    every = [View(down, right, mirrored) for down, right in moves for mirrored in (False, True)]
    return tuple(every[1 : settings.queries])


@dataclass(frozen=True)
class _Fit:
    """Normal distributions of the confidences that shadow models have in one query of each record, float64 [N] each."""

    mean_out: Tensor
    deviation_out: Tensor
    mean_in: Tensor
    deviation_in: Tensor


class LiRAAttack:
    """Carlini et al. 2022 (arXiv 2112.03570, Algorithm 1, and its offline variant).

    With several queries, a normal distribution of as many dimensions is fitted, as in the paper, with a diagonal
    covariance, as in the released code: the log likelihood ratios of the queries are added. Offline, the one-sided
    tests are combined by the sum of their z values over the root of their number (Stouffer's method), which is that of
    one query where there is one; the paper does not say how.

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
        fits = [self._fit(shadows, shadows.confidences)]
        views = augmented_queries(self.settings)
        for view in views:
            answers = [scaled_confidence(logits, shadows.labels) for logits in shadows.views[view]]
            fits.append(self._fit(shadows, torch.stack(answers)))

        def signal(outputs: Outputs) -> Tensor:
            answers = (outputs.logits, *(outputs.views[view] for view in views))
            ratios = [
                self._signal(scaled_confidence(logits, outputs.labels), fit, outputs.positions)
                for logits, fit in zip(answers, fits, strict=True)
            ]
            summed = torch.stack(ratios).sum(0)
            return summed if self.settings.mode == "online" else summed / len(ratios) ** 0.5

        return score_with_threshold(signal, evidence)

    def _signal(self, confidence: Tensor, fit: _Fit, at: Tensor) -> Tensor:
        """Compare the target's confidences in one query, float64 [n], with the fit of its record, at [n]."""
        z_out = (confidence - fit.mean_out[at]) / fit.deviation_out[at]
        if self.settings.mode == "offline":
            return z_out  # the one-sided test is its normal distribution function, which would tie near 0 and 1
        z_in = (confidence - fit.mean_in[at]) / fit.deviation_in[at]
        return (z_out**2 - z_in**2) / 2 + fit.deviation_out[at].log() - fit.deviation_in[at].log()  # log ratio

    def _fit(self, shadows: Shadows, values: Tensor) -> _Fit:
        """Fit both sides of every record; offline, the IN side is that of OUT and not used."""
        out = self._fitted(values, ~shadows.members)
        return _Fit(*out, *(self._fitted(values, shadows.members) if self.settings.mode == "online" else out))

    def _fitted(self, values: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Fit a normal distribution to each record's confidence over the chosen shadow models.

        Args:
            values: float64 [K, N], confidences of K models in N records.
            chosen: bool [K, N], which models count for which record.

        Returns:
            mean and standard deviation, float64 [N] each. A record without chosen model gets the mean of all chosen
            values, a record with fewer than two the pooled variance.

        """
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
    views=augmented_queries,
    examples=(
        {"attack": "lira", "mode": "online", "variance": "fixed", "queries": 1, "shift": 0},
        {"attack": "lira", "mode": "online", "variance": "per_record", "queries": 2, "shift": 0},
        {"attack": "lira", "mode": "offline", "variance": "fixed", "queries": 18, "shift": 2},
        {"attack": "lira", "mode": "offline", "variance": "per_record", "queries": 1, "shift": 0},
    ),
)
