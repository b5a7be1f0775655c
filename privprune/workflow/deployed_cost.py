"""What the halves of a deployed network cost: parameters, operations, bytes, time and memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from privprune.metrics.cost import multiply_accumulates, peak_memory, seconds_by_turns
from privprune.models import count_parameters
from privprune.split_service.codec import PLAIN, SCALE_BYTES, body_bytes
from privprune.split_service.session import Session

EDGE, CLOUD = "edge", "cloud"


@dataclass(frozen=True)
class Half:
    """One half of a network, with an example of its input and output: float32 [n, ...] each."""

    model: nn.Module
    onnx: bytes
    inputs: Tensor
    outputs: Tensor


def costs(halves: Mapping[str, Half]) -> dict[str, int]:
    """Count parameters, multiply-accumulate operations per image, and bytes of file and wire, without headers."""
    costs = {}
    for name, half in halves.items():
        costs[f"{name}_parameters"] = count_parameters(half.model)
        costs[f"{name}_operations"] = multiply_accumulates(half.model, half.inputs[:1])
        costs[f"{name}_file_bytes"] = len(half.onnx)
    values = halves[EDGE].outputs[0].numel()
    costs |= {f"wire_bytes_{kind}": body_bytes(values, kind) for kind in PLAIN}
    costs["wire_bytes_int8"] = body_bytes(values, "uint8") + SCALE_BYTES
    return costs


def timings(halves: Mapping[str, Half], others: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Measure median milliseconds for one image on one thread, and the peak memory in ONNX Runtime.

    Args:
        halves: `edge` and `cloud`, which are run in PyTorch and in ONNX Runtime.
        others: name -> function that runs a half in another way.
        repeats: how often each is timed.

    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            seconds = seconds_by_turns({**_runs(halves), **others}, repeats)
    finally:
        torch.set_num_threads(threads)
    measured = {f"{run}_milliseconds": round(1000 * taken, 4) for run, taken in seconds.items()}
    for name, half in halves.items():
        peak = _peak(half)
        measured |= {} if peak is None else {f"{name}_peak_memory_bytes": peak}
    return measured


def _runs(halves: Mapping[str, Half]) -> dict[str, Callable[[], object]]:
    """Return functions that run each half on one image, in PyTorch and in ONNX Runtime."""
    runs: dict[str, Callable[[], object]] = {}
    for name, half in halves.items():
        image = half.inputs[:1].contiguous()
        runs[f"{name}_torch"] = partial(half.model, image)
        runs[f"{name}_onnx_runtime"] = partial(Session(half.onnx), image.numpy())
    return runs


def _peak(half: Half) -> int | None:
    """Measure the peak memory of a half in ONNX Runtime, bytes; None where the system does not report it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "half.onnx"
        file.write_bytes(half.onnx)
        return peak_memory(file, (1, *half.inputs.shape[1:]))
