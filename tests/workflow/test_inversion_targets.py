"""Which records an inversion attacker knows, which it is scored on, and how its images are shown."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from privprune.attacks.inversion import AttackerData, Reconstruction, ThreatModel
from privprune.errors import UserError
from privprune.workflow.inversion_targets import divide_records, plan_scoring
from privprune.workflow.panels import panel


@dataclass(frozen=True)
class Attacker:
    """An attack of which only its needs matter."""

    attacker_data: AttackerData | None
    limit: int | None = None

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Take anything."""

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Is never called."""
        raise NotImplementedError


def test_known_and_scored_records_are_apart() -> None:
    """`infer` knows the first 90 % of the test set without the mosaic, and is scored on the last 10 %."""
    members, test, mosaic = torch.arange(50), torch.arange(100, 200), ((100, 105), (120, 199))
    own = divide_records(members, test, mosaic)
    infer = plan_scoring(Attacker("infer"), own, 8)
    assert infer.known.tolist() == [one for one in range(100, 190) if one not in (100, 105, 120)]
    assert infer.released.tolist() == infer.as_written.tolist() == [191, 192, 193, 195, 196, 197, 198, 199]
    assert infer.panel.tolist() == [100, 105, 120, 199]
    assert not set(infer.known.tolist()) & set(infer.inverted.tolist())


def test_train_is_scored_on_test_and_on_training_records() -> None:
    """The released code's scoring and the paper's, evenly spaced; each record is inverted once."""
    train = plan_scoring(Attacker("train"), divide_records(torch.arange(50), torch.arange(100, 200), ((100, 120),)), 5)
    assert train.known.tolist() == list(range(50))
    assert train.released.tolist() == [100, 120, 140, 160, 180]
    assert train.as_written.tolist() == [0, 10, 20, 30, 40]
    assert train.shown.tolist() == [0, 10, 20, 30, 40, 100, 120, 140, 160, 180]
    assert train.inverted[train.positions(train.panel)].tolist() == [100, 120]


def test_a_limited_attack_takes_shown_images() -> None:
    """What it inverts is part of the panel."""
    few = plan_scoring(
        Attacker(None, limit=2), divide_records(torch.arange(50), torch.arange(100, 200), ((100, 101, 102, 103),)), 5
    )
    assert few.released.tolist() == few.as_written.tolist() == few.shown.tolist() == [100, 102]
    assert few.selection.tolist() == [104]


@pytest.mark.parametrize("images", [None, 5, 60, 97])
@pytest.mark.parametrize("data", ["train", "infer", None])
def test_the_selection_is_unseen_and_apart(data: AttackerData | None, images: int | None) -> None:
    """About a fifth as many as are scored, unknown to the attacker, never scored or shown; enough are scored still."""
    own = divide_records(torch.arange(50), torch.arange(100, 200), ((100, 105), (120, 199)))
    plan = plan_scoring(Attacker(data), own, images)
    chosen = set(plan.selection.tolist())
    assert len(chosen) == len(plan.selection)
    assert 1 / 7 <= len(chosen) / len(plan.released) <= 0.51  # one of two and more records is more than a fifth
    assert not chosen & {*plan.known.tolist(), *plan.shown.tolist()}
    assert chosen <= set(own.test.tolist())
    assert sorted({*plan.shown.tolist(), *chosen}) == plan.inverted.tolist()
    pool = 10 if data == "infer" else 100
    assert len(plan.released) >= min(images or pool, 5 * pool // 6)


def test_too_few_test_records_are_refused() -> None:
    """Nine cannot be divided."""
    with pytest.raises(UserError, match="found 9 test records, allowed at least 10"):
        divide_records(torch.arange(5), torch.arange(9), ())


def test_a_panel_puts_images_in_their_places() -> None:
    """Row by row, with grey where an image is missing; equal pixels give equal bytes, colours stay."""
    images = torch.tensor([10, 200], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 4, 4)
    shown = torch.tensor([[7, 5], [9, 7]])
    text = panel(images, torch.tensor([7, 5]), shown)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
    assert pixels.shape == (8, 8, 3)
    assert pixels[::4, ::4, 0].tolist() == [[10, 200], [128, 10]]
    assert text == panel(images.clone(), torch.tensor([7, 5]), shown)
