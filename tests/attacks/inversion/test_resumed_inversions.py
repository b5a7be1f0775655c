"""Inversion attacks that are interrupted and resumed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from interruption import interrupted, same
from inversion_toys import FIT, Noise, threat_model
from test_inversion_attacks import built
from torch import nn

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.checkpoints.store import NONE, Checkpoints

SHORT = {**FIT, "epochs": 4}
CASES: dict[
    str, tuple[str, dict[str, Any], tuple[int, ...]]
] = {  # attack, settings, iterations until each interruption
    "decoder": ("decoder", {"fit": SHORT, "queries": 2}, (1, 2, 1)),
    "rescaled decoder": ("decoder", {"fit": SHORT, "rescale": True}, (3, 1)),
    "gan": ("gan", {"epochs": 3, "critic_steps": 3}, (1, 1, 1)),
    "leaked gan": ("gan", {"epochs": 2, "leaked_start": SHORT}, (3, 2, 1)),
    "rmle": ("rmle", {"steps": 5}, (2, 3)),
    "deep prior": ("deep_prior", {"steps": 3, "images": 3}, (1, 4, 4)),
}


EXAMPLES = [example for method in INVERSION_ATTACKS.values() for example in method.examples]


@dataclass(frozen=True)
class Counting(Checkpoints):
    """Checkpoints that save nothing and count the iterations."""

    counted: list[int] = field(default_factory=list)

    def turns(self, loop: str, number: int, state: Any, unchanged: Collection[object] = ()) -> Iterator[int]:
        """Count on."""
        for turn in super().turns(loop, number, state, unchanged):
            self.counted.append(turn)
            yield turn


@pytest.mark.parametrize(("name", "changed", "lives"), CASES.values(), ids=CASES)
def test_an_interrupted_attack_gives_the_same_images(
    tmp_path: Path, name: str, changed: dict[str, Any], lives: tuple[int, ...]
) -> None:
    """Images and curves are those of an undisturbed attack, noise on the wire included; no iteration runs twice."""

    def result(checkpoints: Checkpoints) -> list[Any]:
        against = threat_model(nn.AvgPool2d(2), Noise(), scored=torch.arange(100, 103))
        against = replace(against, random_edge=name == "rmle", checkpoints=checkpoints)
        found = built(name, **changed)(against, torch.Generator().manual_seed(0))
        return [found.images, found.history]

    same(interrupted(result, tmp_path, *lives), result(NONE))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["attack"])
def test_every_attack_can_be_interrupted(tmp_path: Path, example: Mapping[str, object]) -> None:
    """With its example settings, interrupted after its first iteration, each attack gives the same images."""

    def result(checkpoints: Checkpoints) -> list[Any]:
        against = replace(
            threat_model(nn.AvgPool2d(2), Noise(), scored=torch.arange(100, 102)), checkpoints=checkpoints
        )
        found = build_attack(INVERSION_ATTACKS, example, "test")(against, torch.Generator().manual_seed(0))
        return [found.images, found.history]

    counting = Counting(None, str, 0.0, 0.0)
    undisturbed = result(counting)
    iterations = len(counting.counted)
    if iterations > 1:
        same(interrupted(result, tmp_path, 1, iterations - 1), undisturbed)
