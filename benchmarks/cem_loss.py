"""CEM's loss of one batch, forward and backward: a loop over classes and clusters compared with one expression."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.measuring import by_turns
from benchmarks.result import Result
from privprune.defences.cem.as_released import AsReleasedSettings, ClassClusters, released_loss

NAME = "cem-loss"
AIM = 8.0
CLUSTERS, DEVIATION = 5, 0.025
FORM = AsReleasedSettings("as_released", CLUSTERS, 0.01, 0.125, 10.0, 0.99, ())


@dataclass(frozen=True)
class Size:
    """Size of the measurement: images per batch, features per image, classes, repetitions per round, rounds."""

    batch: int
    dimensions: int
    classes: tuple[int, ...]
    repetitions: int
    rounds: int


FULL = Size(batch=128, dimensions=512, classes=(10, 100), repetitions=30, rounds=7)
QUICK = Size(batch=16, dimensions=8, classes=(3,), repetitions=1, rounds=1)


def looped_loss(clusters: ClassClusters, features: Tensor, labels: Tensor, class_records: float) -> Tensor:
    """Compute the loss as CEM's released code does, value by value on the host.

    The centres are stacked record by record, the nearest ones are found in NumPy, and the formula is evaluated for each
    class and each cluster separately, whose result is copied to the host to be checked.
    """
    order = torch.argsort(labels)
    sorted_labels = labels[order].cpu().numpy()
    flat = features[order]
    centres = torch.stack([clusters.centres[label] for label in sorted_labels])
    nearest = np.argmin(torch.cdist(flat[:, None], centres)[:, 0].detach().cpu().numpy(), axis=1)
    squares = (flat - centres[torch.arange(len(flat)), nearest]) ** 2
    threshold = torch.log(FORM.threshold * torch.tensor(DEVIATION**2) + FORM.floor)
    total = torch.zeros((), device=features.device)
    present = np.unique(sorted_labels)
    for label in present:
        places = np.flatnonzero(sorted_labels == label)
        class_squares, assigned = squares[places[0] : places[-1] + 1], nearest[places]
        by_cluster = np.argsort(assigned)
        class_squares, assigned = class_squares[by_cluster], assigned[by_cluster]
        for cluster in np.unique(assigned):
            inside = np.flatnonzero(assigned == cluster)
            weight, stored = clusters.weights[label, cluster], clusters.variances[label, cluster]
            share = len(inside) / (weight * class_records) * FORM.batch_factor
            if share >= 1:
                share = torch.tensor(FORM.batch_cap)
            variance = share * class_squares[inside[0] : inside[-1] + 1].mean() + (1 - share) * stored
            term = torch.relu(torch.log(variance + FORM.floor) - threshold) * weight
            if torch.isnan(term):
                raise FloatingPointError("not a number")
            total = total + term
    return total / len(present)


def fast_loss(clusters: ClassClusters, features: Tensor, labels: Tensor, class_records: float) -> Tensor:
    """Compute the same loss with this project's implementation."""
    form = replace(FORM, clusters_per_class=clusters.weights.shape[1])
    conditions = {"deviation": DEVIATION, "class_records": class_records}
    return released_loss(form, clusters, features, labels, **conditions)


def problem(size: Size, classes: int, per_class: int = CLUSTERS) -> tuple[ClassClusters, Tensor, Tensor]:
    """Return random clusters, features [batch, D] and labels."""
    chance = torch.Generator().manual_seed(0)
    clusters = ClassClusters(
        torch.rand(classes, per_class, size.dimensions, generator=chance),
        0.05 + 0.05 * torch.rand(classes, per_class, generator=chance),
        torch.full((classes, per_class), 1 / per_class),
    )
    features = torch.rand(size.batch, size.dimensions, generator=chance)
    return clusters, features, torch.randint(0, classes, (size.batch,), generator=chance)


def measure(size: Size) -> list[Result]:
    """Compare both implementations for each number of classes, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_measure(size, classes) for classes in size.classes]
    finally:
        torch.set_num_threads(threads)


def _measure(size: Size, classes: int) -> Result:
    clusters, features, labels = problem(size, classes)
    records = 50_000 / classes

    def repeated(loss: partial[Tensor]) -> None:
        for _ in range(size.repetitions):
            leaf = features.clone().requires_grad_()
            loss(leaf, labels, records).backward()

    sides = {"looped": partial(looped_loss, clusters), "ours": partial(fast_loss, clusters)}
    timing = by_turns({side: partial(repeated, loss) for side, loss in sides.items()}, size.rounds)
    values = [loss(features, labels, records).item() for loss in sides.values()]
    each = {side: 1000 * timing.median(side) / size.repetitions for side in sides}
    note = (
        f"{each['looped']:.2f} ms against {each['ours']:.2f} ms; {timing.spread('ours', 'looped')}; values differ by "
        f"{abs(values[0] - values[1]) / abs(values[0]):.0e}; batch {size.batch}, {size.dimensions} features, one thread"
    )
    measured = f"CEM's loss, forward and backward, {classes} classes x {CLUSTERS}: one expression against the loop"
    return Result(NAME, measured, timing.times_faster("ours", "looped"), "times", AIM, "higher", note)
