"""Validation of `recognise` and `deploy`: each mistake is reported in the expected line, before any training."""

import copy
import importlib.util
from collections.abc import Callable

import pytest
from locations import TINY
from suite_changes import Suite, put

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

CELLS = "base, cut, dense, pruned, removed, game, private, cut-cem"


def judged_by_its_origin(suite: Suite) -> None:
    """Make the origin of a cell the judge of its reconstructions."""
    suite["attack"]["pruned-inverted"] = {**suite["attack"]["cut-inverted"], "target": "pruned", "cut": "conv1"}


def attacked_twice(suite: Suite) -> None:
    """Add a second attack on a cell with the same label."""
    suite["attack"]["again"] = copy.deepcopy(suite["attack"]["cut-inverted"])


def of_other_data(section: str, name: str) -> Callable[[Suite], None]:
    """Return a change by which an entry names another dataset than its cell's."""

    def change(suite: Suite) -> None:
        suite["datasets"]["more"] = copy.deepcopy(suite["datasets"]["digits"])
        suite[section][name]["data"] = "more"

    return change


RECOGNISE, DEPLOY = "recognise.cem-digits", "deploy.cut"
RELATED = "allowed an independent cell"
MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "unknown judge": (
        put("recognise/cem-digits/judge", "bse"),
        f"{RECOGNISE}.judge: found 'bse', allowed {CELLS}",
    ),
    "judge of other data": (
        of_other_data("recognise", "cem-digits"),
        f"{RECOGNISE}.data: found more, allowed digits (the judge's)",
    ),
    "judge that is attacked": (
        put("recognise/cem-digits/judge", "cut"),
        f"{RECOGNISE}.judge: found cut, which the target cut shares training with, {RELATED}",
    ),
    "judge that a target comes from": (
        judged_by_its_origin,
        f"{RECOGNISE}.judge: found base, which the target pruned shares training with, {RELATED}",
    ),
    "attack that nobody makes": (
        put("recognise/cem-digits/inversions", ["rmle", "gan"]),
        f"{RECOGNISE}.inversions: found gan, which no attack of cem on digits has",
    ),
    "paper that does not invert": (
        put("recognise/cem-digits/paper", "mia_pruning"),
        f"{RECOGNISE}.inversions: found decoder_train, which no attack of mia_pruning on digits has",
    ),
    "attacked twice": (
        attacked_twice,
        f"{RECOGNISE}.inversions: found two attacks decoder_train on cut, allowed one",
    ),
    "nothing to look at": (
        put("recognise/cem-digits/inversions", []),
        f"{RECOGNISE}.inversions: found [], allowed at least one, all different",
    ),
    "unknown cell": (put("deploy/cut/cell", "ct"), f"{DEPLOY}.cell: found 'ct', allowed {CELLS}"),
    "cell of other data": (
        of_other_data("deploy", "cut"),
        f"{DEPLOY}.data: found more, allowed digits (the cell's)",
    ),
    "network that is not there": (put("deploy/cut/network", 2), f"{DEPLOY}.network: found 2, allowed 0 to 1"),
    "whole network": (
        put("deploy/cut/cell", "base"),
        f"{DEPLOY}.cell: found base, whose networks are whole, allowed one with network.cut",
    ),
    "operators that the exporter does not write": (
        put("deploy/cut/opset", 9),
        f"{DEPLOY}.opset: found 9, allowed at least 18 and at most 23",
    ),
    "the same bits twice": (
        put("deploy/cut/quantisation/wire_bits", [8, 8]),
        f"{DEPLOY}.quantisation.wire_bits: found [8, 8], allowed 8 and 4, once each",
    ),
    "bits that nobody packs": (
        put("deploy/cut/quantisation/wire_bits", [2]),
        f"{DEPLOY}.quantisation.wire_bits[0]: found 2, allowed 8, 4",
    ),
    "a runtime that is not installed": (
        put("deploy/cut/executorch", value=True),
        f"{DEPLOY}.executorch: found true, allowed false without ExecuTorch: uv sync --extra executorch",
    ),
    "no tolerance": (
        put("deploy/cut/tolerance", 0),
        f"{DEPLOY}.tolerance: found 0, allowed at least 1e-12 and at most 1,000,000",
    ),
}


@pytest.fixture(autouse=True)
def _without_executorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ExecuTorch be missing, whatever is installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "executorch" else found(name))


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_mistake_is_reported_in_one_line(kind: str) -> None:
    """The error names the file, the key, what was found and what is allowed."""
    suite = copy.deepcopy(load_yaml(TINY))
    change, line = MISTAKES[kind]
    change(suite)
    with pytest.raises(UserError) as told:
        check_suite(suite, "params.yaml")
    assert str(told.value) == f"params.yaml: {line}"
