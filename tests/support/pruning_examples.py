"""The example settings of all pruning methods, out of their declarations."""

from collections.abc import Mapping
from typing import Any

import pytest

from privprune.pruning import PRUNING, MaskMethod, PruningMethod, PruningSettings, RemovalMethod
from privprune.settings import read


def examples_of(kind: type[PruningMethod]) -> pytest.MarkDecorator:
    """Run a test with every example of the methods of one kind, as `example`."""
    found = [
        pytest.param(example, id=f"{name}-{number}")
        for name, method in PRUNING.items()
        if isinstance(method, kind)
        for number, example in enumerate(method.examples)
    ]
    return pytest.mark.parametrize("example", found)


masking, removing = examples_of(MaskMethod), examples_of(RemovalMethod)


def settings_of(example: Mapping[str, Any]) -> PruningSettings:
    """Read an example as a suite's entry is read."""
    settings: PruningSettings = read(PRUNING[example["name"]].settings, example, "suite.yaml: method")
    return settings


def removal_of(example: Mapping[str, Any]) -> RemovalMethod:
    """Return the method that an example is of."""
    method = PRUNING[example["name"]]
    assert isinstance(method, RemovalMethod)
    return method
