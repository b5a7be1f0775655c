"""The interface of the forms of CEM's loss; the paper's form and that of its released code have a file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from torch import Tensor

from privprune.annotations import OneOf, name_of
from privprune.defences.cem.features import Features
from privprune.defences.defence import DefenceContext
from privprune.registry import Registry
from privprune.training.loop import Step


class FormSettings(Protocol):
    """The settings of any form."""

    @property
    def name(self) -> str:
        """The form's name in a suite."""
        ...

    @property
    def clusters_per_class(self) -> int:
        """Clusters per class of the data."""
        ...


class Form(Protocol):
    """A form of CEM's loss: a mixture fitted to features, and the loss of a batch under it."""

    @property
    def fitted(self) -> bool:
        """Whether there is a mixture."""
        ...

    def features_of(self, step: Step) -> Tensor:
        """Return the features that the loss is computed from, attached to the autograd graph: [batch, D]."""
        ...

    def fit(self, features: Features) -> None:
        """Fit the mixture."""
        ...

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return L_C of a batch, a scalar; features [batch, D], labels int64 [batch]."""
        ...


@dataclass(frozen=True)
class FormMethod:
    """The declaration of a form, `METHOD` in its file.

    Attributes:
        settings: its frozen dataclass.
        build: (settings, context, standard deviation of the noise) -> the form, without a mixture.
        noisy: whether it is fitted to features with the wire's noise.
        fits_first: whether a mixture is fitted before the first step, where features come from a separate pass.
        records_and_clusters: (settings, labels of the records, number of classes) -> size of the smallest set of
            records that is clustered, and the number of clusters in it.

    """

    settings: type[Any]
    build: Callable[[Any, DefenceContext, float], Form]
    noisy: bool
    fits_first: bool
    records_and_clusters: Callable[[Any, Tensor, int], tuple[int, int]]

    @property
    def name(self) -> str:
        """The form's name in a suite."""
        return name_of(self.settings)


FORMS = Registry("privprune.defences.cem", FormMethod, "privprune.defences")


def _settings_classes() -> Mapping[str, type[Any]]:
    return {name: form.settings for name, form in FORMS.items()}


AnyForm = Annotated[FormSettings, OneOf(_settings_classes)]


def flat(features: Tensor | None) -> Tensor:
    """Return features of a network with a cut as [batch, D]."""
    assert features is not None  # noqa: S101 (networks without a cut have been refused)
    return features.flatten(1)
