"""Training steps of large networks, compared with the machine's measured peak: the speed of a matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from benchmarks.anatomy import BACKWARD, FORWARD, PRODUCTS, REST, counted, shares_of_time
from benchmarks.large_steps import Steps, decoder_steps, network_steps
from benchmarks.measuring import BatchSize, Timing, by_turns, in_own_process, on_one_thread, place, synchronised
from benchmarks.result import Result

NAME = "peak"
AIM_RATIO = 2.0  # bf16 channels last against float32 NCHW
AIM_SHARE = 40.0  # % of the bf16 peak
AIM_DECODER = 60.0  # % of the float32 peak, of the decoder's step in float32
AIM_DATA = 5.0  # % of a step
NO_GPU = "no GPU at hand"
AT_PEAK = "products at the peak's speed"
_NUMBERS = {"bf16": torch.bfloat16, "float32": torch.float32}
_BEHIND = {FORWARD, BACKWARD, PRODUCTS}  # kinds whose operations are counted


@dataclass(frozen=True)
class Size:
    """Size of the measurement.

    Attributes:
        networks: networks whose training steps are measured, with images of 32 x 32.
        decoder: network whose inversion decoder is trained.
        matrices: sides of the square matrices that are multiplied on a CPU; the fastest gives the peak.
        matrices_gpu: the same on a GPU.
        seconds: duration of the measurement of each side and each precision.

    """

    networks: tuple[BatchSize, ...]
    decoder: BatchSize
    matrices: tuple[int, ...]
    matrices_gpu: tuple[int, ...]
    seconds: float


FULL = Size(
    networks=tuple(BatchSize(name, batch=128, batches=2, rounds=3) for name in ("vgg16", "resnet18")),
    decoder=BatchSize("vgg11_bn", batch=256, batches=2, rounds=3),
    matrices=(256, 512, 1024, 2048, 4096),
    matrices_gpu=(2048, 4096, 8192, 16384),
    seconds=3.0,
)
QUICK = Size(
    networks=(BatchSize("photos_cnn", batch=4, batches=1, rounds=1),),
    decoder=BatchSize("photos_cnn", batch=4, batches=1, rounds=1),
    matrices=(32, 64),
    matrices_gpu=(256,),
    seconds=0.01,
)


def measure(size: Size) -> list[Result]:
    """Measure on one thread of the CPU and on the GPU; without a GPU a row reports that it is missing."""
    results = measured_on_cpu(size)
    if torch.cuda.is_available():
        return results + in_own_process(measured_on_gpu, size)
    measures = "peak, cem-step, lipschitz-step, decoder, and growth of what is trained, on a GPU"
    return [*results, Result(NAME, measures, None, "%", AIM_SHARE, "higher", NO_GPU)]


@on_one_thread
def measured_on_cpu(size: Size) -> list[Result]:
    """Measure on one thread."""
    return measured_on(torch.device("cpu"), size, size.matrices, "one thread")


def measured_on_gpu(size: Size) -> list[Result]:
    """Measure on the GPU, with PyTorch's setting of TF32 for float32."""
    tensor_cores = "TF32" if torch.backends.cuda.matmul.allow_tf32 else "no TF32"
    where = f"{torch.cuda.get_device_name()}, {tensor_cores}"
    return measured_on(torch.device("cuda"), size, size.matrices_gpu, where)


def measured_on(device: torch.device, size: Size, matrices: Sequence[int], where: str) -> list[Result]:
    """Measure the peaks, then the training steps."""
    peaks = {kind: best(partial(products, number, device), matrices, size.seconds) for kind, number in _NUMBERS.items()}
    rows = [
        Result(NAME, f"matrix peak, {kind}{place(device)}", speed / 1e9, "GFLOP/s", None, "higher", f"{side}; {where}")
        for kind, (speed, side) in peaks.items()
    ]
    peak = peaks["bf16"][0]
    for one in size.networks:
        rows += against(peak, network_steps(one, device), one, where, place(device), aimed=True)
    steps = decoder_steps(size.decoder, device)
    rows += against(peak, steps, size.decoder, where, place(device), aimed=False)
    timing = by_turns({"slow": steps.slow}, size.decoder.rounds)
    name = f"{steps.name}{place(device)}"
    return [*rows, _share(peaks["float32"][0], "float32", steps.slow, timing.median("slow"), size.decoder, where, name)]


def products(number: torch.dtype, device: torch.device, side: int) -> Callable[[], object]:
    """Return a function that multiplies two square matrices of a precision."""
    left, right = (torch.randn(side, side, device=device).to(number) for _ in range(2))
    return partial(torch.mm, left, right, out=torch.empty_like(left))


