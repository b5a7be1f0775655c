"""An attack of either kind is added by one file that declares it, and by nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toys import threat_model
from membership_toys import simulated

from privprune.attacks.choice import attack_of
from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, MembershipAttack, Outputs
from privprune.attacks.membership.thresholds import ThresholdAttack, ThresholdSettings
from privprune.errors import UserError
from privprune.registry import Registry
from privprune.settings import read
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.inversions import InversionEntry

MEMBERSHIP = """
from dataclasses import dataclass

from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores


@dataclass(frozen=True)
class TopLogitSettings:
    threshold: float


class TopLogitAttack:
    def __init__(self, settings):
        self.settings = settings

    def __call__(self, evidence, generator):
        parts = (evidence.evaluation_members, evidence.evaluation_nonmembers)
        return as_scores(*(part.logits.amax(1) for part in parts), self.settings.threshold)


METHOD = MembershipAttack("top_logit", TopLogitSettings, TopLogitAttack)
"""
INVERSION = """
from dataclasses import dataclass

import torch

from privprune.attacks.inversion import Inversion, InversionAttack, Reconstruction


@dataclass(frozen=True)
class GreyImageSettings:
    pass


class GreyImageAttack(Inversion):
    attacker_data = "train"

    def __init__(self, settings):
        self.settings = settings

    def __call__(self, threat, generator):
        return Reconstruction(torch.full((len(threat.scored), *threat.image_shape), 0.5))


METHOD = InversionAttack("grey_image", GreyImageSettings, GreyImageAttack)
"""
MEMBERSHIP_ENTRY = {
    "paper": "mia_pruning",
    "data": "digits",
    "target": "base",
    "released_with": None,
    "methods": {"plain": {"attack": "top_logit", "threshold": 2}},
    "base_rates": {"attacks": [], "odds": []},
    "twice": [],
    "resamples": 10,
    "seed": 0,
}
INVERSION_ENTRY = {
    "paper": "cem",
    "data": "digits",
    "target": "base",
    "released_with": None,
    "cut": None,
    "inversions": {"plain": {"attack": "grey_image"}},
    "twice": [],
    "images": None,
    "resamples": 10,
    "seed": 0,
}


def module_of(file: Path, source: str) -> ModuleType:
    """Write a module and import it."""
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # a dataclass needs its module in sys.modules
        patch.setitem(sys.modules, file.stem, module)
        spec.loader.exec_module(module)
    return module


def added(monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], module: ModuleType) -> list[str]:
    """Add the attacks of a module to a registry until the end of a test."""
    names = list(registry)
    monkeypatch.setattr(registry, "_declared", dict(registry._read()))
    new = registry.add(module)
    assert set(registry) == {*names, *new}
    return new


def test_a_membership_attack_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite can name the attack of an added file, and it gives its scores; without the file the name is unknown."""
    entry = read(AttackEntry, MEMBERSHIP_ENTRY, "suite")
    with pytest.raises(UserError, match=r"^suite.methods.plain.attack: found 'top_logit', allowed confidence, "):
        entry.chosen("suite")
    assert added(monkeypatch, MEMBERSHIP_ATTACKS, module_of(tmp_path / "top_logit.py", MEMBERSHIP)) == ["top_logit"]
    evidence = simulated(leak=3.0, records=60, seed=0)
    scores = entry.chosen("suite")["plain"].attack(evidence, torch.Generator())
    assert scores.threshold == 2.0
    np.testing.assert_array_equal(scores.members, evidence.evaluation_members.logits.amax(1).double().numpy())


def test_an_inversion_attack_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite can name the attack of an added file, whose defaults are those of `Inversion`."""
    entry = read(InversionEntry, INVERSION_ENTRY, "suite")
    with pytest.raises(UserError, match=r"^suite.inversions.plain.attack: found 'grey_image', allowed class_decoder, "):
        entry.built("suite")
    assert added(monkeypatch, INVERSION_ATTACKS, module_of(tmp_path / "grey_image.py", INVERSION)) == ["grey_image"]
    attack = entry.built("suite")["plain"]
    assert (attack.limit, attack.queries, attack.surrogate_size, attack.doubled()) == (None, 1, None, None)
    attack.check((5,), (3, 8, 8))
    threat = threat_model()
    images = attack(threat, torch.Generator()).images
    assert images.unique().tolist() == [0.5]
    assert len(images) == 20


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("def __call__", "def call", r"TopLogitAttack: found nothing that can be called"),
        ("def __init__(self, settings)", "def __init__(self)", r"TopLogitAttack: could not be built \(.*positional"),
        ("threshold: float", "threshold: list[float]", r"TopLogitSettings.threshold: found the type list"),
    ],
)
def test_a_file_that_is_no_attack_is_refused_before_training(
    right: str, wrong: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an attack must have is looked for when a suite is checked; what is missing is one line with its class."""
    assert right in MEMBERSHIP
    added(monkeypatch, MEMBERSHIP_ATTACKS, module_of(tmp_path / "top_logit.py", MEMBERSHIP.replace(right, wrong)))
    with pytest.raises(UserError, match=rf"^top_logit\.{line}"):
        read(AttackEntry, MEMBERSHIP_ENTRY, "suite").chosen("suite")


def test_a_threshold_attack_must_have_its_signal() -> None:
    """A subclass whose signal is misspelt cannot be built."""

    class Misspelt(ThresholdAttack):
        def sginal(self, outputs: Outputs) -> torch.Tensor:
            return outputs.logits.amax(1)

    method = MembershipAttack("misspelt", ThresholdSettings, Misspelt)
    with pytest.raises(UserError, match=r"Misspelt: could not be built \(.*signal"):
        attack_of(method, ThresholdSettings("global"))
