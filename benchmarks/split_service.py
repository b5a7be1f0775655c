"""ResNet-18 at 128 x 128 split between a device and a server on loopback: int8 edge, round trip, and beside a JPEG."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image

from benchmarks.measuring import Timing, by_turns, on_one_thread
from benchmarks.result import Result
from privprune.models import BlockNet, split
from privprune.models.block_net import Shape
from privprune.models.initialisation import initialise, xavier
from privprune.models.resnet import resnet18_imagenet
from privprune.split_service.client import Client
from privprune.split_service.message import PATH
from privprune.split_service.pair import FORMAT, Pair, model_hash
from privprune.split_service.server import Handler, Server, answer_of, answers_of
from privprune.split_service.session import Session
from privprune.workflow.int8_export import quantise
from privprune.workflow.onnx_export import export
from privprune.workflow.workers import run_in_workers

NAME = "split-service"
AIM = 1.0  # int8 no slower than float32
OPSET = 20
QUALITY = 75  # of the JPEG, what cameras and Pillow take by default
_JPEG = "/jpeg"
_LARGEST_JPEG = 1_000_000  # bytes
_BITS = 8 / 1e6  # of a byte, in units of 10^6
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Size:
    """Size of the measurement: cut, width of the network, image side in pixels, images per round, rounds."""

    cut: str
    width: float
    pixels: int
    images: int
    rounds: int


FULL = Size("block5", width=16 / 64, pixels=128, images=20, rounds=9)  # as wide as PATROL's 92 % leave the edge
QUICK = Size("block1", width=4 / 64, pixels=32, images=1, rounds=1)


@dataclass(frozen=True)
class Exported:
    """Both halves of one network, and what client and server know of them."""

    edge: bytes
    int8: bytes
    cloud: bytes
    pair: Pair


def network(size: Size) -> tuple[BlockNet, BlockNet]:
    """Build both halves with random weights of the usual size."""
    model = resnet18_imagenet(Shape(3, size.pixels, 10), size.width)
    initialise(model, xavier, xavier, torch.Generator().manual_seed(0))
    edge, cloud = split(model.eval(), size.cut)
    return edge.eval(), cloud.eval()


def photograph(pixels: int) -> Array:
    """Return a photograph, uint8 [pixels, pixels, 3]."""
    shown = Image.fromarray(skimage.data.astronaut()).resize((pixels, pixels), Image.Resampling.BOX)
    return np.asarray(shown)


def as_given(pixels: Array) -> Array:
    """Return a photograph as the edge takes it, float32 [3, side, side] in [-1, 1]."""
    return pixels.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1


def exported(size: Size) -> Exported:
    """Export both halves, and the edge in int8, calibrated on shifted copies of the photograph."""
    edge, cloud = network(size)
    pixels = photograph(size.pixels)
    images = np.stack([as_given(np.roll(pixels, shift, axis=1)) for shift in range(0, 16, 2)])
    with torch.no_grad():
        features = edge(torch.from_numpy(images))
    jobs = [(edge, torch.from_numpy(images), ("images", "features")), (cloud, features, ("features", "logits"))]
    onnx_edge, onnx_cloud = run_in_workers(lambda job: export(*job, OPSET), jobs)
    shapes = (tuple(images.shape[1:]), tuple(features.shape[1:]))
    pair = Pair(FORMAT, model_hash(onnx_edge, onnx_cloud), {}, *shapes, "logits", 0.0, ())
    return Exported(onnx_edge, quantise(onnx_edge, images), onnx_cloud, pair)


def answers(halves: Exported) -> Mapping[str, Callable[[Handler], dict[str, Any]]]:
    """Return what the server answers: features as always, and a JPEG with the whole network, for the comparison."""
    edge, cloud = Session(halves.edge), Session(halves.cloud)

    def of_jpeg(handler: Handler) -> dict[str, Any]:
        body = handler.body(min(int(handler.headers["Content-Length"]), _LARGEST_JPEG))
        image = as_given(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))
        return answer_of(cloud(edge(image[None]))[0], halves.pair)

    return {PATH: answers_of(cloud, halves.pair), _JPEG: of_jpeg}


@contextmanager
def listening(halves: Exported) -> Iterator[str]:
    """Run a server in a thread; yields its address."""
    with Server(("127.0.0.1", 0), answers(halves)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def jpeg(pixels: Array) -> bytes:
    """Code a photograph."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Measure the edge in both precisions, then whole round trips, each from pixels to the answer."""
    halves, pixels = exported(size), photograph(size.pixels)
    image = as_given(pixels)
    edges = {"float32": Session(halves.edge), "int8": Session(halves.int8)}
    alone = by_turns(
        {name: partial(_often, partial(edge, image[None]), size.images) for name, edge in edges.items()},
        size.rounds,
    )
    with listening(halves) as address:
        clients = {name: Client(edge, halves.pair, address) for name, edge in edges.items()}
        asked = {
            f"{name}, {dtype}": (one, dtype) for name, one in clients.items() for dtype in ("float32", "uint8", "uint4")
        }
        sides: dict[str, Callable[[], object]] = {
            side: partial(client.ask, as_given(pixels), dtype) for side, (client, dtype) in asked.items()
        }
        sides["JPEG"] = lambda: clients["float32"].post(_JPEG, {}, jpeg(pixels))
        sent = {side: client.ask(image, dtype).sent for side, (client, dtype) in asked.items()}
        trips = by_turns({side: partial(_often, work, size.images) for side, work in sides.items()}, size.rounds)
        for client in clients.values():
            client.close()
    sent["JPEG"] = len(jpeg(pixels))
    return [_int8_result(alone, size), *_round_trips(trips, sent, size)]


