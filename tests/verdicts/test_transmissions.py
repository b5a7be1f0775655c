"""Which networks send the same for an image each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from verdict_records import cell_records

from privprune.models.skip import NoShortcutsSettings, RandomBlocksSettings
from privprune.models.wire import WIRES
from privprune.records import Record
from privprune.settings import read
from privprune.verdicts.transmissions import REPEATING_SKIPS, REPEATING_WIRES, repeats


def made(cell: str, origin: str = "datasets/tiles", network: dict[str, Any] | None = None) -> Record:
    """Return the record of a cell whose entry describes its network, or leaves that to the cell it starts from."""
    (record,) = cell_records(cell, origin=origin)
    return replace(record, parameters={"network": network})


def with_cut(wire: str, skip: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a network with a cut."""
    return {"model": "photos_cnn", "cut": {"wire": {"name": wire}, "skip": skip}}


def test_the_wires_and_skips_that_draw_nothing_are_known() -> None:
    """They are those whose settings say so, in all of their forms."""
    random = {
        name: any(read(wire.settings, dict(one), name).random for one in wire.examples) for name, wire in WIRES.items()
    }
    assert {name for name, draws in random.items() if not draws} == set(REPEATING_WIRES)
    skips = (RandomBlocksSettings("random_blocks", 0.3), NoShortcutsSettings("no_shortcuts"))
    assert tuple(skip.name for skip in skips if not skip.random) == REPEATING_SKIPS


@pytest.mark.parametrize(
    ("network", "same"),
    [
        ({"model": "lenet5", "cut": None}, True),
        (with_cut("plain"), True),
        (with_cut("plain", {"name": "no_shortcuts"}), True),
        (with_cut("plain", {"name": "random_blocks", "rate": 0.3}), False),
        (with_cut("dropout"), False),
        (with_cut("a wire of one's own"), False),
    ],
)
def test_a_network_sends_the_same_unless_something_is_drawn(network: dict[str, Any], same: bool) -> None:
    """Noise, random skips and what is not known make two transmissions differ; pruned cells have their start's cut."""
    start, pruned = made("start", network=network), made("pruned", "models/start")
    assert repeats(start, {}) is repeats(pruned, {"start": start}) is same


def test_a_start_without_record_is_not_known() -> None:
    """Then the network counts as random, so that no attack is taken for one that it met."""
    assert not repeats(made("pruned", "models/start"), {})
    assert not repeats(made("trained"), {})
