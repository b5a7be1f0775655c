"""Cost of running a network on a device: operations, time, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

_WARM_UP = 5  # runs that are not measured, in which a runtime plans and allocates


def multiply_accumulates(model: nn.Module, images: Tensor) -> int:
    """Count the multiply-accumulate operations of convolutions and linear layers, per image.

    Args:
        model: in evaluation mode; batch normalisation, activations and additions are not counted.
        images: float [n, ...], inputs of the model.

    """
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 (imports Triton: a tenth of `check`)

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(images)
    return int(counter.get_total_flops()) // (2 * len(images))


def seconds_by_turns(sides: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median wall-clock seconds of several functions, called in turn so that all see the same machine load.

    Args:
        sides: name -> function.
        repeats: how often each is measured.

    """
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(-_WARM_UP, repeats):
        for side, work in sides.items():
            began = time.perf_counter()
            work()
            if number >= 0:
                seconds[side].append(time.perf_counter() - began)
    return {side: median(taken) for side, taken in seconds.items()}


# Runs in a process of its own, without PyTorch, and prints by how much a file raises the peak memory (VmHWM).
_PEAK = """
import json, sys
import numpy, onnxruntime
def most():
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
path, shape, runs = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
given = numpy.zeros(shape, numpy.float32)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
before = most()
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
for _ in range(runs):
    session.run(None, {session.get_inputs()[0].name: given})
print(most() - before)
"""


def peak_memory(file: Path, shape: tuple[int, ...]) -> int | None:
    """Measure the peak memory of loading and running an ONNX file in ONNX Runtime, on one thread.

    Args:
        file: with one input, float32.
        shape: of that input.

    Returns:
        bytes, weights included; None on systems other than Linux, where it cannot be read.

    """
    if sys.platform != "linux":
        return None
    command = [sys.executable, "-c", _PEAK, str(file), json.dumps(shape), str(_WARM_UP)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 (our own Python)
