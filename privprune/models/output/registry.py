"""The registry of output layers, and how one is put behind a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from privprune.annotations import OneOf
from privprune.models.block_net import BlockNet
from privprune.models.output.method import OutputMethod, OutputSettings
from privprune.registry import Registry
from privprune.settings import read

OUTPUT = "output"  # name of the block
OUTPUTS: Registry[OutputMethod] = Registry("privprune.models.output", OutputMethod, "privprune.models")


def output_settings() -> dict[str, type[Any]]:
    """Return the settings class of each output layer, name -> class."""
    return {name: method.settings for name, method in OUTPUTS.items()}


AnyOutput = Annotated[OutputSettings, OneOf(output_settings)]  # the type of a setting that names an output layer


def read_output(found: Mapping[str, Any], where: str) -> OutputSettings:
    """Read the settings of an output layer.

    Raises:
        UserError: there is no such layer, or its settings are wrong; `where` is their location.

    """
    settings: OutputSettings = read(OUTPUTS.look_up(found["name"], f"{where}.name").settings, found, where)
    return settings


def with_output(model: BlockNet, settings: OutputSettings, classes: int) -> BlockNet:
    """Return a network whose last block is an output layer, not yet fitted; it shares the blocks of the given one."""
    layer = OUTPUTS[settings.name].build(settings, classes)
    return BlockNet([*model.named_children(), (OUTPUT, layer)])
