"""Attacks whose errors are compared have equal budgets: else the suite is refused before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from locations import TINY

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

Suite = dict[str, Any]


def _other_epochs(suite: Suite) -> None:
    inversions = suite["attack"]["cut-cem-inverted"]["inversions"]
    decoder = inversions["decoder_train"]
    inversions["decoder_train"] = {**decoder, "fit": {**decoder["fit"], "epochs": 3}}


def _longer_from_surrogate(suite: Suite) -> None:
    inversions = suite["attack"]["removed-inverted"]["inversions"]
    adaptive = inversions["adaptive_decoder"]
    inversions["adaptive_decoder"] = {**adaptive, "fit": {**adaptive["fit"], "epochs": 3}}


def _more_queries(suite: Suite) -> None:
    inversions = suite["attack"]["removed-inverted"]["inversions"]
    inversions["adaptive_decoder"] = {**inversions["adaptive_decoder"], "queries": 16}


def _other_rmle(suite: Suite) -> None:
    inversions = suite["attack"]["cut-cem-inverted"]["inversions"]
    inversions["rmle"] = {**inversions["rmle"], "steps": 9}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _other_epochs,
            "attack.cut-cem-inverted.inversions.decoder_train.fit.epochs: found 3, allowed 2 as in attack.cut-inverted",
        ),
        (_other_rmle, "attack.cut-cem-inverted.inversions.rmle.steps: found 9, allowed 2 as in attack.cut-inverted"),
        (
            _longer_from_surrogate,
            "removed-inverted.inversions.adaptive_decoder: found other fit than in every decoder with start: fresh",
        ),
        (
            _more_queries,
            "removed-inverted.inversions.adaptive_decoder: found other queries than in every decoder",
        ),
    ],
)
def test_unequal_budgets_are_refused(change: Callable[[Suite], None], message: str) -> None:
    """One line with the attack and the key."""
    suite = json.loads(json.dumps(load_yaml(TINY)))  # entries that were merged no longer share their parts
    change(suite)
    with pytest.raises(UserError) as refused:
        check_suite(suite, "tiny.yaml")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_surrogate_alone_is_compared_with_nothing() -> None:
    """Where an entry has no fresh decoder, and for another paper or dataset, settings are free."""
    suite = load_yaml(TINY)
    inversions = suite["attack"]["removed-inverted"]["inversions"]
    adaptive = inversions.pop("adaptive_decoder")
    suite["attack"]["removed-inverted"]["inversions"] = {"adaptive_decoder": {**adaptive, "queries": 16}}
    suite["recognise"] = {}
    check_suite(suite, "tiny.yaml")


def test_a_class_needs_a_classifier() -> None:
    """A network that finds identities again predicts no class of a test record."""
    suite = load_yaml(TINY.parent / "devices.yaml")
    entry = suite["attack"]["cut-inverted"]
    decoder = {key: value for key, value in entry["inversions"]["decoder"].items() if key != "start"}
    attack = {**decoder, "attack": "class_decoder", "label": "guess", "embedding": 2}
    suite["attack"]["identities"] = {
        **entry,
        "paper": "patrol",
        "data": "photo-reid",
        "target": "identities",
        "inversions": {"by_class": attack},
    }
    with pytest.raises(UserError, match=r"inversions.by_class: found class_decoder, allowed attacks without classes"):
        check_suite(suite, "devices.yaml")
