"""The budgets of decoders are measured: a suite runs some again with twice their epochs."""

from __future__ import annotations

import pytest
from locations import ROOT

from privprune.yaml_file import load_yaml


@pytest.mark.parametrize("suite", ["demo", "laptop", "paper"])
@pytest.mark.parametrize("paper", ["cem", "patrol"])
def test_a_decoder_of_each_paper_runs_with_twice_its_budget(suite: str, paper: str) -> None:
    """Each suite has an entry of each paper whose decoder of the target's own images runs with twice its epochs."""
    attacks = load_yaml(ROOT / f"params/{suite}.yaml")["attack"].values()
    doubled = [entry for entry in attacks if entry["paper"] == paper and "decoder_train" in entry.get("twice", ())]

    assert doubled
    decoders = {entry["inversions"]["decoder_train"]["attack"] for entry in doubled}
    assert decoders == {"sub_pixel_decoder" if suite == "demo" else "decoder"}


def test_the_laptop_suite_measures_both_sides_of_its_main_comparisons() -> None:
    """Without and with the defence: CEM's bottleneck on CIFAR-10, PATROL's network on faces and on places."""
    attacks = load_yaml(ROOT / "params/laptop.yaml")["attack"]
    doubled = {name for name, entry in attacks.items() if entry["paper"] != "mia_pruning" and entry["twice"]}

    pairs = {"cifar10-bottleneck", "cifar10-bottleneck-cem", "orl-none", "orl-patrol", "places-none", "places-patrol"}
    assert doubled == pairs
