"""Export the two halves of a trained network to ONNX, compare them with PyTorch, and measure their cost."""

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
from privprune.errors import UserError, shown
from privprune.metrics.cost import bytes_on_wire, multiply_accumulates, peak_memory, seconds_by_turns
from privprune.models import WIRE, count_parameters, split
from privprune.models.reidentification import NECK
from privprune.settings import Count, Name, Positive, Range, Repeats
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext, NetworkSettings, check_same_data
from privprune.workflow.inversion_targets import evenly_spaced
from privprune.workflow.onnx_export import Session, export, without_random_layers
from privprune.workflow.workers import run_in_workers

_COMPARED = 64  # test images, evenly spaced, on which PyTorch and ONNX Runtime are compared
EDGE, CLOUD = "edge", "cloud"


@dataclass(frozen=True)
class DeployEntry:
    """An entry of the suite's `deploy` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        cell: the cell whose network is exported.
        network: number of the target, counted from 0.
        opset: version of ONNX's operators.
        tolerance: largest absolute difference of a feature or output between PyTorch and ONNX Runtime.
        repeats: how often each half is timed.

    """

    paper: Name
    data: str
    cell: str
    network: Count
    opset: Annotated[int, Range(18, 23)]
    tolerance: Positive
    repeats: Repeats


def check_deploy(entry: DeployEntry, cells: Mapping[str, str], network: NetworkSettings | None, where: str) -> None:
    """Check an entry against the suite.

    Args:
        entry: cell and network.
        cells: name of each cell -> name of its dataset.
        network: settings of the networks of the entry's cell; None where there is no such cell.
        where: place of the entry, for the message.

    Raises:
        UserError: there is no such cell or network, the cell is of other data, or its networks have no cut.

    """
    if network is None:
        raise UserError(f"{where}.cell: found {shown(entry.cell)}, allowed {', '.join(cells)}")
    if entry.data != cells[entry.cell]:
        raise UserError(f"{where}.data: found {entry.data}, allowed {cells[entry.cell]} (the cell's)")
    if entry.network >= len(network.seeds):
        raise UserError(f"{where}.network: found {entry.network}, allowed 0 to {len(network.seeds) - 1}")
    if network.cut is None:
        raise UserError(f"{where}.cell: found {entry.cell}, whose networks are whole, allowed one with network.cut")


@dataclass(frozen=True)
class Deployment:
    """Two exported halves and their cost.

    Attributes:
        files: `edge.onnx` and `cloud.onnx` -> content.
        metrics: parameters, operations, bytes and errors -> one value each; the same on each run.
        timings: milliseconds and bytes of memory, which differ from run to run.

    """

    files: dict[str, bytes]
    metrics: dict[str, list[float]]
    timings: dict[str, float]


@dataclass(frozen=True)
class _Half:
    """One half of a network, with an example of its input and output: float32 [n, ...] each."""

    model: nn.Module
    onnx: bytes
    inputs: Tensor
    outputs: Tensor


def deploy_cell(entry: DeployEntry, cell: Cell, context: DataContext, where: str) -> Deployment:
    """Export one network of a cell, compare the files with PyTorch, and measure their cost.

    Layers that draw random numbers, such as noise on the wire, are not exported: the device adds the noise to the
    features itself, from a source of randomness that it trusts.

    Args:
        entry: which network, and how it is exported and timed.
        cell: the networks.
        context: the data; the halves are compared on 64 test images.
        where: place of the entry, for messages.

    Raises:
        UserError: the cell was trained on other data or has no cut, or PyTorch and ONNX Runtime differ by more than the
            tolerance.

    """
    check_same_data(cell, context, f"{where}.cell: {entry.cell}")
    compared = evenly_spaced(_test_records(context), _COMPARED)
    images = as_input(context.dataset.images[compared.to(context.device)]).cpu()
    edge, cloud = _halves(cell, entry, where)
    with torch.no_grad():
        features = edge(images)
        outputs = cloud(features)
    exports = [(edge, images, ("images", "features")), (cloud, features, ("features", _output_name(cell)))]
    # The exporter leaves state behind, which in a forked process is lost.
    onnx_edge, onnx_cloud = run_in_workers(lambda arguments: export(*arguments, entry.opset), exports)
    halves = {EDGE: _Half(edge, onnx_edge, images, features), CLOUD: _Half(cloud, onnx_cloud, features, outputs)}
    errors = _errors(halves)
    for name, error in errors.items():
        if not error <= entry.tolerance:
            raise UserError(
                f"{where}.tolerance: {name} {error:.2g} between PyTorch and ONNX Runtime, "
                f"allowed at most {entry.tolerance:g}"
            )
    return Deployment(
        files={f"{name}.onnx": half.onnx for name, half in halves.items()},
        metrics={name: [float(value)] for name, value in {**_costs(halves), **errors}.items()},
        timings=_timings(halves, entry.repeats),
    )


