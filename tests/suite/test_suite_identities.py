"""Validation of re-identification cells: each mistake is reported in the expected line, before any training."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from locations import TINY
from suite_changes import Suite, put

from privprune.datasets.catalogue import DATASETS
from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

SETTINGS = {"identities": 5, "images": 4, "margin": 0.3, "triplet_weight": 1.0, "label_smoothing": 0.1}


def with_identities(suite: Suite) -> None:
    """Add the dataset photo-reid, a cell on it, and an inversion attack on that cell."""
    suite["datasets"]["places"] = copy.deepcopy(suite["datasets"]["digits"])
    pools = suite["datasets"]["places"]["protocols"].pop("clean")
    suite["datasets"]["places"]["protocols"]["paper"] = pools
    suite["datasets"]["places"].update(name="photo-reid", limit=None)
    cell = copy.deepcopy(suite["train"]["cut"])
    cell["data"] = "places"
    cell["network"].update(model="photos_resnet", protocol="paper", reidentification=copy.deepcopy(SETTINGS))
    cell["network"]["cut"].update(after=3, bottleneck=None)
    suite["train"]["places"] = cell
    suite["attack"]["places"] = {**suite["attack"]["cut-inverted"], "data": "places", "target": "places"}


def hardened(defence: dict[str, object]) -> Callable[[Suite], None]:
    """Return a change that hardens the cell with a defence."""

    def change(suite: Suite) -> None:
        entry = copy.deepcopy(suite["harden"]["cut-cem"])
        suite["harden"]["places-more"] = entry
        entry.update(data="places", network=None, defence=defence, plan=suite["train"]["places"]["plan"])
        entry["from"] = "models/places"

    return change


def pruned(**changed: object) -> Callable[[Suite], None]:
    """Return a change that prunes the cell."""

    def change(suite: Suite) -> None:
        entry = copy.deepcopy(suite["prune"]["pruned"])
        entry.update({"data": "places", "from": "models/places"})
        entry["budget"]["dense_layers"] = []
        for key, value in changed.items():
            put(key.replace("__", "/"), value)(entry)
        suite["prune"]["places-pruned"] = entry

    return change


def few_records(suite: Suite) -> None:
    """Keep nine records of the dataset of identities."""
    one = {"members": 1, "nonmembers": 1}
    pools = {"reference": 0, "selection": one, "known": one}
    suite["datasets"]["places"].update(limit=9)
    suite["datasets"]["places"]["protocols"]["paper"].update(pools)


def membership_attack(suite: Suite) -> None:
    """Add a membership attack on networks that do not classify."""
    suite["attack"]["places"] = {**suite["attack"]["cut-cem"], "data": "places", "target": "places"}


def in_the_matrix(suite: Suite) -> None:
    """Add the cell, on which there is no membership attack, to the matrix of both threats."""
    suite["evaluate"]["cross"]["rows"].append({"defence": "None", "cell": "places"})


def uninverted(suite: Suite) -> None:
    """Add the cell to the matrix without an inversion attack on it."""
    in_the_matrix(suite)
    del suite["attack"]["places"]


NETWORK = "train/places/network"
MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "identities as classes": (
        put(f"{NETWORK}/reidentification", None),
        "train.places.network.reidentification: found null, allowed its settings (photo-reid has identities)",
    ),
    "classes as identities": (
        put("train/base/network/reidentification", SETTINGS),
        "train.base.network.reidentification: found settings, allowed null (digits has classes)",
    ),
    "no neck": (
        put(f"{NETWORK}/model", "photos_cnn"),
        "train.places.network.model: found photos_cnn, allowed with reidentification: a network with BNNeck",
    ),
    "more identities than there are": (
        put(f"{NETWORK}/reidentification/identities", 65),
        "train.places.network.reidentification.identities: found 65, allowed at most 64 (photo-reid)",
    ),
    "more identities than pairs of records": (
        few_records,
        "train.places.network.reidentification.identities: found 5, allowed at most 4 (two images of each, 9 records)",
    ),
    "one image of each": (
        put(f"{NETWORK}/reidentification/images", 1),
        "train.places.network.reidentification.images: found 1, allowed at least 2 and at most 65,536",
    ),
    "another batch": (
        put(f"{NETWORK}/reidentification/images", 5),
        "train.places.plan.batch: found 20, allowed 25 (network.reidentification: identities x images)",
    ),
    "another batch of retraining": (
        pruned(retrain__batch=30),
        "prune.places-pruned.retrain.batch: found 30, allowed 20 (network.reidentification: identities x images)",
    ),
    "another batch of pruning": (
        pruned(method__plan__batch=30),
        "prune.places-pruned.method.plan.batch: found 30, allowed 20 (network.reidentification: identities x images)",
    ),
    "a stack": (
        put("train/places/stack", 2),
        "train.places.stack: found 2, allowed 1 with network.reidentification",
    ),
    "accuracy on strangers": (
        hardened({"name": "matched_accuracy"}),
        "harden.places-more.defence: found matched_accuracy, allowed others with network.reidentification",
    ),
    "membership": (
        membership_attack,
        "attack.places.methods: found some, allowed `inversions` (places finds identities again)",
    ),
    "matrix without inversion": (
        uninverted,
        "evaluate.cross.rows[1]: cell 'places' has no attack with inversions, allowed a cell with an entry in `attack`",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_reported_in_one_line(mistake: str) -> None:
    """The error names the file, the key, what was found and what is allowed."""
    change, told = MISTAKES[mistake]
    suite = load_yaml(TINY)
    with_identities(suite)
    change(suite)
    with pytest.raises(UserError) as failed:
        check_suite(suite, "tiny.yaml")
    assert str(failed.value) == f"tiny.yaml: {told}"


def test_one_camera_for_every_query_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries of one camera cannot show whether somebody is found again by another."""
    suite = load_yaml(TINY)
    with_identities(suite)
    one = replace(DATASETS["photo-reid"], query_cameras=1)
    known = {**dict(DATASETS.items()), "photo-reid": one}
    monkeypatch.setattr("privprune.datasets.entry.DATASETS", known)
    with pytest.raises(UserError) as failed:
        check_suite(suite, "tiny.yaml")
    assert str(failed.value) == (
        f"tiny.yaml: {NETWORK.replace('/', '.')}.reidentification: found one camera for every query (photo-reid), "
        "allowed a set with at least two"
    )


@pytest.mark.parametrize("change", [pruned(), hardened({"name": "distance_correlation", "weight": 1.0}), in_the_matrix])
def test_cells_of_identities_are_allowed(change: Callable[[Suite], None]) -> None:
    """Such networks can be trained, pruned, hardened, inverted, and shown in the matrix of both threats."""
    suite = load_yaml(TINY)
    with_identities(suite)
    change(suite)
    assert check_suite(suite, "tiny.yaml").network("places").reidentification is not None
