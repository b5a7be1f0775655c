"""The wires that send less than the features: what they compute is part of the edge."""

from __future__ import annotations

from torch import nn


class ReducingWire(nn.Module):
    """A deterministic layer whose output has another shape than the features.

    What reaches the cloud, and every attacker, is this output; the features before it stay on the device.
    """
