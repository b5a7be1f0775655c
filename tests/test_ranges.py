"""Every number of a suite has a range, at both ends of which a run survives."""

import dataclasses
import typing
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from privprune.annotations import OneOf
from privprune.datasets.entry import CatalogueSettings
from privprune.settings import Range
from privprune.suite.named_methods import registries
from privprune.verdicts.cross import CrossSettings
from privprune.verdicts.settings import EvaluateSettings
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.deploy import DeployEntry
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.prune import PruneEntry
from privprune.workflow.recognise import RecogniseEntry
from privprune.workflow.sparsity_search import SearchEntry
from privprune.workflow.train import HardenEntry, TrainEntry

ENTRIES = (
    *(CatalogueSettings, TrainEntry, PruneEntry, HardenEntry, SearchEntry),
    *(AttackEntry, InversionEntry, RecogniseEntry, DeployEntry, EvaluateSettings, CrossSettings),
)
METHODS = tuple(
    method.settings for registry in registries() for method in registry.values() if hasattr(method, "settings")
)


def numbers(hint: Any, where: str, ranges: tuple[Range, ...] = ()) -> Iterator[tuple[str, type, tuple[Range, ...]]]:
    """Yield the place, the type and the ranges of each number that settings of a type contain."""
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
        if not any(isinstance(extra, OneOf) for extra in extras):  # its classes are among METHODS
            yield from numbers(inner, where, (*ranges, *(extra for extra in extras if isinstance(extra, Range))))
    elif dataclasses.is_dataclass(hint):
        for name, inner in typing.get_type_hints(hint, include_extras=True).items():
            yield from numbers(inner, f"{where}.{name}")
    elif typing.get_origin(hint) is not None:
        for inner in typing.get_args(hint):
            yield from numbers(inner, where, ranges)
    elif hint in (int, float):
        yield where, hint, ranges


@pytest.mark.parametrize("settings", dict.fromkeys((*ENTRIES, *METHODS)), ids=lambda one: one.__name__)
def test_every_number_of_every_setting_has_a_range_with_two_ends(settings: type) -> None:
    """No number is left that only a machine's memory, its clock or float32 would bound."""
    for where, kind, ranges in numbers(settings, settings.__name__):
        assert ranges, f"{where} has no range"
        assert any(one.low is not None and one.high is not None for one in ranges), f"{where} is open at one end"
        assert all(abs(one.high or 0) < 2**63 for one in ranges), where
        assert kind is int or all(abs(one.high or 0) <= 1e6 for one in ranges), f"{where}: its square needs float32"
