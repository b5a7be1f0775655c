"""Training sixteen shadow models in parallel, by forked workers and in stacks, compared with one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks.measuring import DEFAULT_THREADS, by_turns, top_operators
from benchmarks.result import Result
from benchmarks.training_speed import plan, random_data
from privprune.models import build
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.workflow import workers

NAME = "shadows"
IMAGE_SIZES = {"digits_cnn": 8, "lenet5": 28}


@dataclass(frozen=True)
class Size:
    """Size of the measurement: networks, training records per architecture, images per batch, stack sizes, rounds."""

    networks: int
    records: dict[str, int]
    batch: int
    stacks: tuple[int, ...]
    rounds: int


FULL = Size(16, {"digits_cnn": 7_500, "lenet5": 6_000}, 50, (16, 8, 4), 3)
QUICK = Size(16, {"digits_cnn": 100, "lenet5": 100}, 50, (16, 8, 4), 1)


@dataclass(frozen=True)
class Shadows:
    """Shadow models of one architecture, trained on the same records in different orders."""

    model: str
    images: Tensor
    labels: Tensor
    batch: int

    def train(self, group: Sequence[int]) -> float:
        """Train a group of networks as one stack for an epoch; returns the mean loss."""
        generators = [torch.Generator().manual_seed(number) for number in group]
        size = IMAGE_SIZES[self.model]
        ensemble = Ensemble(
            [
                build(self.model, in_channels=1, image_size=size, classes=10, generator=generator).to(
                    memory_format=torch.channels_last
                )
                for generator in generators
            ]
        )
        data = TrainingData(self.images, self.labels, torch.arange(len(self.images)).expand(len(group), -1))
        losses = train(ensemble, data, plan(self.batch), generators)["loss"][0]
        return sum(losses) / len(losses)


def one_after_another(shadows: Shadows, networks: int, threads: int) -> list[float]:
    """Train all networks in this process, one after another."""
    torch.set_num_threads(threads)
    try:
        return [shadows.train([number]) for number in range(networks)]
    finally:
        torch.set_num_threads(1)


def side_by_side(shadows: Shadows, networks: int, stack: int) -> list[float]:
    """Train stacks of networks in parallel, as many as there are cores; a single stack uses all cores."""
    groups = [range(first, min(first + stack, networks)) for first in range(0, networks, stack)]
    return workers.run_in_workers(shadows.train, groups)


def measure(size: Size) -> list[Result]:
    """Compare all ways of training for each architecture."""
    return [result for model in size.records for result in _measure(size, model)]


def _measure(size: Size, model: str) -> list[Result]:
    shadows = Shadows(model, *random_data(size.records[model], IMAGE_SIZES[model]), size.batch)
    sides: dict[str, Callable[[], object]] = {
        "one thread": partial(one_after_another, shadows, size.networks, 1),
        "default threads": partial(one_after_another, shadows, size.networks, DEFAULT_THREADS),
        "forked": partial(side_by_side, shadows, size.networks, 1),
        **{f"stack {stack}": partial(side_by_side, shadows, size.networks, stack) for stack in size.stacks},
    }
    timing = by_turns(sides, size.rounds)
    images = size.networks * size.records[model]
    results = []
    for side in list(sides)[2:]:
        way = "forked workers on the cores" if side == "forked" else f"stacks of {side.removeprefix('stack ')}"
        note = (
            f"{images / timing.median(side):,.0f} images/s, one after another "
            f"{images / timing.median('one thread'):,.0f} on one thread and "
            f"{images / timing.median('default threads'):,.0f} on {DEFAULT_THREADS} "
            f"({timing.times_faster(side, 'default threads'):.2f} times); {timing.spread(side, 'one thread')}"
        )
        ratio = timing.times_faster(side, "one thread")
        if ratio < 1 and side != "forked":
            note += f"; {top_operators(partial(shadows.train, range(int(side.removeprefix('stack ')))))}"
        results.append(
            Result(
                NAME,
                f"{model}: {size.networks} networks, {way}, against one after another",
                ratio,
                "times",
                None,
                "higher",
                note,
            )
        )
    return results
