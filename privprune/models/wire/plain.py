"""A wire that sends the features unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from privprune.models.wire.method import WireMethod


@dataclass(frozen=True)
class PlainSettings:
    """The features are sent unchanged."""

    name: Literal["plain"]

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return False

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature."""
        return 0.0

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries."""
        return 1.0


class Plain(nn.Identity):
    """The wire of a cut without defence: the identity on features [batch, ...]."""


def plain(settings: PlainSettings) -> Plain:
    """Build the wire."""
    del settings
    return Plain()


METHOD = WireMethod(settings=PlainSettings, build=plain, examples=({"name": "plain"},))
