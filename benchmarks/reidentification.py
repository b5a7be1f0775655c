"""Mean average precision of large queries over a large gallery: time on all cores, and memory."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from dataclasses import dataclass

import torch

from benchmarks.result import Result
from privprune.metrics.reidentification import rank_queries

NAME = "reidentification"
SECONDS, MEMORY = 20.0, 4096.0


@dataclass(frozen=True)
class Size:
    """Size of the measurement: queries, gallery pictures, dimensions of an embedding, identities, cameras."""

    queries: int
    gallery: int
    dimensions: int
    identities: int
    cameras: int


FULL = Size(queries=10_000, gallery=10_000, dimensions=512, identities=800, cameras=20)
QUICK = Size(queries=20, gallery=50, dimensions=8, identities=5, cameras=3)


def measure(size: Size) -> list[Result]:
    """Rank random embeddings in a new process, so that its peak memory is that of the ranking."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, mebibytes, precision = pool.apply(ranked, (size,))
    what = f"{size.queries:,} queries x {size.gallery:,} gallery pictures"
    note = f"{size.dimensions} numbers each, {size.identities} identities, random: mAP {precision:.4f}; CPU"
    return [
        Result(NAME, f"CMC and mAP, {what}", seconds, "s", SECONDS, "lower", note),
        Result(NAME, f"peak memory of the process, {what}", mebibytes, "MiB", MEMORY, "lower", "embeddings included"),
    ]


def ranked(size: Size) -> tuple[float, float, float]:
    """Return seconds, peak MiB of the process, and the mean average precision."""
    chance = torch.Generator().manual_seed(0)

    def pictures(number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        identities = torch.randint(0, size.identities, (number,), generator=chance)
        cameras = torch.randint(0, size.cameras, (number,), generator=chance)
        return torch.randn(number, size.dimensions, generator=chance), identities, cameras

    queries, gallery = pictures(size.queries), pictures(size.gallery)
    began = time.perf_counter()
    ranking = rank_queries(*queries, *gallery).summary()
    seconds = time.perf_counter() - began
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, ranking.mean_average_precision
