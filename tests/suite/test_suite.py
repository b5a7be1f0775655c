"""Validation of a whole suite: each mistake is reported in the expected line, before anything runs."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from locations import ROOT, TINY
from suite_changes import Suite, drop, put

from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.datasets.entry_kinds import dataset_kinds
from privprune.defences import DEFENCES
from privprune.errors import UserError
from privprune.models import MODELS
from privprune.names import NAMES
from privprune.published import names
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

SUITES = [ROOT / "params.yaml", *sorted((ROOT / "params").glob("*.yaml")), TINY]
DEFENCE_NAMES = list(DEFENCES)
CELLS = "base, cut, dense, pruned, removed, game, private, cut-cem"
NETWORK = "model, protocol, seeds, shadows, reserve_reference, widths, small_dense, pretrained, cut, reidentification"


def circle(suite: Suite) -> None:
    """Let two cells start from each other."""
    other = copy.deepcopy(suite["prune"]["pruned"])
    other["from"] = "models/pruned"
    suite["prune"]["again"] = other
    suite["prune"]["pruned"]["from"] = "models/again"


def another_dataset(suite: Suite) -> None:
    """Start from networks of another dataset."""
    suite["datasets"]["more"] = copy.deepcopy(suite["datasets"]["digits"])
    suite["prune"]["pruned"]["data"] = "more"


def single_shadow(suite: Suite) -> None:
    """Use an attack with shadow models on a cell that has one."""
    suite["train"]["base"]["network"]["shadows"] = 1


def released_with_other_data(suite: Suite) -> None:
    """Name a second network that was trained on other data."""
    suite["datasets"]["more"] = copy.deepcopy(suite["datasets"]["digits"])
    suite["train"]["other"] = {**copy.deepcopy(suite["train"]["base"]), "data": "more"}
    suite["attack"]["pruned"]["released_with"] = "other"


def targets_only(suite: Suite) -> None:
    """Use an attack with shadow models on a cell that does not keep them."""
    suite["prune"]["pruned"]["keep_shadows"] = False


def normalised(suite: Suite) -> None:
    """Train a network with batch normalisation under DP-SGD."""
    suite["datasets"]["digits"]["name"] = "cifar10"
    suite["harden"]["private"]["network"]["model"] = "resnet18"


def many_missing(suite: Suite) -> None:
    """Leave out a key in each of four places."""
    for place in (
        "datasets/digits/targets",
        "harden/private/network/seeds",
        "attack/base/seed",
        "attack/base/resamples",
    ):
        drop(place)(suite)


def sections_missing_too(suite: Suite) -> None:
    """Leave out sections beside them."""
    many_missing(suite)
    for section in ("suite", "deploy", "evaluate"):
        drop(section)(suite)


MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "unknown section": (
        put("harden_more", {}),
        (
            "harden_more: unknown section, "
            "allowed suite, device, datasets, train, prune, harden, attack, recognise, deploy, evaluate, plugins"
        ),
    ),
    "section missing": (
        drop("attack"),
        (
            "attack: missing, the keys are suite, device, datasets, train, prune, harden, attack, recognise, deploy, "
            "evaluate"
        ),
    ),
    "keys missing in many places": (
        many_missing,
        (
            "4 keys are missing: datasets.digits.targets, harden.private.network.seeds, attack.base.resamples, "
            "attack.base.seed"
        ),
    ),
    "keys and sections missing": (
        sections_missing_too,
        (
            "7 keys are missing: datasets.digits.targets, harden.private.network.seeds, attack.base.resamples, "
            "attack.base.seed, suite, deploy, evaluate"
        ),
    ),
    "section empty": (put("train", None), "train: found None, allowed a mapping, {} where there is nothing"),
    "name of the suite": (put("suite", "a/b"), f"suite: found 'a/b', allowed {NAMES}"),
    "device": (put("device", "gpu"), "device: found 'gpu', allowed found, cpu, cuda"),
    "name of a cell": (
        put("train/..", {}),
        f"train: found the name '..', allowed {NAMES}",
    ),
    "name twice": (
        put("harden/base", {}),
        "harden.base: found the name in train too, allowed once",
    ),
    "typo in a key": (
        put("train/base/network/modle", "x"),
        f"train.base.network.modle: unknown key, allowed {NETWORK}",
    ),
    "key missing": (
        drop("harden/private/network/seeds"),
        f"harden.private.network.seeds: missing, the keys are {NETWORK}",
    ),
    "key missing twice": (
        drop("train/base/network/seeds"),
        "2 keys are missing: train.base.network.seeds, harden.game.network.seeds",
    ),
    "number as a text": (
        put("train/base/plan/optimiser/learning_rate", "5e-4"),
        "train.base.plan.optimiser.learning_rate: found '5e-4', allowed a number",
    ),
    "out of range": (
        put("prune/pruned/budget/ratio", 0.5),
        "prune.pruned.budget.ratio: found 0.5, allowed at least 1 and at most 1,000,000",
    ),
    "unknown source": (
        put("datasets/digits/name", "mnits"),
        f"datasets.digits.name: found 'mnits', allowed {', '.join(dataset_kinds())}",
    ),
    "unknown dataset": (put("train/base/data", "digit"), "train.base.data: found 'digit', allowed digits"),
    "unknown model": (
        put("train/base/network/model", "lenet"),
        f"train.base.network.model: found 'lenet', allowed {', '.join(MODELS)}",
    ),
    "model of other images": (
        put("train/base/network/model", "lenet5"),
        "train.base.network: lenet5: found images of 8 pixels, allowed 28 and 32",
    ),
    "unknown method": (
        put("prune/pruned/method/name", "adm"),
        "prune.pruned.method.name: found 'adm', allowed admm, magnitude, random, random_channels, soft_mask",
    ),
    "unknown defence": (
        put("harden/game/defence/name", "minmax"),
        f"harden.game.defence.name: found 'minmax', allowed {', '.join(DEFENCE_NAMES)}",
    ),
    "unknown attack": (
        put("attack/base/methods/nasr/attack", "nsr"),
        f"attack.base.methods.nasr.attack: found 'nsr', allowed {', '.join(MEMBERSHIP_ATTACKS)}",
    ),
    "unknown target": (put("attack/base/target", "bsae"), f"attack.base.target: found 'bsae', allowed {CELLS}"),
    "unknown cell": (
        put("prune/pruned/from", "models/bse"),
        f"prune.pruned.from: found models/bse, allowed models/ with {CELLS}",
    ),
    "wrong kind of origin": (
        put("prune/pruned/from", "datasets/digits"),
        "prune.pruned.from: found 'datasets/digits', allowed models/NAME",
    ),
    "origin of another dataset": (
        put("harden/game/from", "datasets/mnist"),
        "harden.game.from: found 'datasets/mnist', allowed datasets/digits (the entry's data)",
    ),
    "networks of another dataset": (another_dataset, "prune.pruned.data: found more, allowed digits (models/base)"),
    "circle": (
        circle,
        "prune.pruned.from: pruned from again from pruned, allowed a chain without a circle",
    ),
    "layer that is not there": (
        put("prune/pruned/budget/dense_layers", ["conv9"]),
        (
            "prune.pruned.budget.dense_layers: found 'conv9', allowed layers are "
            "conv1.conv.weight, conv2.conv.weight, fc1.linear.weight, fc2.linear.weight"
        ),
    ),
    "ratio beyond the dense layers": (
        put("prune/pruned/budget/ratio", 95),
        (
            "prune.pruned.budget.ratio: leaves -1 weights for "
            "conv2.conv.weight, fc1.linear.weight, fc2.linear.weight, not dense"
        ),
    ),
    "layer without a weight": (
        put("prune/pruned/budget/ratio", 90),
        "prune.pruned.budget: fc2.linear.weight would keep no weight, allowed at least 1 in each layer",
    ),
    "more seeds than splits": (
        put("train/base/network/seeds", [0, 1, 2]),
        "train.base.network.seeds: found 3, allowed at most datasets.digits.targets, 2",
    ),
    "seed twice": (
        put("train/base/network/seeds", [1, 1]),
        "train.base.network.seeds: found [1, 1], allowed at least one, all different",
    ),
    "more shadows than splits": (
        put("train/base/network/shadows", 4),
        "train.base.network.shadows: found 4, allowed at most datasets.digits.shadows, 2",
    ),
    "protocol not prepared": (
        lambda suite: suite["train"]["base"]["network"].update(protocol="paper", shadows=0),
        "train.base.network.protocol: found paper, prepared for digits: clean",
    ),
    "LiRA without shadows": (
        put("attack/pruned/target", "private"),
        "attack.pruned.methods.lira: needs shadow models, but private has shadows: 0",
    ),
    "LiRA with shadows left behind": (
        targets_only,
        "attack.pruned.methods.lira: needs shadow models, but pruned has keep_shadows: false",
    ),
    "DP-SGD with a stack": (
        put("harden/private/stack", 2),
        "harden.private.stack: found 2, allowed 1 with dp_sgd",
    ),
    "DP-SGD with batch normalisation": (
        normalised,
        "harden.private.defence: found resnet18, which has batch normalisation, allowed with dp_sgd: networks without",
    ),
    "DP-SGD while pruning": (
        lambda suite: suite["prune"]["pruned"].update(defence=suite["harden"]["private"]["defence"]),
        "prune.pruned.defence: found dp_sgd, allowed in pruning: terms of the loss, such as min_max",
    ),
    "game without reference": (
        put("harden/game/network/reserve_reference", False),
        "harden.game.defence: min_max needs networks with reserve_reference: true, found false",
    ),
    "reference that is not kept": (
        put("datasets/digits/protocols/clean/reference", 0),
        "train.base.network.reserve_reference: found true, but datasets.digits keeps no reference records",
    ),
    "nothing to match": (
        put("harden/game/defence", {"name": "matched_accuracy"}),
        "harden.game.from: found datasets/digits, allowed models/CELL, which the new networks are held against",
    ),
    "networks from nowhere": (
        put("harden/game/network", None),
        "harden.game.network: needed exactly when `from` is a dataset, found from: datasets/digits",
    ),
    "replay of no method": (
        put("attack/base/base_rates/attacks", ["gap"]),
        "attack.base.base_rates.attacks: found 'gap', allowed nasr, lira",
    ),
    "twice of no method": (
        put("attack/base/twice", ["gap"]),
        "attack.base.twice: found 'gap', allowed nasr, lira",
    ),
    "twice of nothing": (
        put("attack/base/twice", ["lira"]),
        "attack.base.twice: found lira, which trains nothing, allowed attacks with `steps`",
    ),
    "one shadow model": (
        single_shadow,
        "train.base.network.shadows: found 1, allowed at least 0 and at most 1,000, even",
    ),
    "released with no cell": (
        put("attack/pruned/released_with", "bse"),
        f"attack.pruned.released_with: found 'bse', allowed null, {CELLS.replace(', pruned', '')}",
    ),
    "released with itself": (
        put("attack/pruned/released_with", "pruned"),
        f"attack.pruned.released_with: found 'pruned', allowed null, {CELLS.replace(', pruned', '')}",
    ),
    "released with other data": (
        released_with_other_data,
        "attack.pruned.released_with: found other with data more, allowed digits",
    ),
    "released with other seeds": (
        put("attack/pruned/released_with", "private"),
        "attack.pruned.released_with: found private with seeds (0,), allowed (0, 1), that of pruned",
    ),
    "images of networks released together": (
        put("attack/cut-inverted/released_with", "base"),
        "attack.cut-inverted.released_with: found 'base', allowed null with inversions",
    ),
    "a cell called None": (
        put("train/None", {}),
        f"train: found the name 'None', allowed {NAMES}",
    ),
    "members of the wrong protocol": (
        lambda suite: suite["datasets"]["digits"]["protocols"].update(
            paper={**suite["datasets"]["digits"]["protocols"]["clean"], "members": 9}
        ),
        (
            "datasets.digits.protocols.paper.members: found 9, "
            "allowed null (every network trains on the whole training set)"
        ),
    ),
    "row of no cell": (
        lambda suite: suite["evaluate"]["mia_pruning"]["rows"][0].update(cell="bas"),
        f"evaluate.mia_pruning.rows.cell: found 'bas', allowed {CELLS}",
    ),
    "unknown paper": (
        put("evaluate/mia", {}),
        f"evaluate.mia: unknown paper, allowed {', '.join(names())}, own, cross",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_mistake_is_reported_in_one_line(kind: str) -> None:
    """The error names the file, the key, what was found and what is allowed."""
    suite = copy.deepcopy(load_yaml(TINY))
    change, line = MISTAKES[kind]
    change(suite)
    with pytest.raises(UserError) as told:
        check_suite(suite, "params.yaml")
    assert str(told.value) == f"params.yaml: {line}"


def test_an_attack_on_two_networks_needs_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `released_with`, an attack that compares two networks is refused; with it, the suite is valid."""
    suite = copy.deepcopy(load_yaml(TINY))
    monkeypatch.setattr(MEMBERSHIP_ATTACKS, "_declared", dict(MEMBERSHIP_ATTACKS._read()))
    module, method = MEMBERSHIP_ATTACKS._read()["confidence"]
    MEMBERSHIP_ATTACKS._read()["confidence"] = module, dataclasses.replace(method, needs_companion=True)
    methods = {"nasr": {"attack": "confidence", "thresholds": "global"}}
    suite["attack"]["pruned"].update(methods=methods, base_rates={"attacks": [], "odds": []})
    check_suite(suite, "params.yaml")
    suite["attack"]["pruned"]["released_with"] = None
    line = r"^params.yaml: attack.pruned.methods.nasr: needs a second network, but released_with is null$"
    with pytest.raises(UserError, match=line):
        check_suite(suite, "params.yaml")


