"""Validation of networks with a cut and of attacks on their features: each mistake gives the expected line."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from locations import TINY
from suite_changes import Suite, put

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

BLOCKS = "allowed 1 to 3 blocks, or after one of conv1, conv2, fc1"
BASES = "distance_correlation, patrol, patrol_as_in_cem, resfl"
INVERSION = "paper, data, target, released_with, cut, inversions, twice, images, resamples, seed"
INVERSIONS = "class_decoder, decoder, deep_prior, gan, inverse_network, lmmse, mean_image, rmle, sub_pixel_decoder"


def odd_features(suite: Suite) -> None:
    """Cut where features have 5 x 5 positions, from which doubling cannot lead to 28 x 28 pixels."""
    suite["datasets"]["digits"]["name"] = "mnist"
    for section in ("train", "prune", "harden", "attack", "deploy"):
        suite[section] = {name: entry for name, entry in suite[section].items() if name.startswith("cut")}
    suite["train"]["cut"]["network"].update(model="lenet5")
    suite["train"]["cut"]["network"]["cut"]["after"] = 2
    suite["harden"]["cut-cem"]["defence"]["base"] = None
    suite["recognise"] = {}


def whole_network_inverted(cut: str | int | None) -> Callable[[Suite], None]:
    """Return a change that attacks a network without `network.cut`, at the cut of the attack's entry."""
    return lambda suite: suite["attack"]["cut-inverted"].update(target="base", cut=cut)


def patrol(**changed: Any) -> Callable[[Suite], None]:
    """Return a change that replaces CEM by PATROL as in CEM, on an edge with the extra convolution."""

    def change(suite: Suite) -> None:
        suite["train"]["cut"]["network"]["cut"]["extra_convolution"] = changed.pop("extra_convolution", True)
        game = suite["harden"]["cut-cem"]["defence"]["base"]
        own = {"epochs_before_pruning": 0, "ratio": 0.5, "more_outputs_than": 8, "importance": "data"}
        suite["harden"]["cut-cem"]["defence"] = {**game, **own, "name": "patrol_as_in_cem", **changed}

    return change


def patrol_terms(**changed: Any) -> Callable[[Suite], None]:
    """Return a change that adds CEM to PATROL's terms."""

    def change(suite: Suite) -> None:
        defence = suite["harden"]["cut-cem"]["defence"]
        game = {key: value for key, value in defence["base"].items() if key != "name"}
        lipschitz = {"weights": [0.1], "deviation": 0.1, "share": 0.5, "over": "mean", "normalised": True}
        defence["base"] = {"name": "patrol", "lipschitz": lipschitz, "game": {**game, "relative": False}, **changed}

    return change


def adaptive(of: str, **changed: Any) -> Callable[[Suite], None]:
    """Return a change by which the decoder that attacks a target starts from the target's surrogate."""

    def change(suite: Suite) -> None:
        decoder = suite["attack"]["cut-inverted"]["inversions"]["decoder_train"]
        suite["attack"]["cut-inverted"]["inversions"] = {
            "adaptive_decoder": {**decoder, "start": "surrogate", **changed}
        }
        suite["attack"]["cut-inverted"]["target"] = of
        del suite["attack"]["cut-cem-inverted"]
        suite["recognise"], suite["evaluate"] = {}, {}

    return change


def game_with_odd_features(suite: Suite) -> None:
    """Use ResSFL with features from whose shape no decoder leads to that of the images."""
    game = suite["harden"]["cut-cem"]["defence"]["base"]
    odd_features(suite)
    suite["harden"]["cut-cem"]["defence"]["base"] = game


def based(on: Callable[[dict[str, Any]], Any]) -> Callable[[Suite], None]:
    """Return a change that sets CEM's base to a value made from CEM's entry."""

    def change(suite: Suite) -> None:
        defence = suite["harden"]["cut-cem"]["defence"]
        defence["base"] = on(copy.deepcopy(defence))

    return change


def resfl_alone(suite: Suite) -> None:
    """Apply a defence of features at the cut to networks without a cut."""
    suite["harden"]["game"]["defence"] = suite["harden"]["cut-cem"]["defence"]["base"]


MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "game whose decoder cannot match": (
        game_with_odd_features,
        (
            "harden.cut-cem.defence: found features 2x5x5 of images 1x28x28, a bottleneck the decoder cannot match "
            "(5x5 to 28x28), allowed square maps, times 1, 2, 4, 8, ..."
        ),
    ),
    "PATROL without its extra convolution": (
        patrol(extra_convolution=False),
        "harden.cut-cem.defence.patrol_as_in_cem: found a cut without it, allowed network.cut.extra_convolution: true",
    ),
    "PATROL that never prunes": (
        patrol(epochs_before_pruning=9),
        "harden.cut-cem.defence.epochs_before_pruning: found 9, allowed below the 2 epochs of the plan",
    ),
    "Lipschitz weights of another edge": (
        patrol_terms(lipschitz={"weights": [1, 1, 1], "deviation": 1, "share": 1, "over": "max", "normalised": False}),
        "harden.cut-cem.defence.lipschitz.weights: found 3, allowed 1, or 2 for the edge's blocks",
    ),
    "PATROL without any term": (
        patrol_terms(lipschitz=None, game=None),
        "harden.cut-cem.defence.base: patrol: found neither lipschitz nor game, allowed at least one",
    ),
    "Lipschitz without noise": (
        patrol_terms(lipschitz={"weights": [1], "deviation": 0, "share": 1, "over": "max", "normalised": False}),
        "harden.cut-cem.defence.base.lipschitz.deviation: found 0, allowed at least 1e-12 and at most 1,000,000",
    ),
    "surrogate of a target without a game": (
        adaptive("cut"),
        (
            "attack.cut-inverted.inversions.adaptive_decoder.start: "
            "found surrogate, allowed fresh (the target plays no game)"
        ),
    ),
    "surrogate of another architecture": (
        adaptive("cut-cem", width=5),
        (
            "attack.cut-inverted.inversions.adaptive_decoder: found blocks: 0, width: 5, "
            "allowed blocks: 0, width: 4 (the surrogate's)"
        ),
    ),
    "skip without residual blocks": (
        put("train/cut/network/cut/skip", {"name": "random_blocks", "rate": 0.3}),
        "train.cut.network.cut.skip: found random_blocks on an edge without residual blocks, allowed null there",
    ),
    "skip of everything": (
        put("train/cut/network/cut/skip", {"name": "random_blocks", "rate": 1}),
        "train.cut.network.cut.skip.rate: found 1, allowed above 0 and below 1",
    ),
    "unknown skip": (
        put("train/cut/network/cut/skip", {"name": "blocks"}),
        "train.cut.network.cut.skip.name: found 'blocks', allowed random_blocks, no_shortcuts",
    ),
    "cut that the model has not": (
        put("train/cut/network/cut/after", 9),
        f"train.cut.network.cut: found 9, {BLOCKS}",
    ),
    "nothing behind the cut": (
        put("train/cut/network/cut/after", 4),
        f"train.cut.network.cut: found 4, {BLOCKS}",
    ),
    "bottleneck of a vector": (
        put("train/cut/network/cut/after", 3),
        "train.cut.network.cut.bottleneck: found 2 after fc1, allowed null there",
    ),
    "unknown wire": (
        put("train/cut/network/cut/wire/name", "gauss"),
        (
            "train.cut.network.cut.wire.name: found 'gauss', "
            "allowed dropout, gaussian, laplace, local_dp, plain, pooled, top_k"
        ),
    ),
    "bottleneck that the decoder cannot match": (
        odd_features,
        (
            "attack.cut-inverted.inversions.decoder_train: found features 2x5x5 of images 1x28x28, "
            "a bottleneck the decoder cannot match (5x5 to 28x28), allowed square maps, times 1, 2, 4, 8, ..."
        ),
    ),
    "CEM without noise": (
        put("train/cut/network/cut/wire", {"name": "plain"}),
        "harden.cut-cem.defence.cem: found the wire plain without noise, allowed one with noise such as gaussian",
    ),
    "CEM on dropout without noise": (
        put("train/cut/network/cut/wire", {"name": "dropout", "rate": 0.3, "deviation": 0.0}),
        "harden.cut-cem.defence.cem: found the wire dropout without noise, allowed one with noise such as gaussian",
    ),
    "CEM on whole networks": (
        put("train/cut/network/cut", None),
        "harden.cut-cem.defence: cem needs networks with a cut, found network.cut: null",
    ),
    "defence of the cut on whole networks": (
        resfl_alone,
        "harden.game.defence: resfl needs networks with a cut, found network.cut: null",
    ),
    "defence of the cut with a stack": (
        put("harden/cut-cem/stack", 2),
        "harden.cut-cem.stack: found 2, allowed 1 for networks with a cut",
    ),
    "CEM on an unknown defence": (
        put("harden/cut-cem/defence/base/name", "ressfl"),
        f"harden.cut-cem.defence.base.name: found 'ressfl', allowed {BASES}",
    ),
    "CEM on CEM": (based(dict), f"harden.cut-cem.defence.base.name: found 'cem', allowed {BASES}"),
    "unknown form of CEM": (
        put("harden/cut-cem/defence/form/name", "as_printed"),
        "harden.cut-cem.defence.form.name: found 'as_printed', allowed as_released, as_written",
    ),
    "unknown inversion attack": (
        put("attack/cut-inverted/inversions/rmle/attack", "rmel"),
        f"attack.cut-inverted.inversions.rmle.attack: found 'rmel', allowed {INVERSIONS}",
    ),
    "unknown target of an inversion": (
        put("attack/cut-inverted/target", "cuts"),
        "attack.cut-inverted.target: found 'cuts', allowed base, cut, dense, pruned, removed, game, private, cut-cem",
    ),
    "unknown knowledge of an attacker": (
        put("attack/cut-inverted/inversions/decoder_train/attacker_data", "test"),
        "attack.cut-inverted.inversions.decoder_train.attacker_data: found 'test', allowed train, infer",
    ),
    "whole network inverted without a cut": (
        whole_network_inverted(None),
        "attack.cut-inverted.cut: found a whole network, allowed one with network.cut, or a cut of the attack's own",
    ),
    "whole network inverted at a cut that it has not": (
        whole_network_inverted("conv9"),
        f"attack.cut-inverted.cut: found 'conv9', {BLOCKS}",
    ),
    "cut network cut again": (
        put("attack/cut-inverted/cut", "conv1"),
        "attack.cut-inverted.cut: found 'conv1' for a network with a cut of its own, allowed null",
    ),
    "membership and inversion in one entry": (
        put("attack/cut-inverted/methods", {}),
        f"attack.cut-inverted.methods: unknown key, allowed {INVERSION}",
    ),
    "inversion by no attack": (
        put("attack/cut-inverted/inversions", {}),
        "attack.cut-inverted.inversions: found none, allowed at least one, none `original`",
    ),
    "matrix of a cell under one threat": (
        put("evaluate/cross/rows", [{"defence": "Bottleneck", "cell": "cut"}]),
        ("evaluate.cross.rows[0]: cell 'cut' has no attack with methods, allowed a cell with an entry in `attack`"),
    ),
    "matrix of an attack that is not run": (
        put("evaluate/cross/inversion", ["gan_train"]),
        "evaluate.cross.rows[0]: attack 'gan_train' on cut-cem, allowed decoder_train, rmle",
    ),
    "row of inversions that names one": (
        lambda suite: suite["evaluate"]["cem"]["rows"][0].update(attack="rmle"),
        "evaluate.cem.rows[0].attack: found 'rmle', allowed null, since the metrics name their attacks",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_mistake_is_reported_in_one_line(kind: str) -> None:
    """The error names the file, the key, what was found and what is allowed."""
    suite = load_yaml(TINY)
    change, line = MISTAKES[kind]
    change(suite)
    with pytest.raises(UserError) as told:
        check_suite(suite, "params.yaml")
    assert str(told.value) == f"params.yaml: {line}"


@pytest.mark.parametrize("change", [patrol_terms(), patrol_terms(game=None), adaptive("cut-cem")])
def test_the_terms_of_patrol_and_an_adaptive_attack_are_valid(change: Callable[[Suite], None]) -> None:
    """Valid are CEM added to all of PATROL's terms or to one, and a decoder that starts from its target's surrogate."""
    suite = load_yaml(TINY)
    change(suite)
    check_suite(suite, "params.yaml")


def test_the_suite_without_mistakes_is_valid() -> None:
    """The suite that the tests above change is valid itself, also with odd features if no decoder is used."""
    suite = load_yaml(TINY)
    odd_features(suite)
    del suite["attack"]["cut-inverted"]["inversions"]["decoder_train"]  # which both entries share
    suite["harden"]["cut-cem"]["defence"]["base"] = None
    suite["evaluate"] = {}
    assert set(check_suite(suite, "params.yaml").cells) == {"cut", "cut-cem"}
