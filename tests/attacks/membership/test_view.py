"""Views of a record, as an attacker queries with them."""

import torch

from privprune.attacks.membership.view import View
from privprune.training.batches import as_input

IMAGES = torch.randint(256, (3, 2, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_plain_view_is_the_record() -> None:
    """A view without changes is what networks are given in training."""
    assert torch.equal(View().of(IMAGES, torch.Generator()), as_input(IMAGES))


def test_a_shift_moves_pixels_and_repeats_the_edge() -> None:
    """Pixels move down and right; what comes in is the reflected image."""
    plain, moved = as_input(IMAGES), View(down=1, right=-2).of(IMAGES, torch.Generator())
    assert torch.equal(moved[:, :, 1:, :-2], plain[:, :, :-1, 2:])
    assert torch.equal(moved[:, :, 0, :-2], plain[:, :, 0, 2:])
    assert torch.equal(moved[:, :, 1:, -1], plain[:, :, :-1, -2])


def test_mirrored_twice_is_the_record() -> None:
    """Left and right are exchanged."""
    mirrored = View(mirrored=True).of(IMAGES, torch.Generator())
    assert torch.equal(mirrored.flip(-1), as_input(IMAGES))


def test_noise_has_the_strength_that_it_says() -> None:
    """The noise is in units of the image's range [0, 1], while networks are given [-1, 1]."""
    images = torch.zeros(50, 1, 20, 20, dtype=torch.uint8)
    noise = View(noise=0.1).of(images, torch.Generator().manual_seed(1)) + 1
    assert abs(noise.std().item() / 0.2 - 1) < 0.02
