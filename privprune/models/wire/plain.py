"""Nothing on the wire but the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn


@dataclass(frozen=True)
class PlainSettings:
    """The features are sent as they are."""

    name: Literal["plain"]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return False

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature."""
        return 0.0


class Plain(nn.Identity):
    """The wire of an undefended cut: features [batch, ...] to the same."""


def plain(settings: PlainSettings) -> Plain:
    """Build the wire."""
    del settings
    return Plain()
