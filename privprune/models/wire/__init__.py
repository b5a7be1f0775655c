"""What happens to the features between the edge device and the cloud, one file per layer.

A wire layer has no parameters and acts in training and in evaluation alike; what it draws comes from a generator of its
own (`privprune.models.random_layers.reseed`). A new one is one file here, with its settings, a function that builds the
layer, and `METHOD`, a `WireMethod`.
"""

from privprune.models.wire.method import WireMethod, WireSettings
from privprune.models.wire.random_wire import AdditiveNoise, RandomWire
from privprune.models.wire.reducing import ReducingWire
from privprune.models.wire.registry import WIRES, build_wire, wire_settings

__all__ = [
    "WIRES",
    "AdditiveNoise",
    "RandomWire",
    "ReducingWire",
    "WireMethod",
    "WireSettings",
    "build_wire",
    "wire_settings",
]
