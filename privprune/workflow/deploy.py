"""Export the two halves of a trained network, compare the files with PyTorch, and measure what they cost and leak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from privprune.cells import Cell
from privprune.errors import UserError, shown
from privprune.models import WIRE, BlockNet, edge_of, split
from privprune.models.random_layers import RandomDropout, RandomLayer
from privprune.models.reidentification import NECK
from privprune.models.wire.gaussian import GaussianNoise
from privprune.settings import Count, Name, Positive, Range, Repeats
from privprune.split_service.pair import CLOUD_FILE, EDGE_FILE, EDGE_INT8_FILE, FORMAT, Pair, file_hash, model_hash
from privprune.split_service.session import Session
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext, NetworkSettings, check_same_data
from privprune.workflow.deployed_cost import CLOUD, EDGE, Half, costs, timings
from privprune.workflow.executorch_export import executorch_session, export_executorch, require_executorch
from privprune.workflow.int8_export import quantise
from privprune.workflow.inversion_targets import evenly_spaced
from privprune.workflow.onnx_export import export, without_random_layers
from privprune.workflow.quantised_halves import QuantisationSettings, QuantisedNetwork, measure_variants
from privprune.workflow.workers import run_in_workers

_COMPARED = 64  # test images, evenly spaced, on which PyTorch and the other runtimes are compared
_ONNX, _EXECUTORCH = "ONNX Runtime", "ExecuTorch"


@dataclass(frozen=True)
class DeployEntry:
    """An entry of the suite's `deploy` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        cell: the cell whose network is exported.
        network: number of the target, counted from 0.
        opset: version of ONNX's operators.
        tolerance: largest absolute difference of a feature or output between PyTorch and another runtime, in float32.
        repeats: how often each half is timed.
        executorch: whether the edge is exported to ExecuTorch, a runtime for phones, as well.
        quantisation: how the edge and what it sends are quantised, and how utility and privacy are measured then.

    """

    paper: Name
    data: str
    cell: str
    network: Count
    opset: Annotated[int, Range(18, 23)]
    tolerance: Positive
    repeats: Repeats
    executorch: bool
    quantisation: QuantisationSettings


def check_deploy(entry: DeployEntry, cells: Mapping[str, str], network: NetworkSettings | None, where: str) -> None:
    """Check an entry against the suite.

    Args:
        entry: cell and network.
        cells: name of each cell -> name of its dataset.
        network: settings of the networks of the entry's cell; None where there is no such cell.
        where: place of the entry, for the message.

    Raises:
        UserError: there is no such cell or network, the cell is of other data, its networks have no cut, or ExecuTorch
            is wanted and not installed.

    """
    if network is None:
        raise UserError(f"{where}.cell: found {shown(entry.cell)}, allowed {', '.join(cells)}")
    if entry.data != cells[entry.cell]:
        raise UserError(f"{where}.data: found {entry.data}, allowed {cells[entry.cell]} (the cell's)")
    if entry.network >= len(network.seeds):
        raise UserError(f"{where}.network: found {entry.network}, allowed 0 to {len(network.seeds) - 1}")
    if network.cut is None:
        raise UserError(f"{where}.cell: found {entry.cell}, whose networks are whole, allowed one with network.cut")
    if entry.executorch:
        require_executorch(f"{where}.executorch")


@dataclass(frozen=True)
class Deployment:
    """Two exported halves and their cost.

    Attributes:
        files: `edge.onnx`, `edge_int8.onnx`, `cloud.onnx` and perhaps `edge.pte` -> content.
        pair: what a client and a server have to know of them.
        metrics: parameters, operations, bytes, errors, utility and privacy -> one value each; the same on each run.
        timings: milliseconds and bytes of memory, which differ from run to run.

    """

    files: dict[str, bytes]
    pair: Pair
    metrics: dict[str, list[float]]
    timings: dict[str, float]


def deploy_cell(entry: DeployEntry, cell: Cell, context: DataContext, where: str) -> Deployment:
    """Export one network of a cell, compare the files with PyTorch, and measure their cost, utility and privacy.

    Layers that draw random numbers, such as noise on the wire, are not exported: the device adds the noise to the
    features itself, from a source of randomness that it trusts. Where the edge itself is random, what is measured is
    the edge without its chance.

    Args:
        entry: which network, and how it is exported, quantised and timed.
        cell: the networks.
        context: the data; the halves are compared on 64 test images.
        where: place of the entry, for messages.

    Raises:
        UserError: the cell was trained on other data or has no cut, or PyTorch and another runtime differ by more than
            the tolerance.

    """
    check_same_data(cell, context, f"{where}.cell: {entry.cell}")
    halves = _exported(entry, cell, context, where)
    errors = _errors(halves)
    _check_errors(errors, entry.tolerance, _ONNX, where)
    edge, cloud = halves[EDGE], halves[CLOUD]
    int8, int8_metrics, runs = _in_int8(entry, cell, context, halves)
    phone, phone_metrics, phone_runs = _for_phones(entry, edge, where) if entry.executorch else ({}, {}, {})
    metrics = {**costs(halves), **errors, **int8_metrics, **phone_metrics}
    files = {EDGE_FILE: edge.onnx, EDGE_INT8_FILE: int8, CLOUD_FILE: cloud.onnx, **phone}
    return Deployment(
        files=files,
        pair=_pair(cell, entry, halves, files),
        metrics={name: [float(value)] for name, value in metrics.items()},
        timings=timings(halves, {**runs, **phone_runs}, entry.repeats),
    )


def _exported(entry: DeployEntry, cell: Cell, context: DataContext, where: str) -> dict[str, Half]:
    """Export both halves to ONNX, with examples of their inputs and outputs."""
    compared = evenly_spaced(_test_records(context), _COMPARED)
    images = as_input(context.dataset.images[compared.to(context.device)]).cpu()
    edge, cloud = _halves(cell, entry, where)
    with torch.no_grad():
        features = edge(images)
        outputs = cloud(features)
    exports = [(edge, images, ("images", "features")), (cloud, features, ("features", _output_name(cell)))]
    # The exporter leaves state behind, which in a forked process is lost.
    onnx_edge, onnx_cloud = run_in_workers(lambda arguments: export(*arguments, entry.opset), exports)
    return {EDGE: Half(edge, onnx_edge, images, features), CLOUD: Half(cloud, onnx_cloud, features, outputs)}


Part = dict[str, float]
Runs = dict[str, Callable[[], object]]


def _in_int8(
    entry: DeployEntry, cell: Cell, context: DataContext, halves: Mapping[str, Half]
) -> tuple[bytes, Part, Runs]:
    """Quantise the edge; returns the file, what it costs, serves and leaks beside float32, and how it is run."""
    edge, members = halves[EDGE], context.members(cell.manifest, entry.network)
    edges = {"float32": Session(edge.onnx)}
    network = QuantisedNetwork(cell, entry.network, edges, Session(halves[CLOUD].onnx), context)
    int8 = quantise(edge.onnx, network.images(evenly_spaced(members, entry.quantisation.calibration)))
    edges["int8"] = Session(int8)
    features = torch.from_numpy(edges["int8"](edge.inputs.numpy()))
    metrics = {
        "edge_int8_file_bytes": float(len(int8)),
        "int8_features_error": float((features - edge.outputs).abs().max()),
        **measure_variants(network, entry.quantisation),
    }
    return int8, metrics, {"edge_onnx_runtime_int8": partial(edges["int8"], edge.inputs[:1].numpy())}


def _for_phones(entry: DeployEntry, edge: Half, where: str) -> tuple[dict[str, bytes], Part, Runs]:
    """Export the edge to ExecuTorch and compare it with PyTorch; returns file, metrics and how it is run."""
    require_executorch(f"{where}.executorch")
    image = edge.inputs[:1]
    (program,) = run_in_workers(lambda model: export_executorch(model, image), [edge.model])
    run = executorch_session(program)
    features = torch.cat([run(one) for one in edge.inputs.split(1)])
    errors = {"executorch_features_error": float((features - edge.outputs).abs().max())}
    _check_errors(errors, entry.tolerance, _EXECUTORCH, where)
    metrics = {"edge_executorch_file_bytes": float(len(program)), **errors}
    return {"edge.pte": program}, metrics, {"edge_executorch": partial(run, image)}


def _check_errors(errors: Mapping[str, float], tolerance: float, runtime: str, where: str) -> None:
    """Raise a UserError if a runtime computes something else than PyTorch."""
    for name, error in errors.items():
        if not error <= tolerance:
            raise UserError(
                f"{where}.tolerance: {name} {error:.2g} between PyTorch and {runtime}, allowed at most {tolerance:g}"
            )


def _pair(cell: Cell, entry: DeployEntry, halves: Mapping[str, Half], files: Mapping[str, bytes]) -> Pair:
    """Describe two halves and their files for a client and a server."""
    edge, cloud = halves[EDGE], halves[CLOUD]
    noise, left_out = _random_layers(cell.models([entry.network])[0].eval())
    return Pair(
        format=FORMAT,
        model=model_hash(edge.onnx, cloud.onnx),
        files={name: file_hash(content) for name, content in files.items()},
        images=tuple(edge.inputs.shape[1:]),
        features=tuple(edge.outputs.shape[1:]),
        output=_output_name(cell),
        noise=noise,
        left_out=left_out,
    )


def _random_layers(model: BlockNet) -> tuple[float, tuple[str, ...]]:
    """Return the deviation of the Gaussian noise on the wire, and the kinds of other layers that are random in use."""
    edge = edge_of(model)
    wire = edge[-1]
    noise = wire.deviation if isinstance(wire, GaussianNoise) else 0.0
    others = [
        layer
        for layer in edge.modules()
        if isinstance(layer, RandomLayer)
        and not isinstance(layer, RandomDropout)  # which is the identity in use
        and not (layer is wire and isinstance(wire, GaussianNoise))
    ]
    return noise, tuple(sorted({type(layer).__name__ for layer in others}))


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


def _errors(halves: Mapping[str, Half]) -> dict[str, float]:
    """Compute the largest absolute difference of the features, and of the outputs of both files in a row."""
    features = Session(halves[EDGE].onnx)(halves[EDGE].inputs.numpy())
    outputs = Session(halves[CLOUD].onnx)(features)
    return {
        "features_error": float((torch.from_numpy(features) - halves[EDGE].outputs).abs().max()),
        "outputs_error": float((torch.from_numpy(outputs) - halves[CLOUD].outputs).abs().max()),
    }


def _output_name(cell: Cell) -> Literal["logits", "embedding"]:
    """Name the output of the cloud: an embedding of a re-identification network, else logits."""
    return "embedding" if cell.manifest.reidentification is not None else "logits"
