"""CEM as a term of the loss: a penalty for each batch, and a new mixture after each epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privprune.defences.at_the_cut import edge_parameters
from privprune.defences.cem.features import CollectedSettings, Collector, Features, SeparatePassSettings, separate_pass
from privprune.defences.cem.form import FORMS
from privprune.defences.cem.settings import CemSettings
from privprune.defences.defence import DefenceContext
from privprune.defences.gradient_share import gradient_share
from privprune.training.divergence import Diverged
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

SHARE = "cem_gradient_share"  # the curve of the term's share in the gradient of the edge
_SCHEDULE_RATE = 0.001  # of the released code: lambda is multiplied by this over the learning rate
_SCHEDULE_END = 0.00041  # while the learning rate is at least this


class Cem(Term):
    """The bound on the conditional entropy as a loss term; the file of each form of CEM's loss computes it."""

    def __init__(self, settings: CemSettings, context: DefenceContext, deviation: float) -> None:
        """Build the form of the loss; `deviation` is the standard deviation of the wire's noise."""
        self._settings = settings
        self._context = context
        self._method = FORMS[settings.form.name]
        self._form = self._method.build(settings.form, context, deviation)
        self._collector = Collector()
        self._losses: list[Tensor] = []
        self._share = torch.full((1,), math.nan, device=context.images.device)

    @property
    def warm_ups(self) -> int:
        """1 if a mixture is fitted before the first epoch, as in Algorithm 1; the released code fits none then."""
        return self._method.fits_first and isinstance(self._settings.refit, SeparatePassSettings)

    def warm_up(self, ensemble: Ensemble) -> None:
        """Fit the first mixture."""
        assert isinstance(self._settings.refit, SeparatePassSettings)  # noqa: S101 (else there is no warm-up)
        self._fit(self._separate(self._settings.refit, ensemble), 1)

    def penalty(self, step: Step) -> Tensor | None:
        """Return lambda * L_C; None while there is no mixture."""
        features = self._form.features_of(step)
        if isinstance(self._settings.refit, CollectedSettings) and not self._last_epoch(step):
            self._collector.add(features, step)
        if not self._form.fitted:
            self._losses.append(torch.full((), math.nan, device=features.device))
            return None
        loss = self._form.loss(features, step.labels)
        self._losses.append(loss.detach())
        penalty = self._settings.weight * _schedule(self._settings.weight_schedule, step.learning_rate) * loss
        if step.last_of_epoch:
            self._share = gradient_share(penalty, step, edge_parameters(step.ensemble))
        return penalty

    def update(self, step: Step) -> None:
        """Fit the mixture of the next epoch after the last step of an epoch."""
        if not step.last_of_epoch or self._last_epoch(step):
            return
        if isinstance(self._settings.refit, SeparatePassSettings):
            self._fit(self._separate(self._settings.refit, step.ensemble), step.epoch + 1)
        else:
            self._fit(self._collector.take(), step.epoch + 1)

    def _fit(self, features: Features, epoch: int) -> None:
        """Fit the mixture to features; those of a training that has diverged have none."""
        if not bool(features.values.isfinite().all()):
            raise Diverged("training with cem", epoch, (0,))
        self._form.fit(features)

    def _last_epoch(self, step: Step) -> bool:
        return step.epoch + 1 == self._context.epochs

    def _separate(self, refit: SeparatePassSettings, ensemble: Ensemble) -> Features:
        return separate_pass(refit, self._context, ensemble, sent=self._method.noisy)

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean of L_C over the epoch, NaN where there was no mixture, and its share in the edge's gradient.

        The share is that of the last step of the epoch.
        """
        losses, self._losses = torch.stack(self._losses).mean()[None], []
        return {"conditional_entropy_loss": losses, SHARE: self._share}


def _schedule(name: str, learning_rate: float) -> float:
    """Return the factor of lambda at a learning rate."""
    if name == "released" and learning_rate >= _SCHEDULE_END:
        return _SCHEDULE_RATE / learning_rate
    return 1.0
