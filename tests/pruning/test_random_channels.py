"""The control with as many channels as the soft mask leaves, chosen at random."""

from typing import Any

import pytest
import torch
from pruning_examples import settings_of
from residual_toys import SHAPE, residual, settled

from privprune.models import structure_of
from privprune.pruning.random_channels import at_random, random_channels
from privprune.pruning.selection import Selection
from privprune.pruning.soft_mask import EXAMPLE_MASKS, soft_mask
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train


def test_widths_are_those_of_the_masks_and_weights_those_before_them(toy: Any) -> None:
    """Both networks have one structure; each filter of the control is one of the trained network's."""
    chance = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=chance)
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])
    masks: dict[str, Any] = {**EXAMPLE_MASKS, "sparsity": 3.0, "structures": "channels"}
    made = []
    for written, method in (
        (masks, soft_mask),
        ({"name": "random_channels", "widths_of": masks, "seed": 5}, random_channels),
    ):
        ensemble = Ensemble([settled(residual(), 1)])

        def fit(phase: str, plan: Any, terms: Any, kept: Any, ensemble: Ensemble = ensemble) -> None:
            train(ensemble, data, plan, toy.generators(0), terms=terms, masks=kept, name=phase)

        made.append(method(settings_of(written), ensemble, residual(), SHAPE, fit).model)  # type: ignore[operator]
    assert structure_of(residual(), made[0]) == structure_of(residual(), made[1])
    before = settled(residual(), 1).stem.conv.weight
    assert 1 <= len(made[1].stem.conv.weight) < len(before)
    assert all(any(torch.equal(row, one) for one in before) for row in made[1].stem.conv.weight)


def test_what_the_masks_refuse_names_their_own_key() -> None:
    """After their phase too, in which nothing is trained here: no mask is below the threshold."""
    masks = {**EXAMPLE_MASKS, "threshold": {"name": "fixed", "value": 0.5}}
    settings = settings_of({"name": "random_channels", "widths_of": masks, "seed": 5})
    ensemble = Ensemble([residual()])

    def fit(_phase: str, _plan: Any, terms: Any, _masks: Any) -> None:
        for term in terms:
            term.start(ensemble)

    with pytest.raises(ValueError, match=r"^method\.widths_of\.threshold\.value: found 0\.5, which removes nothing"):
        random_channels(settings, ensemble, residual(), SHAPE, fit)  # type: ignore[arg-type]


def test_channels_are_drawn_uniformly() -> None:
    """Of 2,000 draws of 2 of 5 channels, each channel has its share within four standard deviations."""
    kept = Selection({"conv": torch.tensor([True, True, False, False, False])}, ("block1",))
    chance = torch.Generator().manual_seed(1)
    drawn = [at_random(kept, chance) for _ in range(2000)]
    counts = torch.stack([one.channels["conv"] for one in drawn]).sum(0)
    assert all(one.removed == ("block1",) for one in drawn)
    assert counts.sum() == 4000
    assert ((counts - 800).abs() < 4 * (2000 * 0.4 * 0.6) ** 0.5).all()
