"""The two halves of a trained network as ONNX files, checked against PyTorch, with what they cost on the device."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from privprune.cells import Cell
from privprune.errors import UserError
from privprune.metrics.cost import bytes_on_wire, multiply_accumulates, peak_memory, seconds_by_turns
from privprune.models import WIRE, count_parameters, split
from privprune.models.reidentification import NECK
from privprune.settings import AtLeastOne, Count, Positive, Range
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext, NetworkSettings, check_same_data
from privprune.workflow.inversion_targets import evenly
from privprune.workflow.onnx_export import Session, export, without_chance
from privprune.workflow.workers import side_by_side

_COMPARED = 64  # test images, evenly spaced, on which PyTorch and ONNX Runtime are compared
EDGE, CLOUD = "edge", "cloud"


@dataclass(frozen=True)
class DeployEntry:
    """An entry of the suite's `deploy` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        cell: whose network is exported.
        network: which of its targets, counted from 0.
        opset: version of ONNX's operators.
        tolerance: by how much any feature or output may differ between PyTorch and ONNX Runtime.
        repeats: how often each half is timed.

    """

    paper: str
    data: str
    cell: str
    network: Count
    opset: Annotated[int, Range(18, 23)]
    tolerance: Positive
    repeats: AtLeastOne


def check_deploy(entry: DeployEntry, cells: Mapping[str, str], network: NetworkSettings | None, where: str) -> None:
    """Hold an entry against the suite, before anything is trained.

    Args:
        entry: what was asked for.
        cells: name of each cell -> name of its dataset.
        network: the networks of the entry's cell; None where there is no such cell.
        where: the place of the entry, for the message.

    Raises:
        UserError: no such cell or network, other data, or a network without a cut.

    """
    if network is None:
        raise UserError(f"{where}.cell: found {entry.cell!r}, allowed {', '.join(cells)}")
    if entry.data != cells[entry.cell]:
        raise UserError(f"{where}.data: found {entry.data}, allowed {cells[entry.cell]} (the cell's)")
    if entry.network >= len(network.seeds):
        raise UserError(f"{where}.network: found {entry.network}, allowed 0 to {len(network.seeds) - 1}")
    if network.cut is None:
        raise UserError(f"{where}.cell: found {entry.cell}, whose networks are whole, allowed one with network.cut")


@dataclass(frozen=True)
class Deployed:
    """What came out.

    Attributes:
        files: name -> content of the two ONNX files.
        metrics: parameters, operations, bytes and errors, one value each; the same on each run.
        timings: milliseconds and bytes of memory, which differ from run to run.

    """

    files: dict[str, bytes]
    metrics: dict[str, list[float]]
    timings: dict[str, float]


@dataclass(frozen=True)
class _Half:
    """One half with what it was given and gave: float32 [n, ...] each."""

    model: nn.Module
    onnx: bytes
    given: Tensor
    made: Tensor


def deploy_cell(entry: DeployEntry, cell: Cell, context: DataContext, where: str) -> Deployed:
    """Export one network of a cell, prove that nothing was lost, measure what it costs.

    A layer that draws random numbers, such as noise on the wire, is left out of the files: the device adds it to the
    features by itself, from a source of randomness that it trusts.

    Raises:
        UserError: the cell is of other data or not cut, or ONNX Runtime computes something else than PyTorch.

    """
    check_same_data(cell, context, f"{where}.cell: {entry.cell}")
    images = as_input(context.dataset.images[evenly(_test(context), _COMPARED).to(context.device)]).cpu()
    edge, cloud = _halves(cell, entry, where)
    with torch.no_grad():
        features = edge(images)
        logits = cloud(features)
    asked = [(edge, images, ("images", "features")), (cloud, features, ("features", _output(cell)))]
    made = side_by_side(
        lambda one: export(*one, entry.opset), asked
    )  # forked, which also keeps the exporter's state out
    parts = {EDGE: _Half(edge, made[0], images, features), CLOUD: _Half(cloud, made[1], features, logits)}
    errors = _errors(parts)
    for name, error in errors.items():
        if not error <= entry.tolerance:
            raise UserError(
                f"{where}.tolerance: {name} {error:.2g} between PyTorch and ONNX Runtime, "
                f"allowed at most {entry.tolerance:g}"
            )
    return Deployed(
        files={f"{name}.onnx": half.onnx for name, half in parts.items()},
        metrics={name: [float(value)] for name, value in {**_facts(parts), **errors}.items()},
        timings=_timings(parts, entry.repeats),
    )


def _test(context: DataContext) -> Tensor:
    return torch.arange(context.dataset.official_train, len(context.dataset.labels))


def _halves(cell: Cell, entry: DeployEntry, where: str) -> tuple[nn.Module, nn.Module]:
    """Cut one network behind its wire, without what is random; a re-identification network ends with its embedding."""
    model = cell.models([entry.network])[0]
    if WIRE not in model.block_names:
        raise UserError(f"{where}.cell: found {entry.cell}, whose networks are whole, allowed one with network.cut")
    edge, cloud = split(model, WIRE)
    if _output(cell) == "embedding":
        cloud, _ = split(cloud, NECK)
    return without_chance(edge), without_chance(cloud)


def _errors(parts: Mapping[str, _Half]) -> dict[str, float]:
    """Largest absolute difference of the features, and of the outputs that both files in a row give."""
    features = Session(parts[EDGE].onnx)(parts[EDGE].given.numpy())
    outputs = Session(parts[CLOUD].onnx)(features)
    return {
        "features_error": float((torch.from_numpy(features) - parts[EDGE].made).abs().max()),
        "outputs_error": float((torch.from_numpy(outputs) - parts[CLOUD].made).abs().max()),
    }


def _facts(parts: Mapping[str, _Half]) -> dict[str, int]:
    """Count what each half holds and does, per image."""
    facts = {}
    for name, half in parts.items():
        facts[f"{name}_parameters"] = count_parameters(half.model)
        facts[f"{name}_operations"] = multiply_accumulates(half.model, half.given[:1])
        facts[f"{name}_file_bytes"] = len(half.onnx)
    values = parts[EDGE].made[0].numel()
    return {**facts, **{f"wire_bytes_{kind}": count for kind, count in bytes_on_wire(values).items()}}


def _timings(parts: Mapping[str, _Half], repeats: int) -> dict[str, float]:
    """Measure median milliseconds for one image on one thread, and the peak of memory in ONNX Runtime."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            seconds = seconds_by_turns(_sides(parts), repeats)
    finally:
        torch.set_num_threads(threads)
    measured = {f"{side}_milliseconds": round(1000 * taken, 4) for side, taken in seconds.items()}
    for name, half in parts.items():
        held = _peak(half)
        measured |= {} if held is None else {f"{name}_peak_memory_bytes": held}
    return measured


def _sides(parts: Mapping[str, _Half]) -> dict[str, Callable[[], object]]:
    """Return each half as PyTorch and as ONNX Runtime run it, on one image."""
    sides: dict[str, Callable[[], object]] = {}
    for name, half in parts.items():
        one = half.given[:1].contiguous()
        sides[f"{name}_torch"] = partial(half.model, one)
        sides[f"{name}_onnx_runtime"] = partial(Session(half.onnx), one.numpy())
    return sides


def _peak(half: _Half) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "half.onnx"
        file.write_bytes(half.onnx)
        return peak_memory(file, (1, *half.given.shape[1:]))


def _output(cell: Cell) -> str:
    """Name what the cloud gives: an embedding of a re-identification network, else logits."""
    return "embedding" if cell.manifest.reidentification is not None else "logits"
