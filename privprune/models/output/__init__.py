"""Layers behind a network, which change its outputs before anyone sees them; one file each.

A file of this folder declares its layer as `METHOD`, an `OutputMethod`; the registry `OUTPUTS` finds it there. A
defence names the layer of its networks in `DefenceMethod.output`. It is added when the training has ended, and is part
of the network from then on: in its state dict, for attackers and utility, and in what is deployed.
"""

from privprune.models.output.method import OutputLayer, OutputMethod, OutputSettings
from privprune.models.output.registry import OUTPUT, OUTPUTS, AnyOutput, output_settings, read_output, with_output

__all__ = [
    "OUTPUT",
    "OUTPUTS",
    "AnyOutput",
    "OutputLayer",
    "OutputMethod",
    "OutputSettings",
    "output_settings",
    "read_output",
    "with_output",
]
