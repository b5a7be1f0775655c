"""How cost grows with cells, images, seeds, shadow models and clusters: measured points, and a fitted exponent."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch

from benchmarks import cem_loss
from benchmarks.growth_law import fitted
from benchmarks.measuring import in_own_process, place, synchronised, tidied
from benchmarks.result import Result
from benchmarks.throwaway import PipelineError, in_folder, make, python
from benchmarks.training_speed import our_epoch, random_data
from privprune.cores import cores
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch
from privprune.defences.cem.as_released import ClassClusters
from privprune.settings import read
from privprune.workflow.attack import attack_cell
from privprune.workflow.attack_entry import AttackEntry, BaseRates
from privprune.workflow.context import DataContext, open_context
from privprune.workflow.train import TrainEntry, train_cell

NAME = "growth"
CLASSES = 10
Cost = Callable[[int], float]  # size -> seconds


@dataclass(frozen=True)
class Size:
    """Size of the measurement: the sizes of each quantity, epochs of a training, rounds."""

    cells: tuple[int, ...]
    images: tuple[int, ...]
    seeds: tuple[int, ...]
    shadows: tuple[int, ...]
    clusters: tuple[int, ...]
    epochs: int
    rounds: int


FULL = Size(
    cells=(30, 60, 120, 240),
    images=(2_500, 5_000, 10_000, 20_000, 40_000),
    seeds=(2, 4, 8, 16),
    shadows=(4, 8, 16, 32),
    clusters=(5, 10, 20, 40, 80),
    epochs=10,
    rounds=3,
)
QUICK = Size((1, 2), (64, 128), (1, 2), (2, 4), (1, 2), epochs=1, rounds=1)

_MEASURED = {
    "cells": "the plan of a pipeline of n cells that are up to date",
    "images": "an epoch of LeNet-5 over n images, one thread",
    "seeds": "training n networks of a cell on the digits, all cores",
    "shadows": "training a network and n shadow models, then LiRA and RMIA, all cores",
    "clusters": f"CEM's loss of {CLASSES} classes with n clusters each, forward and backward, one thread",
}
_PLANNED = """
import time
from stages.runner.plan import plan
began = time.perf_counter()
assert not plan([]).pending
print(time.perf_counter() - began)
"""
_NETWORK = {
    "model": "digits_cnn",
    "protocol": "clean",
    "reserve_reference": True,
    "small_dense": None,
    "pretrained": None,
    "reidentification": None,
    "cut": None,
}
_PLAN = {  # of the demo's digits, without the number of epochs
    "batch": 50,
    "optimiser": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.0001},
    "schedule": {"name": "cosine", "milestones": [], "factor": 1.0},
    "augmentation": "none",
    "precision": "float32",
}
_METHODS: dict[str, dict[str, object]] = {
    "lira": {"attack": "lira", "mode": "online", "variance": "fixed", "queries": 1, "shift": 0},
    "rmia": {"attack": "rmia", "a": 0.3, "gamma": 1.0},
}


def measure(size: Size) -> list[Result]:
    """Measure the cost of each quantity, also on a GPU if there is one; a result that failed says why."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        contextlib.redirect_stderr(io.StringIO()),
    ):  # hides the progress of epochs
        results = [_cells(size, Path(temporary)), *trained(size, torch.device("cpu"))]
        return results + (in_own_process(trained_on_gpu, size) if torch.cuda.is_available() else [])


def _cells(size: Size, folder: Path) -> Result:
    try:
        for cells in size.cells:
            make(folder / f"{cells}-cells", cells, done=True)
        return grown("cells", size.cells, partial(cells_cost, folder), size.rounds)
    except PipelineError as failed:
        return Result(NAME, described("cells"), None, "power", None, "lower", str(failed))


def trained(size: Size, device: torch.device) -> list[Result]:
    """Measure all quantities but `cells` on one device."""
    with tempfile.TemporaryDirectory() as temporary:
        context = digits(Path(temporary) / "digits", size, device)
        costs: Mapping[str, tuple[Sequence[int], Cost]] = {
            "images": (size.images, images_cost(max(size.images), device)),
            "seeds": (size.seeds, partial(seeds_cost, context, size.epochs)),
            "shadows": (size.shadows, partial(shadows_cost, context, size.epochs)),
            "clusters": (size.clusters, partial(clusters_cost, device)),
        }
        return [grown(what, *cost, size.rounds, place(device)) for what, cost in costs.items()]


