"""What a training step consists of: its floating-point operations, and which kinds of operators its time goes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import wait_for_gpu

FORWARD, BACKWARD, PRODUCTS = "convolution, forward", "convolution, backward", "matrix products"
OPTIMISER = "optimiser"
REST = "Python and the rest"
KINDS = {  # kind -> beginnings of operators' names, the first that fits counts
    BACKWARD: ("convolution_backward",),
    FORWARD: (
        "mkldnn_convolution",
        "convolution",
        "_convolution",
        "conv",
        "cudnn_convolution",
        "_slow_conv",
        "thnn_conv",
    ),
    PRODUCTS: ("mm", "addmm", "bmm", "baddbmm", "matmul", "linear"),
    "BatchNorm": ("native_batch_norm", "cudnn_batch_norm", "batch_norm", "_batch_norm", "_native_batch_norm"),
    "activations and pooling": (
        *("relu", "clamp_min", "threshold", "max_pool", "avg_pool", "adaptive_avg_pool", "mean", "sigmoid"),
        *("_log_softmax", "nll_loss", "mse_loss"),
    ),
    OPTIMISER: ("_foreach",),
    "batches": ("index", "gather", "randperm", "randint", "flip", "where", "constant_pad", "bitwise", "remainder"),
    "sums and copies": ("copy_", "_to_copy", "add", "clone", "fill_", "zero_", "div", "sub", "mul", "sum", "cat"),
}


def counted(work: Callable[[], object]) -> dict[str, int]:
    """Count the floating-point operations of convolutions and matrix products while some work is done.

    Returns:
        kind -> operations; a product of two numbers and its addition to a sum are two.

    """
    with FlopCounterMode(display=False) as counter:
        work()
    found: dict[str, int] = {}
    for operator, flops in counter.get_flop_counts().get("Global", {}).items():
        kind = kind_of(str(operator).removeprefix("aten."))
        found[kind] = found.get(kind, 0) + int(flops)
    return found


def kind_of(operator: str) -> str:
    """Return the kind of an operator by its name without namespace."""
    fitting = (kind for kind, beginnings in KINDS.items() if operator.startswith(beginnings))
    return next(fitting, REST)


def shares_of_time(work: Callable[[], object]) -> dict[str, float]:
    """Profile some work: kind of operator -> its share of the time, on the processor or, where it works, on the GPU.

    What no operator accounts for is the rest: Python between them, on a GPU its waiting for it.
    """
    gpu = torch.cuda.is_initialized()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with profile(activities=activities) as profiled:
        began = time.perf_counter()
        work()
        wait_for_gpu()
        total = 1e6 * (time.perf_counter() - began)
    shares = dict.fromkeys([*KINDS, REST], 0.0)
    for event in profiled.events() or ():
        if event.name.startswith("aten::"):  # kernels on a GPU have events too, and their time is their operator's
            taken = event.self_device_time_total if gpu else event.self_cpu_time_total
            shares[_kind_in_place(event)] += taken / total
    shares[REST] = max(0.0, 1 - sum(share for kind, share in shares.items() if kind != REST))
    return shares


def _kind_in_place(event: Any) -> str:
    """Return the kind of a profiled operator; what an optimiser calls is the optimiser's."""
    parent = event
    while parent is not None:
        if parent.name.startswith("Optimizer."):
            return OPTIMISER
        parent = parent.cpu_parent
    return kind_of(event.name.removeprefix("aten::"))
