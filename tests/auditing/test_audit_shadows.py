"""Laws of the shadow models of an audit: who is trained on what, and what they add."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from audit_toys import CLASSES, FEW, QUICK, SHADOWED, memorising, train
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from privprune.auditing import audit
from privprune.auditing.shadows import halves

SETTINGS = replace(QUICK, attacks={**FEW, **SHADOWED})


@pytest.mark.parametrize("records", [10, 11])
def test_shadow_models_have_complementary_halves(records: int) -> None:
    """Models 2 i and 2 i + 1 divide the records between them, so each record is in exactly half of all models."""
    members = halves(records, 6, 0)
    assert (members.sum(0) == 3).all()
    assert torch.equal(members[0::2], ~members[1::2])
    assert not torch.equal(members[0], members[2])
    assert not torch.equal(members, halves(records, 6, 1))


def test_each_shadow_model_is_trained_on_its_half() -> None:
    """The user's function gets these records and no others, with a seed of its own each time."""
    model, members, nonmembers = memorising(30)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    seeds: list[int] = []

    def recording(records: Any, seed: int) -> nn.Module:
        seen.append(records)
        seeds.append(seed)
        return model

    audit(model, members, nonmembers, recording, 4, settings=SETTINGS)
    inputs, labels = torch.cat([members[0], nonmembers[0]]), torch.cat([members[1], nonmembers[1]])
    for own, (given, classes) in zip(halves(60, 4, 0), seen, strict=True):
        assert torch.equal(given, inputs[own])
        assert torch.equal(classes, labels[own])
    assert len(set(seeds)) == 4


def test_records_come_in_the_form_in_which_they_were_given() -> None:
    """Datasets are passed on as datasets, for the user's own loader and augmentation."""
    model, members, nonmembers = memorising(30)
    lengths: list[int] = []

    def recording(records: Any, seed: int) -> nn.Module:
        del seed
        assert isinstance(records, Dataset)
        lengths.append(len(records))  # type: ignore[arg-type]
        assert records[0][0].shape == members[0][0].shape
        return model

    audit(model, TensorDataset(*members), TensorDataset(*nonmembers), recording, 4, settings=SETTINGS)
    assert lengths == [30] * 4


def test_shadow_models_let_lira_and_rmia_find_members() -> None:
    """With models trained as the audited one, the attacks that compare with them tell members of random labels."""
    model, members, nonmembers = memorising()
    result = audit(model, members, nonmembers, train, 8, settings=SETTINGS).result
    for label in SHADOWED:
        assert result.attack(label).measured.metrics["auc"].low > 0.7, label
    assert result.shadows == 8
    assert {one.name: one.passed for one in result.checks}["shadow models are like the model"]


def test_shadow_models_that_are_not_like_the_model_fail_a_check() -> None:
    """Untrained shadow models are as accurate on their records as a guess: the check says so."""
    model, members, nonmembers = memorising()

    def untrained(records: Any, seed: int) -> nn.Module:
        del records, seed
        return nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES))

    result = audit(model, members, nonmembers, untrained, 4, settings=SETTINGS).result
    assert not {one.name: one.passed for one in result.checks}["shadow models are like the model"]


def test_global_draws_of_the_training_depend_on_the_seed_alone() -> None:
    """A training that draws from the global generator without seeding it gives the same audit twice, and moves none."""
    model, members, nonmembers = memorising(30)

    def unseeded(records: Any, seed: int) -> nn.Module:
        del records, seed
        return nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES))

    found = []
    for start in (1, 2):
        torch.manual_seed(start)
        state = torch.get_rng_state()
        found.append(audit(model, members, nonmembers, unseeded, 4, settings=SETTINGS).as_record())
        assert torch.equal(state, torch.get_rng_state())
    assert found[0] == found[1]