def trained_on_gpu(size: Size) -> list[Result]:
    """Measure the same quantities on the GPU."""
    with contextlib.redirect_stderr(io.StringIO()):
        return trained(size, torch.device("cuda"))


def grown(what: str, sizes: Sequence[int], cost: Cost, rounds: int, on: str = "") -> Result:
    """Measure the cost of all sizes in turn, after one unmeasured run of the smallest, and fit a power law."""
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    with tidied() as collect:
        cost(min(sizes))
        for _ in range(rounds):
            for size in sizes:
                collect()
                seconds[size].append(cost(size))
    points = [(float(size), median(taken)) for size, taken in seconds.items()]
    law = fitted(points)
    medians = ", ".join(f"{size:,.0f}: {_duration(taken)}" for size, taken in points)
    note = (
        f"{medians}; the points lie {100 * law.residual:.0f} % off the line (root mean square), "
        f"medians of {rounds} rounds, {cores()} cores"
    )
    drawn = tuple((f"{size:g}", taken) for size, taken in points)
    return Result(NAME, described(what) + on, law.exponent, "power", None, "lower", note, drawn)


def described(what: str) -> str:
    """Return the description of a measurement."""
    return f"{what}: {_MEASURED[what]}"


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.2f} ms"


def cells_cost(folder: Path, cells: int) -> float:
    """Return the time of planning a pipeline in a new process, without that of importing DVC."""
    return float(in_folder(python("-c", _PLANNED), folder / f"{cells}-cells").output)


def images_cost(most: int, device: torch.device) -> Cost:
    """Return a function that trains a network for an epoch on a number of images."""
    images, labels = (values.to(device) for values in random_data(most))

    def cost(count: int) -> float:
        torch.set_num_threads(1)
        return synchronised(lambda: our_epoch(images[:count], labels[:count], 64, seed=0))

    return cost


def digits(folder: Path, size: Size, device: torch.device) -> DataContext:
    """Prepare scikit-learn's digits with as many splits as the largest cell needs."""
    shadows = max(size.shadows)
    pools = {"selection": 100, "known": 200}
    protocol = {
        "seed": 2021,
        "members": None,
        "reference": 50,
        **{name: {"members": count, "nonmembers": count} for name, count in pools.items()},
        "evaluation": {"members": None, "nonmembers": None},
    }
    settings = {
        "name": "digits",
        "accept": "verified",
        "expected": None,
        "limit": None,
        "targets": max(size.seeds),
        "shadows": shadows,
        "protocols": {"clean": protocol},
    }
    fetch(read(DATASET_ENTRY, settings, "digits"), folder, {}, folder.parent)
    return open_context(folder, device)


def entry(seeds: int, shadows: int, epochs: int) -> TrainEntry:
    """Return an entry with the given numbers of targets and shadow models."""
    settings = {
        "paper": "mia_pruning",
        "data": "digits",
        "network": {**_NETWORK, "seeds": list(range(seeds)), "shadows": shadows},
        "plan": {**_PLAN, "epochs": epochs},
        "stack": 1,
    }
    return read(TrainEntry, settings, "digits")


def seeds_cost(context: DataContext, epochs: int, seeds: int) -> float:
    """Return the time of training a cell of `seeds` targets."""
    return synchronised(lambda: train_cell(entry(seeds, 0, epochs), context, NAME))


def shadows_cost(context: DataContext, epochs: int, shadows: int) -> float:
    """Return the time of training a target and its shadow models, and attacking it."""
    attack = AttackEntry("mia_pruning", "digits", NAME, None, _METHODS, BaseRates((), ()), (), resamples=200, seed=0)

    def work() -> None:
        cell, _ = train_cell(entry(1, shadows, epochs), context, NAME)
        attack_cell(attack, attack.chosen(NAME), cell, context)

    return synchronised(work)


def clusters_cost(device: torch.device, clusters: int, repetitions: int = 20) -> float:
    """Return the time of the loss of a batch, the mean of some repetitions."""
    torch.set_num_threads(1)
    fitted_clusters, features, labels = cem_loss.problem(cem_loss.FULL, CLASSES, clusters)
    fitted_clusters = ClassClusters(*(values.to(device) for values in fitted_clusters))
    features, labels = features.to(device), labels.to(device)

    def work() -> None:
        for _ in range(repetitions):
            leaf = features.clone().requires_grad_()
            cem_loss.fast_loss(fitted_clusters, leaf, labels, 50_000 / CLASSES).backward()

    return synchronised(work) / repetitions