def _test_records(context: DataContext) -> Tensor:
    return torch.arange(context.dataset.official_train, len(context.dataset.labels))


def _halves(cell: Cell, entry: DeployEntry, where: str) -> tuple[nn.Module, nn.Module]:
    """Cut one network behind its wire, without random layers; a re-identification network ends with its embedding."""
    model = cell.models([entry.network])[0]
    if WIRE not in model.block_names:
        raise UserError(f"{where}.cell: found {entry.cell}, whose networks are whole, allowed one with network.cut")
    edge, cloud = split(model, WIRE)
    if _output_name(cell) == "embedding":
        cloud, _ = split(cloud, NECK)
    return without_random_layers(edge), without_random_layers(cloud)


def _errors(halves: Mapping[str, _Half]) -> dict[str, float]:
    """Compute the largest absolute difference of the features, and of the outputs of both files in a row."""
    features = Session(halves[EDGE].onnx)(halves[EDGE].inputs.numpy())
    outputs = Session(halves[CLOUD].onnx)(features)
    return {
        "features_error": float((torch.from_numpy(features) - halves[EDGE].outputs).abs().max()),
        "outputs_error": float((torch.from_numpy(outputs) - halves[CLOUD].outputs).abs().max()),
    }


def _costs(halves: Mapping[str, _Half]) -> dict[str, int]:
    """Count parameters, multiply-accumulate operations per image, and bytes of file and wire."""
    costs = {}
    for name, half in halves.items():
        costs[f"{name}_parameters"] = count_parameters(half.model)
        costs[f"{name}_operations"] = multiply_accumulates(half.model, half.inputs[:1])
        costs[f"{name}_file_bytes"] = len(half.onnx)
    values = halves[EDGE].outputs[0].numel()
    return {**costs, **{f"wire_bytes_{kind}": count for kind, count in bytes_on_wire(values).items()}}


def _timings(halves: Mapping[str, _Half], repeats: int) -> dict[str, float]:
    """Measure median milliseconds for one image on one thread, and the peak memory in ONNX Runtime."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            seconds = seconds_by_turns(_runs(halves), repeats)
    finally:
        torch.set_num_threads(threads)
    measured = {f"{run}_milliseconds": round(1000 * taken, 4) for run, taken in seconds.items()}
    for name, half in halves.items():
        peak = _peak(half)
        measured |= {} if peak is None else {f"{name}_peak_memory_bytes": peak}
    return measured


def _runs(halves: Mapping[str, _Half]) -> dict[str, Callable[[], object]]:
    """Return functions that run each half on one image, in PyTorch and in ONNX Runtime."""
    runs: dict[str, Callable[[], object]] = {}
    for name, half in halves.items():
        image = half.inputs[:1].contiguous()
        runs[f"{name}_torch"] = partial(half.model, image)
        runs[f"{name}_onnx_runtime"] = partial(Session(half.onnx), image.numpy())
    return runs


def _peak(half: _Half) -> int | None:
    """Measure the peak memory of a half in ONNX Runtime, bytes; None where the system does not report it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "half.onnx"
        file.write_bytes(half.onnx)
        return peak_memory(file, (1, *half.inputs.shape[1:]))


def _output_name(cell: Cell) -> str:
    """Name the output of the cloud: an embedding of a re-identification network, else logits."""
    return "embedding" if cell.manifest.reidentification is not None else "logits"
