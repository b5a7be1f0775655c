"""List the modules of the methods that an entry of a suite names: of all methods, its result depends on these only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.datasets.catalogue import DATASETS
from privprune.datasets.own_format import OWN_FORMATS
from privprune.defences import DEFENCES
from privprune.lineage import lineage
from privprune.models.catalogue import MODELS
from privprune.models.output import OUTPUTS
from privprune.models.wire import WIRES
from privprune.pruning import PRUNING
from privprune.registry import Registry

MAKING = ("train", "prune", "harden")  # sections whose entries make cells
_CELLS = {"attack": ("target", "released_with"), "recognise": ("judge",), "deploy": ("cell",)}  # keys that name cells
_NAMING = ("name", "attack", "model")  # keys whose value may be a method's name


def modules_named(suite: Mapping[str, Any], section: str, name: str) -> list[str]:
    """Return the modules of the methods that an entry runs, sorted.

    Args:
        suite: content of a suite's file that has been validated.
        section: of the entry.
        name: of the entry.

    Returns:
        the modules of the methods that the entry names, and those of architecture, wire and output layer of its
        networks. The methods by which its starting cell was trained are not among them: the entry only reads that
        cell's weights.

    """
    entry = suite[section][name]
    modules = set(_modules(entry))
    cells = [name] if section in MAKING else [entry.get(key) for key in _CELLS.get(section, ())]
    for cell in cells:
        modules |= set() if cell is None else set(_modules(_network(suite, cell))) | set(_outputs(suite, cell))
    return sorted(modules)


def _lineage(suite: Mapping[str, Any], cell: str) -> list[Mapping[str, Any]]:
    """Return the entry of a cell, then those of the cells that it starts from."""
    cells = {name: entry for section in MAKING for name, entry in suite[section].items()}
    return [cells[name] for name in lineage(cell, lambda name: str(cells[name].get("from", "")))]


def _network(suite: Mapping[str, Any], cell: str) -> object:
    """Return the key `network` that applies to a cell: that of the first cell of its lineage."""
    return _lineage(suite, cell)[-1]["network"]


def _outputs(suite: Mapping[str, Any], cell: str) -> set[str]:
    """Return the modules of output layers that defences of the lineage name: a network keeps its layer."""
    layers = {OUTPUTS.module_of(name) for name in OUTPUTS}
    return {module for entry in _lineage(suite, cell) for module in _modules(entry.get("defence")) if module in layers}


def _modules(value: object) -> Iterator[str]:
    """Yield the modules of all methods that are named in a part of a suite, at any depth."""
    if isinstance(value, list):
        for inner in value:
            yield from _modules(inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _NAMING and isinstance(inner, str):
                yield from (registry.module_of(inner) for registry in registries() if inner in registry)
            yield from _modules(inner)


def registries() -> tuple[Registry[Any], ...]:
    """Return all registries of methods, including those that belong to a method, such as the forms of CEM's loss."""
    inner = [registry for method in DEFENCES.values() for registry in method.parts]
    shared = (DATASETS, DEFENCES, INVERSION_ATTACKS, MEMBERSHIP_ATTACKS, MODELS, OUTPUTS, OWN_FORMATS, PRUNING, WIRES)
    return (*shared, *inner)
