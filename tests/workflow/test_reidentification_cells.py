"""Cells that find identities again: trained, pruned, stored, measured and inverted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from privprune.cells import Cell, load_cell
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch
from privprune.metrics.reidentification import rank_queries
from privprune.models import embedder
from privprune.settings import read
from privprune.workflow import workers
from privprune.workflow.context import DataContext, open_context
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.train import TrainEntry, train_cell
from privprune.workflow.utility import utility_of

Tiny = dict[str, Any]
POOL = {"members": 20, "nonmembers": 20}
RANKING = {"rank_1", "rank_5", "mean_average_precision"}
SETTINGS = {"identities": 8, "images": 4, "margin": 0.3, "triplet_weight": 1.0, "label_smoothing": 0.1}


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    """Keep a network alone from taking all cores, which waits long for them where other tests run beside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> DataContext:
    """Return photo-reid with an eighth of its training records."""
    folder = tmp_path_factory.mktemp("datasets") / "places"
    evaluation = {"members": None, "nonmembers": None}
    pools = {"seed": 1, "members": None, "reference": 0, "selection": POOL, "known": POOL, "evaluation": evaluation}
    changed = {"name": "photo-reid", "limit": 128, "protocols": {"paper": pools}}
    fetch(read(DATASET_ENTRY, {**tiny["datasets"]["digits"], **changed}, "tiny"), folder, {}, folder.parent)
    return open_context(folder, torch.device("cpu"))


def entry(tiny: Tiny) -> dict[str, Any]:
    """Return a training entry of one network."""
    cut = {**tiny["train"]["cut"]["network"]["cut"], "after": 3, "bottleneck": None, "wire": {"name": "plain"}}
    network = {**tiny["train"]["cut"]["network"], "model": "photos_resnet", "protocol": "paper", "seeds": [0]}
    return {
        **tiny["train"]["cut"],
        "data": "places",
        "network": {**network, "cut": cut, "reidentification": SETTINGS},
        "plan": {**tiny["train"]["base"]["plan"], "batch": 32, "epochs": 1},
    }


@pytest.fixture(scope="module")
def cell(places: DataContext, tiny: Tiny) -> Cell:
    """Return a trained cell."""
    return train_cell(read(TrainEntry, entry(tiny), "tiny"), places, "places")[0]


def test_utility_is_the_ranking_of_the_official_queries(places: DataContext, cell: Cell) -> None:
    """Rank and precision are those of the embeddings before the last layer, the gallery behind the queries."""
    measured = utility_of(cell, places).metrics
    assert set(measured) == {"train_accuracy", "constant_accuracy", "weights", "weights_left"} | RANKING
    model, dataset = cell.models([0])[0].eval(), places.dataset
    assert dataset.cameras is not None
    with torch.no_grad():
        found = embedder(model)(dataset.images[128:].float() / 127.5 - 1)
    labels, cameras = dataset.labels[128:], dataset.cameras[128:]
    query, gallery = ((found[part], labels[part], cameras[part]) for part in (slice(None, 160), slice(160, None)))
    expected = rank_queries(*query, *gallery).summary()
    assert {name: measured[name] for name in RANKING} == {name: [getattr(expected, name)] for name in RANKING}


def test_a_stored_cell_knows_how_it_was_trained(cell: Cell, tmp_path: Path) -> None:
    """The manifest carries the settings, so that later stages train with the same losses and batches."""
    cell.save(tmp_path / "cell")
    found = load_cell(tmp_path / "cell").manifest
    assert found == cell.manifest
    assert found.reidentification is not None
    assert found.reidentification.batch == 32


def test_pruning_goes_on_with_identities(places: DataContext, tiny: Tiny, cell: Cell) -> None:
    """A pruned cell is retrained on P x K batches: its plan's batch is held against them."""
    plan = {**tiny["train"]["base"]["plan"], "batch": 32, "epochs": 1}
    written = {**tiny["prune"]["pruned"], "data": "places", "from": "models/cut", "retrain": plan}
    written["method"] = {**written["method"], "plan": plan}
    written["budget"] = {"keep": None, "ratio": 2, "dense_layers": []}
    made = prune_cell(read(PruneEntry, written, "tiny"), places, cell, "pruned")
    assert set(utility_of(made.cell, places).metrics) >= RANKING
    wrong = read(PruneEntry, {**written, "retrain": {**plan, "batch": 30}}, "tiny")
    with pytest.raises(ValueError, match=r"plan\.batch: found 30, allowed 32"):
        prune_cell(wrong, places, cell, "pruned")
