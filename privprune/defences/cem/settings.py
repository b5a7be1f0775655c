"""Settings of CEM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from privprune.defences.cem.features import CollectedSettings, SeparatePassSettings
from privprune.defences.cem.form import AnyForm
from privprune.defences.method import DefenceSettings
from privprune.defences.registry import DEFENCES
from privprune.settings import NonNegative, OneOf


def _bases() -> Mapping[str, type[Any]]:
    """Return the defences that CEM can be plugged into: those of networks with a cut, but not CEM itself."""
    return {name: one.settings for name, one in DEFENCES.items() if "cut" in one.needs and name != "cem"}


@dataclass(frozen=True)
class CemSettings:
    """Conditional-entropy maximisation, beside any other defence of the cut.

    Attributes:
        form: the loss as the paper writes it or as its code has it.
        weight: lambda, 16 in the paper.
        weight_schedule: `released` multiplies lambda by 0.001 / learning rate while the rate is at least 0.00041.
        refit: what the mixture is fitted to after each epoch.
        base: the defence that CEM is plugged into; null for none but the cut's own.

    """

    name: Literal["cem"]
    form: AnyForm
    weight: NonNegative
    weight_schedule: Literal["constant", "released"]
    refit: CollectedSettings | SeparatePassSettings
    base: Annotated[DefenceSettings, OneOf(_bases)] | None
