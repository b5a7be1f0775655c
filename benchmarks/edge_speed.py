"""The edge of ResNet-18 with five blocks, dense against 92 % removed, on one CPU thread in PyTorch and ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.measuring import Timing, by_turns, on_one_thread, top_operators
from benchmarks.result import Result
from privprune.models import BlockNet, count_parameters
from privprune.models.block_net import Shape, split
from privprune.models.resnet import resnet18_imagenet
from privprune.workflow.exported import Session, export

NAME = "edge-speed"
AIM = 3.0
REMOVED = 0.92  # of the edge's parameters, PATROL's "up to 92 %"
CUT = "block5"
OPSET = 20
RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}


@dataclass(frozen=True)
class Size:
    """How much is measured: pixels of an image's side, images of a round, rounds."""

    pixels: int
    images: int
    rounds: int


FULL = Size(pixels=256, images=10, rounds=9)
QUICK = Size(pixels=32, images=1, rounds=1)


def edge(width: float) -> BlockNet:
    """Build stem and five blocks in torchvision's form, all channels times a width, with random weights.

    Removal by a mask leaves layers of unequal width; equal shares of all are the plain case.
    """
    torch.manual_seed(0)
    return split(resnet18_imagenet(Shape(3, 256, 10), width), CUT)[0].eval()


def narrowed() -> BlockNet:
    """Build the widest such edge that has lost at least 92 % of its parameters."""
    most = (1 - REMOVED) * count_parameters(edge(1.0))
    channels = next(count for count in range(63, 0, -1) if count_parameters(edge(count / 64)) <= most)
    return edge(channels / 64)


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Compare the two edges on one thread."""
    image = torch.rand(1, 3, size.pixels, size.pixels) * 2 - 1
    edges = {"dense": edge(1.0), "pruned": narrowed()}
    left = count_parameters(edges["pruned"]) / count_parameters(edges["dense"])
    sides: dict[str, Callable[[], object]] = {}
    for name, model in edges.items():
        sides[f"{name}, torch"] = partial(_often, _in_torch(model), image, size.images)
        session = Session(export(model, image.expand(2, -1, -1, -1), ("images", "features"), OPSET))
        sides[f"{name}, onnx"] = partial(_often, session, image.numpy(), size.images)
    timing = by_turns(sides, size.rounds)
    told = "; ".join(f"{side} {1000 * timing.median(side) / size.images:.1f} ms" for side in sides)
    results = [_result(timing, runtime, 1 - left, size, told) for runtime in RUNTIMES]
    if any(result.reached == "no" for result in results):
        missed = top_operators(sides["pruned, torch"])
        results = [replace(one, note=f"{one.note}; {missed}") if one.reached == "no" else one for one in results]
    return results


def _in_torch(model: nn.Module) -> Callable[[Tensor], Tensor]:
    def run(image: Tensor) -> Tensor:
        with torch.inference_mode():
            made: Tensor = model(image)
            return made

    return run


def _often(run: Callable[[object], object], image: object, images: int) -> None:
    for _ in range(images):
        run(image)


def _result(timing: Timing, runtime: str, removed: float, size: Size, told: str) -> Result:
    """Say how many times faster the pruned edge is in one runtime."""
    dense, pruned = f"dense, {runtime}", f"pruned, {runtime}"
    measured = (
        f"ResNet-18's edge of five blocks, one image of {size.pixels} x {size.pixels}, {RUNTIMES[runtime]}: "
        f"dense against {100 * removed:.1f} % of the parameters removed"
    )
    note = f"{timing.spread(pruned, dense)}; an image: {told}; one thread"
    return Result(NAME, measured, timing.times_faster(pruned, dense), "times", AIM, "higher", note)
