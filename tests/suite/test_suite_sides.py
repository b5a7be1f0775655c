"""Validation of cuts: both sides of the wire compute something on the way to the answer."""

import pytest
from locations import SUITES, TINY
from suite_changes import put

from privprune.errors import UserError
from privprune.models import blank
from privprune.settings import read
from privprune.suite.check import check_suite
from privprune.suite.cuts import check_sides
from privprune.workflow.context import NetworkSettings
from privprune.yaml_file import load_yaml

DEVICES = SUITES / "devices.yaml"
SHAPE = {"in_channels": 3, "image_size": 32, "classes": 7}


def check(model: str, after: int, *, identities: bool = False, bottleneck: int | None = None) -> None:
    """Check a cut of an architecture."""
    found = load_yaml(DEVICES)["train"]["identities" if identities else "dense"]["network"]
    cut = {**found["cut"], "after": after, "bottleneck": bottleneck}
    network = read(NetworkSettings, {**found, "model": model, "cut": cut}, "network")
    check_sides(network, blank(model, **SHAPE, cut=network.cut), "network")


@pytest.mark.parametrize("after", [5, 6, 7])
def test_the_cloud_computes_something_of_the_embedding(after: int) -> None:
    """Behind the last residual block only mean, BNNeck and the classifier of the training are left: one line."""
    suite = load_yaml(DEVICES)
    put("train/identities/network/cut/after", after)(suite)
    with pytest.raises(UserError) as refused:
        check_suite(suite, "params.yaml")
    assert str(refused.value) == (
        f"params.yaml: train.identities.network.cut.after: found {after}, which leaves the cloud no convolution or "
        "linear layer on the way to the embedding, allowed 1 to 4"
    )


def test_the_classifier_is_the_clouds_where_classes_are_asked_for() -> None:
    """The same cuts are accepted for classification, up to the last layer; a bottleneck is no layer of the network."""
    suite = load_yaml(TINY)
    put("train/dense/network/cut/after", 5)(suite)
    check_suite(suite, "params.yaml")
    check("photos_resnet", 7)
    check("resnet18_reid", 6, identities=True)
    with pytest.raises(UserError, match="found 6, which leaves the cloud no"):
        check("photos_resnet", 6, identities=True)


def test_the_edge_computes_something() -> None:
    """The normalisation of the images alone, with a bottleneck or without, is no edge."""
    for bottleneck in (None, 4):
        with pytest.raises(UserError, match=r"network\.cut\.after: found 1, which leaves the edge no .*, allowed 2 to"):
            check("mobilenet_v2_imagenet", 1, bottleneck=bottleneck)
    check("mobilenet_v2_imagenet", 2)


@pytest.mark.parametrize("cut", [5, "mean", 7])
def test_the_cut_of_an_attack_of_its_own_has_two_sides_too(cut: int | str) -> None:
    """A whole network that finds identities, divided for the attack alone, is held to the same law."""
    suite = load_yaml(DEVICES)
    put("train/identities/network/cut", None)(suite)
    suite["attack"]["places"] = {
        **suite["attack"]["cut-inverted"],
        "data": "photo-reid",
        "target": "identities",
        "cut": 4,
    }
    suite["attack"]["places"]["inversions"] = {"mean_image": {"attack": "mean_image", "attacker_data": "train"}}
    check_suite(suite, "params.yaml")
    suite["attack"]["places"]["cut"] = cut
    with pytest.raises(
        UserError, match=r"attack\.places\.cut: found \d, which leaves the cloud no .*, allowed 1 to 4$"
    ):
        check_suite(suite, "params.yaml")


def test_a_network_of_one_layer_has_no_better_cut() -> None:
    """The calibration's channel, whose edge sends the image itself, is accepted."""
    check("gaussian_channel", 1)


def test_a_pooled_wire_needs_a_cloud_that_takes_it() -> None:
    """A cloud with another pooling cannot compute maps of one position; a residual one can."""
    suite = load_yaml(DEVICES)
    check_suite(suite, "params.yaml")
    put("train/cut/network/cut/wire", {"name": "pooled"})(suite)
    with pytest.raises(UserError, match=r"train\.cut\.network\.cut\.wire: found pooled, but the cloud of digits_cnn"):
        check_suite(suite, "params.yaml")


def test_a_defence_of_the_features_sees_what_is_sent() -> None:
    """On a pooled wire, a game on the maps before it would defend what nobody sees: refused in one line."""
    suite = load_yaml(DEVICES)
    put("train/dense/network/cut/wire", {"name": "pooled"})(suite)
    with pytest.raises(
        UserError, match=r"prune\.removed\.defence: found patrol of the features before the wire pooled"
    ):
        check_suite(suite, "params.yaml")
