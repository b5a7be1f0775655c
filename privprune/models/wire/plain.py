"""A wire that sends the features unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from privprune.models.wire.method import WireMethod, WithoutRandomness


@dataclass(frozen=True)
class PlainSettings(WithoutRandomness):
    """The features are sent unchanged."""

    name: Literal["plain"]


class Plain(nn.Identity):
    """The wire of a cut without defence: the identity on features [batch, ...]."""


def plain(settings: PlainSettings) -> Plain:
    """Build the wire."""
    del settings
    return Plain()


METHOD = WireMethod(settings=PlainSettings, build=plain, examples=({"name": "plain"},))