def _often(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def _network(size: Size) -> str:
    return f"ResNet-18, {round(64 * size.width)} of 64 channels, cut after {size.cut}, {size.pixels} x {size.pixels}"


def _int8_result(alone: Timing, size: Size) -> Result:
    times = "; ".join(f"{name} {1000 * alone.median(name) / size.images:.2f} ms" for name in alone.seconds)
    note = f"{alone.spread('int8', 'float32')}; an image: {times}; one thread"
    value = alone.times_faster("int8", than="float32")
    return Result(NAME, f"{_network(size)}: edge in int8 against float32", value, "times", AIM, "higher", note)


def _round_trips(trips: Timing, sent: Mapping[str, int], size: Size) -> list[Result]:
    """Return milliseconds of each round trip, with the bandwidth below which it beats sending the JPEG."""
    milliseconds = {side: 1000 * trips.median(side) / size.images for side in trips.seconds}
    results = []
    for side, taken in milliseconds.items():
        note = f"{sent[side]} bytes sent"
        if side != "JPEG":
            note += f"; {beats(sent[side], taken, sent['JPEG'], milliseconds['JPEG'])}"
        measured = f"{_network(size)}: pixels to answer over loopback, {side}"
        results.append(Result(NAME, measured, taken, "ms", None, "lower", note))
    return results


def beats(sent: int, milliseconds: float, sent_jpeg: int, milliseconds_jpeg: float) -> str:
    """Say at which bandwidths features arrive before a JPEG of the image.

    A round trip takes what it takes on loopback, plus its bytes over the bandwidth: t + b / B against T + J / B.
    """
    if sent == sent_jpeg:
        return "as many bytes as the JPEG"
    later = milliseconds - milliseconds_jpeg
    bandwidth = 1000 * (sent_jpeg - sent) * _BITS / later if later else 0.0
    if sent < sent_jpeg:
        return f"beats the JPEG below {bandwidth:.1f} Mbit/s" if bandwidth > 0 else "beats the JPEG at any bandwidth"
    return f"beats the JPEG above {bandwidth:.1f} Mbit/s" if bandwidth > 0 else "beats the JPEG at no bandwidth"
