"""What a training refuses once it sees the records, which no check of the suite can know."""

import copy
from pathlib import Path

import pytest
from locations import TINY
from ruamel.yaml import YAML

from privprune.errors import UserError
from privprune.yaml_file import load_yaml
from stages import fetch, train
from stages.harness import compute_stage

FEW = {"members": 1, "nonmembers": 1}
POOLS = {"seed": 1, "members": None, "reference": 0, "selection": FEW, "known": FEW}
IDENTITIES = {"identities": 16, "images": 4, "margin": 0.3, "triplet_weight": 1.0, "label_smoothing": 0.1}


def test_records_that_do_not_suffice_are_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 33 places hardly one has two images left: the line has the key, what was found and what is allowed."""
    suite = copy.deepcopy(load_yaml(TINY))
    pools = {**POOLS, "evaluation": {"members": None, "nonmembers": None}}
    suite["datasets"] = {
        "places": {**suite["datasets"]["digits"], "name": "photo-reid", "limit": 33, "protocols": {"paper": pools}}
    }
    cell = {**suite["train"]["dense"], "data": "places"}
    cell["network"] = {**cell["network"], "protocol": "paper", "reidentification": IDENTITIES}
    suite["train"] = {"places": {**cell, "plan": {**cell["plan"], "batch": 64}}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compute_stage, "_READ", [])
    YAML(typ="safe").dump(suite, tmp_path / "params.yaml")
    fetch.main("places")
    with pytest.raises(UserError) as refused:
        train.main("places")
    assert str(refused.value).startswith(
        "params.yaml: train.places.network.reidentification.identities: found 16, allowed at most "
    )
