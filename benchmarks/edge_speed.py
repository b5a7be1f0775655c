"""The edge of ResNet-18, dense and with 92 % of its parameters less, on one thread in PyTorch and ONNX Runtime.

Two edges with random weights, of which one is narrowed alike in all layers; then, where the laptop suite has run, two
that were trained, of which one was pruned by its masks (`benchmarks.trained_edges`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import trained_edges
from benchmarks.measuring import Timing, by_turns, on_one_thread, top_operators
from benchmarks.result import Result
from benchmarks.trained_edges import AIM, OPSET, REMOVED, often
from privprune.models import BlockNet, count_parameters
from privprune.models.block_net import Shape, split
from privprune.models.initialisation import initialise, xavier
from privprune.models.resnet import resnet18_imagenet
from privprune.split_service.session import Session
from privprune.workflow.onnx_export import export
from privprune.workflow.workers import run_in_workers

NAME = "edge-speed"
CUT = "block5"
BLOCKS = {CUT: "five blocks", "block1": "one block"}
RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}


@dataclass(frozen=True)
class Size:
    """Size of the measurement: block after which the network is cut, image side in pixels, images per round, rounds.

    And that of the trained edges.
    """

    cut: str
    pixels: int
    images: int
    rounds: int
    trained: trained_edges.Size = field(default=trained_edges.FULL, kw_only=True)


FULL = Size(CUT, pixels=256, images=10, rounds=9)
QUICK = Size("block1", pixels=32, images=1, rounds=1, trained=trained_edges.QUICK)  # exporting takes longer by blocks


def edge(width: float, cut: str = CUT) -> BlockNet:
    """Build the edge of torchvision's ResNet-18 with random weights; all numbers of channels are multiplied by `width`.

    Pruning by a mask would leave a different fraction of each layer; here it is the same for all layers.
    """
    found = _edge(width, cut)
    initialise(found, xavier, xavier, torch.Generator().manual_seed(0))
    return found


def _edge(width: float, cut: str) -> BlockNet:
    """Build an edge whose weights have no values yet."""
    return split(resnet18_imagenet(Shape(3, 256, 10), width), cut)[0].eval()


def narrowed(cut: str = CUT) -> BlockNet:
    """Build the widest edge with at least 92 % fewer parameters than the dense one."""

    def parameters(width: float) -> int:
        with torch.device("meta"):  # counts parameters without allocating them
            return count_parameters(_edge(width, cut))

    most = (1 - REMOVED) * parameters(1.0)
    channels = next(count for count in range(63, 0, -1) if parameters(count / 64) <= most)
    return edge(channels / 64, cut)


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Compare the two edges with random weights, then the two trained ones, on one thread."""
    return [*_synthetic(size), *trained_edges.measure(size.trained)]


def _synthetic(size: Size) -> list[Result]:
    """Compare the dense edge with the narrowed one, both with random weights."""
    image = torch.rand(1, 3, size.pixels, size.pixels) * 2 - 1
    edges = {"dense": edge(1.0, size.cut), "narrowed": narrowed(size.cut)}
    left = count_parameters(edges["narrowed"]) / count_parameters(edges["dense"])
    example = image.expand(2, -1, -1, -1)
    files = run_in_workers(  # forked: the exporter leaves a state that would crash later workers of this process
        lambda name: export(edges[name], example, ("images", "features"), OPSET), list(edges)
    )
    sides: dict[str, Callable[[], object]] = {}
    for (name, model), file in zip(edges.items(), files, strict=True):
        sides[f"{name}, torch"] = partial(often, partial(_in_torch(model), image), size.images)
        sides[f"{name}, onnx"] = partial(often, partial(Session(file), image.numpy()), size.images)
    timing = by_turns(sides, size.rounds)
    times = "; ".join(f"{side} {1000 * timing.median(side) / size.images:.1f} ms" for side in sides)
    results = [_result(timing, runtime, 1 - left, size, times) for runtime in RUNTIMES]
    if any(result.reached == "no" for result in results):
        missed = top_operators(sides["narrowed, torch"])
        results = [replace(one, note=f"{one.note}; {missed}") if one.reached == "no" else one for one in results]
    return results


def _in_torch(model: nn.Module) -> Callable[[Tensor], Tensor]:
    def run(image: Tensor) -> Tensor:
        with torch.inference_mode():
            features: Tensor = model(image)
            return features

    return run


def _result(timing: Timing, runtime: str, removed: float, size: Size, times: str) -> Result:
    """Return how many times faster the narrowed edge is in one runtime."""
    dense, narrow = f"dense, {runtime}", f"narrowed, {runtime}"
    measured = (
        f"ResNet-18's edge of {BLOCKS[size.cut]}, random weights, one image of {size.pixels} x {size.pixels}, "
        f"{RUNTIMES[runtime]}: dense against uniformly narrowed, {100 * removed:.1f} % fewer parameters"
    )
    note = f"{timing.spread(narrow, dense)}; an image: {times}; one thread"
    return Result(NAME, measured, timing.times_faster(narrow, dense), "times", AIM, "higher", note)
