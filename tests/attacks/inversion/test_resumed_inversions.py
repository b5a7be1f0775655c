"""Inversion attacks that are killed and go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from interruption import interrupted, same
from inversion_toys import FIT, Noise, victim
from test_inversion_attacks import built
from torch import nn

from privprune.attacks.inversion import INVERSIONS
from privprune.checkpoints.store import NONE, Checkpoints

SHORT = {**FIT, "epochs": 4}
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {  # attack, settings, turns of each life
    "decoder": ("decoder", {"fit": SHORT, "queries": 2}, (1, 2, 1)),
    "rescaled decoder": ("decoder", {"fit": SHORT, "rescale": True}, (3, 1)),
    "gan": ("gan", {"epochs": 3, "critic_steps": 3}, (1, 1, 1)),
    "leaked gan": ("gan", {"epochs": 2, "leaked_start": SHORT}, (3, 2, 1)),
    "rmle": ("rmle", {"steps": 5}, (2, 3)),
    "deep prior": ("deep_prior", {"steps": 3, "images": 3}, (1, 4, 4)),
}


@pytest.mark.parametrize(("name", "changed", "lives"), CASES.values(), ids=CASES)
def test_an_attack_killed_on_its_way_makes_the_same_images(
    tmp_path: Path, name: str, changed: dict[str, Any], lives: tuple[int, ...]
) -> None:
    """Images and curves are those of an undisturbed attack, noise on the wire included, and no turn is done twice."""

    def made(checkpoints: Checkpoints) -> list[Any]:
        against = victim(nn.AvgPool2d(2), Noise(), scored=torch.arange(100, 103))
        against = replace(against, random_edge=name == "rmle", checkpoints=checkpoints)
        found = built(name, **changed)(against, torch.Generator().manual_seed(0))
        return [found.images, found.history]

    same(interrupted(made, tmp_path, *lives), made(NONE))


def test_every_attack_is_killed() -> None:
    """The table above covers the registry."""
    assert {name for name, _, _ in CASES.values()} == set(INVERSIONS)