def best(products_of: Callable[[int], Callable[[], object]], sides: Sequence[int], seconds: float) -> tuple[float, str]:
    """Return the highest speed of a product of square matrices, in operations per second, and a note on all sides."""
    speeds = {}
    for side in sides:
        multiply = products_of(side)
        synchronised(multiply)
        least, until = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < until:
            least = min(least, synchronised(multiply))
        speeds[side] = 2 * side**3 / least
    fastest = max(speeds, key=lambda side: speeds[side])
    by_side = ", ".join(f"{side}: {speed / 1e9:,.0f}" for side, speed in speeds.items())
    return speeds[fastest], f"best of square matrices, GFLOP/s by their side: {by_side}"


def against(peak: float, steps: Steps, size: BatchSize, where: str, on: str, *, aimed: bool) -> list[Result]:
    """Compare both precisions, compare the faster one with the peak, and measure the share of preparing batches.

    Args:
        peak: operations per second of a bf16 matrix product.
        steps: the training steps.
        size: images per batch, batches, and rounds.
        where: device and threads, in words.
        on: suffix of a row's name for the device.
        aimed: whether the aims for large networks apply.

    """
    timing = by_turns({"fast": steps.fast, "slow": steps.slow, "batches": steps.batches}, size.rounds)
    name = f"{steps.name}{on}"
    share = _share(peak, "bf16", steps.fast, timing.median("fast"), size, where, name)
    return [
        _ratio(timing, steps, size, name, aim=AIM_RATIO if aimed else None),
        replace(share, aim=AIM_SHARE if aimed else None),
        _data(timing, size, name),
    ]


def _share(
    peak: float, kind: str, work: Callable[[], object], seconds: float, size: BatchSize, where: str, name: str
) -> Result:
    """Return the share of the peak that training steps reach, and where the rest of their time goes.

    Args:
        peak: operations per second of a matrix product of that precision.
        kind: the precision, in words.
        work: runs the steps.
        seconds: that they take.
        size: images per batch, batches.
        where: device and threads, in words.
        name: of the network.

    """
    flops = counted(work)
    total = sum(flops.values())
    parts = where_time_goes(flops, shares_of_time(work), peak * seconds)
    lost = ", ".join(f"{part} {100 * of:.0f} %" for part, of in parts)
    step = f"{size.batch} images, {total / size.batches / 1e9:,.1f} GFLOP; {where}"
    note = f"{total / seconds / 1e9:,.0f} GFLOP/s; a step of {step}; time: {lost}"
    what = f"{name}: share of the {kind} matrix peak in a training step"
    return Result(NAME, what, 100 * total / seconds / peak, "%", AIM_DECODER, "higher", note, tuple(parts))


def where_time_goes(flops: dict[str, int], shares: dict[str, float], possible: float) -> list[tuple[str, float]]:
    """Divide a step's time into that of its products at peak speed, and the rest by kind of operator.

    Args:
        flops: kind -> number of operations.
        shares: kind -> share of the time.
        possible: number of operations in that time at peak speed.

    Returns:
        (part, share of the time); for a kind whose operations are counted, its time beyond that at peak speed.

    """
    ideal = {kind: flops.get(kind, 0) / possible for kind in _BEHIND}
    parts = [(AT_PEAK, sum(ideal.values()))]
    for kind, share in shares.items():
        label = f"{kind}, beyond it" if kind in _BEHIND else kind
        parts.append((label, max(0.0, share - ideal.get(kind, 0.0))))
    return [(label, share) for label, share in parts if share >= 0.001 or label == REST]


def _ratio(timing: Timing, steps: Steps, size: BatchSize, name: str, *, aim: float | None) -> Result:
    each = [f"{1000 * timing.median(side) / size.batches:,.0f} ms" for side in ("slow", "fast")]
    note = f"{each[0]} against {each[1]} for a step of {size.batch} images; {timing.spread('fast', 'slow')}"
    measured = f"{name}, a training step: bf16 channels last against {steps.slow_is}"
    return Result(NAME, measured, timing.times_faster("fast", "slow"), "times", aim, "higher", note)


def _data(timing: Timing, size: BatchSize, name: str) -> Result:
    """Return the share of a step in which images are drawn, gathered and augmented."""
    share = 100 / timing.times_faster("batches", "fast")
    note = f"{1000 * timing.median('batches') / size.batches:.1f} ms for {size.batch} images"
    return Result(NAME, f"{name}: share of a training step that waits for data", share, "%", AIM_DATA, "lower", note)
