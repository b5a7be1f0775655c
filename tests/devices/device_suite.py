"""The suite that is compared between devices: that of `suites/devices.yaml`, and further methods by their examples."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from locations import SUITES

from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.defences import DEFENCES, DefenceMethod
from privprune.models.wire import WIRES
from privprune.pruning import PRUNING, RemovalMethod
from privprune.registry import Registry
from privprune.yaml_file import load_yaml

Suite = dict[str, Any]


def device_suite() -> Suite:
    """Return the suite with every registered method."""
    return completed(load_yaml(SUITES / "devices.yaml"))


def completed(suite: Suite) -> Suite:
    """Add an entry for each registered method that a suite does not name, with the first of the method's examples."""
    made, named = copy.deepcopy(suite), names_in(suite)

    def lacking(registry: Registry[Any]) -> dict[str, Any]:
        return {name: method for name, method in registry.items() if name not in named}

    for name, method in lacking(DEFENCES).items():
        made["harden"][name] = {**suite["harden"][_cell_like(method)], "defence": dict(method.examples[0])}
    for name, method in lacking(PRUNING).items():
        like = "removed" if isinstance(method, RemovalMethod) else "random"
        made["prune"][name] = {**suite["prune"][like], "method": dict(method.examples[0])}
    for name, method in lacking(WIRES).items():
        made["train"][name] = copy.deepcopy(suite["train"]["laplace"])
        made["train"][name]["network"]["cut"]["wire"] = dict(method.examples[0])
    places = ((MEMBERSHIP_ATTACKS, "base", "methods"), (INVERSION_ATTACKS, "cut-inverted", "inversions"))
    for registry, entry, key in places:
        made["attack"][entry][key] |= {name: dict(method.examples[0]) for name, method in lacking(registry).items()}
    return made


def _cell_like(defence: DefenceMethod) -> str:
    """Return the hardened cell of the file whose networks are what a defence needs."""
    if "cut" in defence.needs:
        return "resfl"
    return "early_stop" if "trained_start" in defence.needs else "min_max"


def names_in(value: object) -> set[str]:
    """Return all names of defences, pruning methods, wires and attacks in a part of a suite."""
    if isinstance(value, list):
        return {name for inner in value for name in names_in(inner)}
    if not isinstance(value, Mapping):
        return set()
    here = {str(value[key]) for key in ("name", "attack") if key in value}
    return here | {name for inner in value.values() for name in names_in(inner)}
