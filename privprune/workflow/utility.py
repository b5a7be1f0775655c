"""How well trained networks serve: accuracy, ranking of a gallery, and what is left of their weights."""

from __future__ import annotations

from typing import Any

import torch

from privprune.cells import Cell, Manifest
from privprune.metrics.reidentification import QueryRanks, rank_queries
from privprune.models import BlockNet, count_weights, embedder, prunable
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext
from privprune.workflow.workers import run_in_workers

_RANKING_METRICS = ("rank_1", "rank_5", "mean_average_precision")


def measure_utility(cell: Cell, context: DataContext) -> dict[str, list[float]]:
    """Measure how well each target of a cell serves, and its size.

    Args:
        cell: the networks.
        context: the data that they were trained on.

    Returns:
        metric -> one value per target. Of all networks: `train_accuracy` on their members, `weights` of the unpruned
        architecture, and `weights_left`, those that are not zero. Of classifiers: `selection_accuracy` on the selection
        non-members and `test_accuracy` on the official test set. Of re-identification networks: `rank_1`, `rank_5` and
        `mean_average_precision` of the official queries in the official gallery. Fractions are in [0, 1].

    """
    dense = float(count_weights(cell.manifest.fresh(torch.Generator())))

    def measure(number: int) -> dict[str, float]:
        model = cell.models([number])[0].to(context.device)
        left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
        return {
            "train_accuracy": accuracy(Ensemble([model]), context.members(cell.manifest, number), context),
            **on_unseen_records(cell.manifest, model, number, context),
            "weights": dense,
            "weights_left": float(left),
        }

    targets = run_in_workers(measure, range(cell.manifest.targets))
    return {name: [metrics[name] for metrics in targets] for name in targets[0]}


def on_unseen_records(manifest: Manifest, model: BlockNet, number: int, context: DataContext) -> dict[str, float]:
    """Measure a network on records that it was not trained on."""
    if manifest.reidentification is not None:
        ranking = rank_official_queries(model, context).summary()
        return {name: getattr(ranking, name) for name in _RANKING_METRICS}
    split, ensemble = context.split(manifest, number), Ensemble([model])
    return {
        "selection_accuracy": accuracy(ensemble, split.selection_nonmembers, context),
        "test_accuracy": accuracy(ensemble, split.test, context),
    }


def accuracy(ensemble: Ensemble, records: torch.Tensor, context: DataContext) -> float:
    """Measure the accuracy of a single network.

    Args:
        ensemble: of one network, on the device of the data.
        records: int64 [n], on any device.
        context: the data.

    Returns:
        the share of records whose class has the largest logit, in [0, 1]; 0 where there are no records.

    """
    if not len(records):
        return 0.0
    records = records.to(context.device)
    hits = predict(ensemble, context.dataset.images, records)[0].argmax(1) == context.dataset.labels[records]
    return hits.float().mean().item()


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
