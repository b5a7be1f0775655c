"""The linear estimator of images (LMMSE), which is computed beside every inversion attack: seconds on one thread."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.measuring import on_one_thread
from benchmarks.result import Result
from privprune.attacks.inversion.linear_estimator import LinearEstimator

NAME = "lmmse"
AIM = 1.0  # second
_HELD_OUT = 0.1  # share of the records on which the ridge is chosen, as beside every attack
_NOISE = 0.01  # variance on each feature


@dataclass(frozen=True)
class Size:
    """Size of the measurement: known images of 32 x 32, features, images that are estimated, rounds."""

    images: int
    features: int
    estimated: int
    rounds: int


FULL = Size(images=5_000, features=2_048, estimated=200, rounds=7)
QUICK = Size(images=60, features=20, estimated=5, rounds=1)


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Fit to random images and linear features of them, choose the ridge, and estimate some images."""
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (size.images, 3, 32, 32), dtype=torch.uint8, generator=chance)
    mixing = torch.randn(images[0].numel(), size.features, generator=chance) / images[0].numel() ** 0.5
    features = (images.flatten(1).float() / 255 - 0.5) @ mixing
    records, observed = torch.arange(size.images), features[: size.estimated]
    seconds: dict[str, list[float]] = {"products": [], "ridge": [], "estimates": []}
    for number in range(-1, size.rounds):
        times = [time.perf_counter()]
        estimator = LinearEstimator(features, _NOISE, images, records)
        times.append(time.perf_counter())
        estimator.choose_ridge(_HELD_OUT)
        times.append(time.perf_counter())
        estimator(observed)
        times.append(time.perf_counter())
        for part, began, ended in zip(seconds, times, times[1:], strict=False) if number >= 0 else ():
            seconds[part].append(ended - began)
    rounds = [sum(parts) for parts in zip(*seconds.values(), strict=True)]
    split = ", ".join(f"{part} {median(taken):.2f} s" for part, taken in seconds.items())
    note = f"{split}; {min(rounds):.2f} to {max(rounds):.2f} s in {size.rounds} rounds; one thread, float32"
    what = f"LMMSE of {size.images:,} images and {size.features:,} features, {size.estimated:,} images estimated"
    return [Result(NAME, what, median(rounds), "s", AIM, "lower", note)]
