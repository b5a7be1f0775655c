"""Settings of CEM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from privprune.annotations import OneOf
from privprune.defences.cem.features import CollectedSettings, SeparatePassSettings
from privprune.defences.cem.form import AnyForm
from privprune.defences.method import DefenceSettings
from privprune.defences.registry import DEFENCES
from privprune.settings import NonNegative


def _bases() -> Mapping[str, type[Any]]:
    """Return the defences that CEM can be added to: those that need a cut, except CEM itself."""
    return {name: method.settings for name, method in DEFENCES.items() if "cut" in method.needs and name != "cem"}


@dataclass(frozen=True)
class CemSettings:
    """Conditional-entropy maximisation, alone or added to another defence that needs a cut.

    Attributes:
        form: the loss as the paper writes it or as its code has it.
        weight: lambda, 16 in the paper.
        weight_schedule: `released` multiplies lambda by 0.001 / learning rate while the rate is at least 0.00041.
        refit: which features the mixture is fitted to after each epoch.
        base: the defence that CEM is added to; null for CEM alone.

    """

    name: Literal["cem"]
    form: AnyForm
    weight: NonNegative
    weight_schedule: Literal["constant", "released"]
    refit: CollectedSettings | SeparatePassSettings
    base: Annotated[DefenceSettings, OneOf(_bases)] | None
