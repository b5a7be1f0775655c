"""Layers behind the trained networks of a cell: added when a training has ended, and taken away before another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from privprune.cells import Cell
from privprune.models.output import OUTPUT, OutputLayer, OutputSettings, with_output
from privprune.randomness import Purpose, generator
from privprune.workflow.context import DataContext
from privprune.workflow.stacks import as_array, as_tensor
from privprune.workflow.workers import run_in_workers

_PREFIX = f"{OUTPUT}."  # of the layer's buffers in a state dict


def behind(cell: Cell, settings: OutputSettings | None, context: DataContext) -> Cell:
    """Put an output layer behind each network of a cell that has none, fitted to the network.

    Args:
        cell: the trained networks.
        settings: of the layer; None to return the cell unchanged.
        context: the data that they were trained on; only shape and device of the images are used.

    """
    if settings is None:
        return cell

    def fitted(number: int) -> dict[str, Any]:
        network = cell.models([number])[0].to(context.device).eval()
        layer = with_output(network, settings, cell.manifest.classes)[-1].to(context.device)
        assert isinstance(layer, OutputLayer)  # noqa: S101 (the registry has no others)
        seed = cell.manifest.model_seeds()[number]
        layer.fit(network, context.image_shape, generator(seed, Purpose.OUTPUT, number))
        return {f"{_PREFIX}{name}": as_array(value) for name, value in layer.state_dict().items()}

    buffers = run_in_workers(fitted, range(len(cell.states)))
    states = [
        {**state, **{name: as_tensor(value) for name, value in own.items()}}
        for state, own in zip(cell.states, buffers, strict=True)
    ]
    return replace(cell, manifest=replace(cell.manifest, output=settings), states=states)


def without_output(cell: Cell) -> Cell:
    """Return a cell without the layers behind its networks, as it is trained on."""
    if cell.manifest.output is None:
        return cell
    states: list[dict[str, torch.Tensor]] = [
        {name: value for name, value in state.items() if not name.startswith(_PREFIX)} for state in cell.states
    ]
    return replace(cell, manifest=replace(cell.manifest, output=None), states=states)
