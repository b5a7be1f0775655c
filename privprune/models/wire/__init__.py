"""What happens to the features between the edge device and the cloud, one file per layer.

A wire layer has no parameters and acts in training and in evaluation alike; what it draws comes from its own generator
(`privprune.models.random_layers.reseed`). A new one is one file with a settings class, whose `name` is a literal and
which says whether the layer is random and how much noise it adds, and a function that builds the layer; then one line
in `WireSettings` and one in `WIRES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from privprune.models.wire.dropout import DropoutSettings, dropout
from privprune.models.wire.gaussian import GaussianSettings, gaussian
from privprune.models.wire.laplace import LaplaceSettings, laplace
from privprune.models.wire.local_dp import LocalDpSettings, local_dp
from privprune.models.wire.plain import PlainSettings, plain
from privprune.models.wire.top_k import TopKSettings, top_k

WireSettings = PlainSettings | GaussianSettings | LaplaceSettings | DropoutSettings | TopKSettings | LocalDpSettings

WIRES: dict[type[Any], Callable[[Any], nn.Module]] = {
    PlainSettings: plain,
    GaussianSettings: gaussian,
    LaplaceSettings: laplace,
    DropoutSettings: dropout,
    TopKSettings: top_k,
    LocalDpSettings: local_dp,
}


def build_wire(settings: WireSettings) -> nn.Module:
    """Build the layer: features [batch, ...], noise-free, to what is sent of them, of the same shape."""
    return WIRES[type(settings)](settings)


__all__ = [
    "WIRES",
    "DropoutSettings",
    "GaussianSettings",
    "LaplaceSettings",
    "LocalDpSettings",
    "PlainSettings",
    "TopKSettings",
    "WireSettings",
    "build_wire",
]
