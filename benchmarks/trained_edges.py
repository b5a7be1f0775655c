"""Trained edges of the laptop suite, dense and pruned by PATROL, in float32 and int8: ONNX Runtime on one thread.

The cells are `orl-none` and `orl-patrol`, ResNet-18 cut after six blocks. They were trained on smaller images; the edge
is convolutional, so that it takes any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measuring import Timing, by_turns
from benchmarks.result import Result
from benchmarks.split_service import as_given, photograph
from privprune.cells import Manifest, load_cell
from privprune.errors import UserError
from privprune.models import WIRE, count_parameters, split
from privprune.models.wire import ReducingWire, build_wire
from privprune.split_service.session import Session
from privprune.workflow.int8_export import quantise
from privprune.workflow.onnx_export import export, without_random_layers
from privprune.workflow.workers import run_in_workers

NAME = "edge-speed"  # its rows stand with those of the synthetic edges
CELLS = {"dense": "orl-none", "pruned": "orl-patrol"}
AIM = 3.0  # dense against pruned, where the pruned one has lost 92 % of its parameters
AIM_OF_INT8 = 1.0  # no slower than float32
REMOVED = 0.92  # of the edge's parameters, PATROL's "up to 92 %"
OPSET = 20
_SHIFTS = range(0, 16, 2)  # pixels, of the copies of a photograph that set the ranges of int8


@dataclass(frozen=True)
class Size:
    """Size of the measurement: checkout with the cells, image side in pixels, images per round, rounds."""

    folder: Path
    pixels: int
    images: int
    rounds: int


FULL = Size(Path(), pixels=128, images=20, rounds=9)
QUICK = Size(Path(), pixels=32, images=1, rounds=1)


@dataclass(frozen=True)
class TrainedEdge:
    """The edge of the first network of a cell, without random layers.

    Attributes:
        module: in evaluation mode.
        manifest: of the cell.

    """

    module: nn.Module
    manifest: Manifest


def measure(size: Size) -> list[Result]:
    """Compare the two edges in float32, and each in int8 with itself; where a cell is missing, the rows say so."""
    try:
        edges = {kind: trained_edge(size.folder / "data/models" / cell) for kind, cell in CELLS.items()}
    except UserError as missing:
        why = f"needs a finished laptop suite in the checkout: {missing}"
        return [
            Result(NAME, _measured(_network(None), size, kind), None, "times", aim, "higher", why)
            for kind, aim in aims(None).items()
        ]
    timing = by_turns(_sides(edges, size), size.rounds)
    times = "; ".join(f"{side} {1000 * timing.median(side) / size.images:.2f} ms" for side in timing.seconds)
    left = count_parameters(edges["pruned"].module) / count_parameters(edges["dense"].module)
    network, removed = _network(edges["dense"].manifest), 1 - left
    return [
        _result(timing, _measured(network, size, kind, removed), (kind, aim), times)
        for kind, aim in aims(removed).items()
    ]


def trained_edge(folder: Path) -> TrainedEdge:
    """Read the edge of the first network of a cell.

    Raises:
        UserError: there is no cell, or a damaged one, or one that sends something other than a map of its image's size.

    """
    if not (folder / "manifest.json").is_file():
        raise UserError(f"{folder}: not found")
    cell = load_cell(folder)
    cut = cell.manifest.cut
    if cut is None or isinstance(build_wire(cut.wire), ReducingWire):
        raise UserError(f"{folder}: found no cut, or a wire that reduces maps, allowed a cut that sends maps")
    return TrainedEdge(without_random_layers(split(cell.models([0])[0], WIRE)[0]), cell.manifest)


def _sides(edges: Mapping[str, TrainedEdge], size: Size) -> dict[str, Callable[[], object]]:
    """Return functions that compute the features of some images, one after another, for each edge and precision."""
    pixels = photograph(size.pixels)
    images = np.stack([as_given(np.roll(pixels, shift, axis=1)) for shift in _SHIFTS])
    if next(edges["dense"].module.parameters()).shape[1] == 1:  # a network of grey images
        images = images.mean(1, keepdims=True)
    example = torch.from_numpy(images[:2])
    files = run_in_workers(  # forked: the exporter leaves a state that would crash later workers of this process
        lambda kind: export(edges[kind].module, example, ("images", "features"), OPSET), list(edges)
    )
    sides: dict[str, Callable[[], object]] = {}
    for kind, file in zip(edges, files, strict=True):
        for precision, content in (("float32", file), ("int8", quantise(file, images))):
            sides[f"{kind}, {precision}"] = partial(often, partial(Session(content), images[:1]), size.images)
    return sides


def often(work: Callable[[], object], times: int) -> None:
    """Do the same work several times."""
    for _ in range(times):
        work()


def aims(removed: float | None) -> dict[str, float | None]:
    """Return what is compared, with its aim; a pruned edge that has lost less than 92 % has none."""
    return {"": AIM if removed is None or removed >= REMOVED else None, "dense": AIM_OF_INT8, "pruned": AIM_OF_INT8}


def _network(manifest: Manifest | None) -> str:
    """Name the network and its cut; that of the suite where there is no cell."""
    found = (manifest.model, manifest.cut.after) if manifest is not None and manifest.cut is not None else None
    model, after = found or ("resnet18_reid", 6)
    return f"trained edges of {model}, cut after {after} blocks"


def _measured(network: str, size: Size, kind: str, removed: float | None = None) -> str:
    """Return what is measured, in words: two edges in float32, or one of them in both precisions."""
    share = "" if removed is None else f", {100 * removed:.1f} % of the parameters removed"
    compared = f"the {kind} edge in int8 against float32" if kind else f"dense against pruned by masks{share}"
    return f"{network}, one image of {size.pixels} x {size.pixels}, ONNX Runtime: {compared}"


def _result(timing: Timing, measured: str, compared: tuple[str, float | None], times: str) -> Result:
    """Return one ratio: of both edges, or of one edge in both precisions."""
    kind, aim = compared
    fast, slow = (f"{kind}, int8", f"{kind}, float32") if kind else ("pruned, float32", "dense, float32")
    cells = " and ".join(CELLS.values())
    note = f"{timing.spread(fast, slow)}; an image: {times}; first networks of {cells}; one thread"
    return Result(NAME, measured, timing.times_faster(fast, slow), "times", aim, "higher", note)