def test_the_network_of_a_later_section_is_checked_before_what_starts_from_it() -> None:
    """A cell of `prune` may start from one of `harden`, whose networks are held against the data first."""
    suite = copy.deepcopy(load_yaml(ROOT / "params.yaml"))
    assert suite["prune"]["tiles-mia_pruning-min_max"]["from"] == "models/tiles-min_max-start"
    suite["harden"]["tiles-min_max-start"]["network"]["protocol"] = "paper"
    with pytest.raises(UserError) as failed:
        check_suite(suite, "P")
    place = "P: harden.tiles-min_max-start.network.protocol"
    assert str(failed.value) == f"{place}: found paper, prepared for tiles: clean"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.name)
def test_suites_in_the_repository_are_valid(path: Path) -> None:
    """The suites in git are valid, and the networks of every cell are found."""
    suite = check_suite(load_yaml(path), str(path))
    assert suite.cells
    assert all(suite.network(cell).seeds for cell in suite.cells)
    assert suite.name == ("demo" if path.name == "params.yaml" else path.stem)


def test_dvc_reads_the_same_numbers() -> None:
    """DVC, `load_yaml` and PyYAML, with which `stages.select` writes, read the same values from the suites in git."""
    from dvc.utils.serialize import parse_yaml  # noqa: PLC0415 (a second that only this test needs)

    for path in SUITES:
        assert load_yaml(path) == parse_yaml(path.read_text(), str(path)) == yaml.safe_load(path.read_text()), path
