"""Analyse a training step: its floating-point operations, and the share of time of each kind of operator."""

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
KINDS = {  # kind -> prefixes of operators' names; the first kind that matches is taken
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
    """Count the floating-point operations of convolutions and matrix products in a call of `work`.

    Returns:
        kind -> number of operations; a multiplication and the addition of its product to a sum count as two.

    """
    with FlopCounterMode(display=False) as counter:
        work()
    operations: dict[str, int] = {}
    for operator, flops in counter.get_flop_counts().get("Global", {}).items():
        kind = kind_of(str(operator).removeprefix("aten."))
        operations[kind] = operations.get(kind, 0) + int(flops)
    return operations


def kind_of(operator: str) -> str:
    """Return the kind of an operator, given its name without namespace."""
    fitting = (kind for kind, beginnings in KINDS.items() if operator.startswith(beginnings))
    return next(fitting, REST)


def shares_of_time(work: Callable[[], object]) -> dict[str, float]:
    """Profile a call of `work`: kind of operator -> its share of the time, on the GPU if one is in use, else the CPU.

    The time outside of all operators is `REST`: Python code and, on a GPU, the time in which it waits.
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
        if event.name.startswith(
            "aten::"
        ):  # GPU kernels have events of their own, but their time is included in that of their operator
            taken = event.self_device_time_total if gpu else event.self_cpu_time_total
            shares[_kind_in_place(event)] += taken / total
    shares[REST] = max(0.0, 1 - sum(share for kind, share in shares.items() if kind != REST))
    return shares


def _kind_in_place(event: Any) -> str:
    """Return the kind of a profiled operator; operators that an optimiser calls count as the optimiser."""
    parent = event
    while parent is not None:
        if parent.name.startswith("Optimizer."):
            return OPTIMISER
        parent = parent.cpu_parent
    return kind_of(event.name.removeprefix("aten::"))
