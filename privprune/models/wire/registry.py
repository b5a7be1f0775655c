"""The registry of wires, and how a layer is built from its settings."""

from __future__ import annotations

from typing import Any

from torch import nn

from privprune.models.wire.method import WireMethod, WireSettings
from privprune.registry import Registry

WIRES: Registry[WireMethod] = Registry("privprune.models.wire", WireMethod, "privprune.models")


def wire_settings() -> dict[str, type[Any]]:
    """Return the settings class of each wire, name -> class."""
    return {name: method.settings for name, method in WIRES.items()}


def build_wire(settings: WireSettings) -> nn.Module:
    """Build the layer: noise-free features [batch, ...] to what is sent of them, of the same shape or less."""
    layer: nn.Module = WIRES[settings.name].build(settings)
    return layer
