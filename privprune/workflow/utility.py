"""How well trained networks serve: accuracy, ranking of a gallery, and what is left of their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from privprune.cells import Cell, Manifest
from privprune.metrics.intervals import Array, parts_of_means
from privprune.metrics.reidentification import QueryRanks, rank_queries
from privprune.models import BlockNet, count_weights, embedder, prunable
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext
from privprune.workflow.workers import run_in_workers

_RANKING_METRICS = ("rank_1", "rank_5", "mean_average_precision")


@dataclass(frozen=True)
class Utility:
    """How well each target of a cell serves.

    Attributes:
        metrics: metric -> one value per target.
        record_parts: metric -> what its mean owes to the test records that the targets share
            (`metrics.record_part.RecordPart`), in the form of a record; empty where there is one target.

    """

    metrics: dict[str, list[float]]
    record_parts: dict[str, Any]


@dataclass(frozen=True)
class _Unseen:
    """A network on records that it was not trained on.

    Attributes:
        metrics: metric -> its value.
        names: of the metrics that are means over the test records.
        values: float64 [records, names], each record's part in them.
        records: int64 [records].

    """

    metrics: dict[str, float]
    names: tuple[str, ...]
    values: Array
    records: np.ndarray[Any, np.dtype[np.int64]]


def utility_of(cell: Cell, context: DataContext) -> Utility:
    """Measure how well each target of a cell serves, and its size.

    Args:
        cell: the networks.
        context: the data that they were trained on.

    Returns:
        metric -> one value per target. Of all networks: `train_accuracy` on their members, `constant_accuracy` of
        always answering these members' most frequent class, `weights` of the unpruned architecture, and `weights_left`,
        those that are not zero. Of classifiers: `selection_accuracy` on the selection
        non-members and `test_accuracy` on the official test set. Of re-identification networks: `rank_1`, `rank_5` and
        `mean_average_precision` of the official queries in the official gallery. Fractions are in [0, 1].

    """
    dense = float(count_weights(cell.manifest.fresh(torch.Generator())))

    def measure(number: int) -> tuple[dict[str, float], _Unseen]:
        model = cell.models([number])[0].to(context.device)
        left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
        members = context.members(cell.manifest, number)
        train = accuracy(Ensemble([model]), members, context)
        most_frequent = context.dataset.labels[members.to(context.device)].bincount().max().item() / len(members)
        unseen = _on_unseen_records(cell.manifest, model, number, context)
        sizes = {"weights": dense, "weights_left": float(left)}
        return {"train_accuracy": train, "constant_accuracy": most_frequent, **unseen.metrics, **sizes}, unseen

    measured = run_in_workers(measure, range(cell.manifest.targets))
    targets, unseen = [metrics for metrics, _ in measured], [one for _, one in measured]
    parts = parts_of_means([one.values for one in unseen], [one.records for one in unseen])
    return Utility(
        {name: [metrics[name] for metrics in targets] for name in targets[0]},
        {name: part.as_record() for name, part in zip(unseen[0].names, parts, strict=False)},
    )


def on_unseen_records(manifest: Manifest, model: BlockNet, number: int, context: DataContext) -> dict[str, float]:
    """Measure a network on records that it was not trained on; returns metric -> value."""
    return _on_unseen_records(manifest, model, number, context).metrics


def _on_unseen_records(manifest: Manifest, model: BlockNet, number: int, context: DataContext) -> _Unseen:
    """Measure a network on records that it was not trained on."""
    if manifest.reidentification is not None:
        ranks = rank_official_queries(model, context)
        metrics = {name: getattr(ranks.summary(), name) for name in _RANKING_METRICS}
        found = torch.stack([ranks.first < 1, ranks.first < 5, ranks.average_precision], dim=1)  # as _RANKING_METRICS
        counted = ranks.counted.nonzero().flatten()
        return _Unseen(metrics, _RANKING_METRICS, found[counted].double().numpy(), counted.numpy())
    split, ensemble = context.split(manifest, number), Ensemble([model])
    right = hits(ensemble, split.test, context)
    metrics = {
        "selection_accuracy": accuracy(ensemble, split.selection_nonmembers, context),
        "test_accuracy": right.float().mean().item(),
    }
    return _Unseen(metrics, ("test_accuracy",), right.double().cpu().numpy()[:, None], split.test.cpu().numpy())


def accuracy(ensemble: Ensemble, records: torch.Tensor, context: DataContext) -> float:
    """Measure the accuracy of a single network.

    Args:
        ensemble: of one network, on the device of the data.
        records: int64 [n], on any device.
        context: the data.

    Returns:
        the share of records whose class has the largest logit, in [0, 1]; 0 where there are no records.

    """
    return hits(ensemble, records, context).float().mean().item() if len(records) else 0.0


def hits(ensemble: Ensemble, records: torch.Tensor, context: DataContext) -> torch.Tensor:
    """Return whether the class of each record has the largest logit, bool [n]; arguments as for `accuracy`."""
    records = records.to(context.device)
    return predict(ensemble, context.dataset.images, records)[0].argmax(1) == context.dataset.labels[records]


def rank_official_queries(model: BlockNet, context: DataContext) -> QueryRanks:
    """Rank the official gallery for each official query, without the images that share its identity and camera.

    Args:
        model: a re-identification network with BNNeck, on the device of the data.
        context: a re-identification set: queries are its first test records, the gallery the other test records.

    """
    dataset, first = context.dataset, context.dataset.official_train
    assert dataset.cameras is not None  # noqa: S101 (checked when the dataset was fetched)
    embedding = Ensemble([embedder(model)])
    queries = torch.arange(first, first + dataset.queries, device=context.device)
    gallery = torch.arange(first + dataset.queries, len(dataset.labels), device=context.device)
    return rank_queries(
        predict(embedding, dataset.images, queries)[0],
        dataset.labels[queries],
        dataset.cameras[queries],
        predict(embedding, dataset.images, gallery)[0],
        dataset.labels[gallery],
        dataset.cameras[gallery],
    )


def weight_histograms(cell: Cell, bins: int = 101) -> dict[str, list[float]]:
    """Count the non-zero weights of the first target by their value (MIA-Pruning, Figure 3).

    Args:
        cell: the networks.
        bins: number of edges, evenly spaced over the range of all layers' weights.

    Returns:
        `edges`, and the counts between them of each layer and of `all`.

    """
    weights: dict[str, Any] = prunable(cell.models([0])[0])
    reach = max(float(weight.detach().abs().max()) for weight in weights.values())
    edges = torch.linspace(-reach, reach, bins)
    counts = {name: torch.histogram(weight[weight != 0].detach(), edges).hist for name, weight in weights.items()}
    total = torch.stack(list(counts.values())).sum(0)
    return {"edges": edges.tolist(), "all": total.tolist(), **{name: count.tolist() for name, count in counts.items()}}
