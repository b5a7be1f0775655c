"""CEM as a term of the training loop: the loss of a batch, and a new mixture after each epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privprune.defences.cem.as_released import ClassClusters, fit_classes, released_loss
from privprune.defences.cem.as_written import GlobalMixture
from privprune.defences.cem.features import Collector, Features, separate_pass
from privprune.defences.cem.settings import (
    AsReleasedSettings,
    AsWrittenSettings,
    CemSettings,
    CollectedSettings,
    SeparatePassSettings,
)
from privprune.defences.defence import DefenceContext
from privprune.metrics.clusters import k_means
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

_SCHEDULE_RATE = 0.001  # of the released code: lambda is multiplied by this over the learning rate
_SCHEDULE_END = 0.00041  # while the learning rate is at least this


class Cem(Term):
    """The conditional entropy's bound as a term; what differs between the forms is in `AsWritten` and `AsReleased`."""

    def __init__(self, settings: CemSettings, context: DefenceContext, deviation: float) -> None:
        """Take the standard deviation of the wire's noise, too."""
        self._settings = settings
        self._context = context
        self._form: AsWritten | AsReleased
        if isinstance(settings.form, AsWrittenSettings):
            self._form = AsWritten(settings.form, context, deviation)
        else:
            self._form = AsReleased(settings.form, context, deviation)
        self._collector = Collector()
        self._losses: list[Tensor] = []

    @property
    def warm_ups(self) -> int:
        """Whether a first mixture is fitted, as Algorithm 1 does; the released code begins after the first epoch."""
        return isinstance(self._form, AsWritten) and isinstance(self._settings.refit, SeparatePassSettings)

    def warm_up(self, ensemble: Ensemble) -> None:
        """Fit the first mixture."""
        assert isinstance(self._settings.refit, SeparatePassSettings)  # noqa: S101 (else there is no warm-up)
        self._form.fit(self._separate(self._settings.refit, ensemble))

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
        return self._settings.weight * _schedule(self._settings.weight_schedule, step.learning_rate) * loss

    def update(self, step: Step) -> None:
        """Fit the next epoch's mixture."""
        if not step.last_of_epoch or self._last_epoch(step):
            return
        if isinstance(self._settings.refit, SeparatePassSettings):
            self._form.fit(self._separate(self._settings.refit, step.ensemble))
        else:
            self._form.fit(self._collector.take())

    def _last_epoch(self, step: Step) -> bool:
        return step.epoch + 1 == self._context.epochs

    def _separate(self, refit: SeparatePassSettings, ensemble: Ensemble) -> Features:
        return separate_pass(refit, self._context, ensemble, sent=isinstance(self._form, AsWritten))

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean of L_C over the epoch; not a number before there is a mixture."""
        losses, self._losses = torch.stack(self._losses).mean()[None], []
        return {"conditional_entropy_loss": losses}


class AsWritten:
    """Equation 7 on what is sent, with one mixture for all classes."""

    def __init__(self, form: AsWrittenSettings, context: DefenceContext, deviation: float) -> None:
        """Have no mixture yet."""
        self._form, self._context, self._deviation = form, context, deviation
        self._mixture: GlobalMixture | None = None
        self._centres: Tensor | None = None

    @property
    def fitted(self) -> bool:
        """Whether there is a mixture."""
        return self._mixture is not None

    def features_of(self, step: Step) -> Tensor:
        """Return the noisy features, [batch, D]."""
        return _flat(step.sent)

    def fit(self, features: Features) -> None:
        """Fit the mixture, beginning with the means of the last one."""
        clusters = self._form.clusters_per_class * self._context.classes
        found = k_means(features.values, clusters, self._centres, self._context.generators[0])
        self._centres = found.centres
        self._mixture = GlobalMixture(self._form, features.values, found, self._deviation)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch."""
        del labels
        assert self._mixture is not None  # noqa: S101 (asked for by the term after a fit alone)
        return self._mixture.loss(features)


class AsReleased:
    """The released code's loss on the features before the noise, with clusters of each class."""

    def __init__(self, form: AsReleasedSettings, context: DefenceContext, deviation: float) -> None:
        """Have no clusters yet."""
        self._form, self._context, self._deviation = form, context, deviation
        batches = math.ceil(context.members.shape[1] / context.batch)
        self._class_records = batches * context.batch / context.classes
        self._clusters: ClassClusters | None = None

    @property
    def fitted(self) -> bool:
        """Whether there are clusters."""
        return self._clusters is not None

    def features_of(self, step: Step) -> Tensor:
        """Return the noise-free features, [batch, D]."""
        return _flat(step.features)

    def fit(self, features: Features) -> None:
        """Cluster each class, beginning with the centres of the last fit."""
        start = None if self._clusters is None else self._clusters.centres
        generator = self._context.generators[0]
        self._clusters = fit_classes(
            self._form, features.values, features.labels, self._context.classes, start, generator
        )

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch."""
        assert self._clusters is not None  # noqa: S101 (as above)
        return released_loss(
            self._form,
            self._clusters,
            features,
            labels,
            deviation=self._deviation,
            class_records=self._class_records,
        )


def _flat(features: Tensor | None) -> Tensor:
    """Return features as [batch, D], of a network that is cut."""
    assert features is not None  # noqa: S101 (the factory refuses a network without a cut)
    return features.flatten(1)


def _schedule(name: str, learning_rate: float) -> float:
    """Return what lambda is multiplied by at a learning rate."""
    if name == "released" and learning_rate >= _SCHEDULE_END:
        return _SCHEDULE_RATE / learning_rate
    return 1.0
