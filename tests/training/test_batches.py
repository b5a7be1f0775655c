"""Batches: order, scale and augmentation."""

import pytest
import torch
from toy import Toy

from privprune.training.batches import as_input, augmented, shuffled


def test_input_is_scaled_to_plus_minus_one() -> None:
    """0 becomes -1, 255 becomes 1, and the stored images do not change."""
    images = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert torch.allclose(as_input(images), torch.tensor([-1.0, -0.6, 1.0]))
    assert images.tolist() == [0, 51, 255]


def test_vectors_are_copied_as_they_are() -> None:
    """Numbers of a table are scaled when they are fetched, and not again; what is done to the input is not kept."""
    vectors = torch.tensor([-3.0, 0.0, 255.0])
    given = as_input(vectors)
    assert given.tolist() == [-3.0, 0.0, 255.0]
    given.add_(1)
    assert vectors.tolist() == [-3.0, 0.0, 255.0]


@pytest.mark.parametrize("batch", [1, 32, 40, 96, 200])
def test_an_epoch_has_every_record_once(toy: Toy, batch: int) -> None:
    """With any batch size, each member is given each of its records once per epoch."""
    parts = list(shuffled(toy.data(3), batch, toy.generators(0, 1, 2)))
    assert [part.shape[1] for part in parts[:-1]] == [batch] * (len(parts) - 1)
    order = torch.cat(parts, dim=1)
    assert torch.equal(order.sort(dim=1).values, torch.arange(96).expand(3, 96))


def test_a_member_is_shuffled_by_its_own_generator_alone(toy: Toy) -> None:
    """The order of a member's records is the same alone and in a stack, and differs with another seed."""
    together = torch.cat(list(shuffled(toy.data(3), 32, toy.generators(7, 8, 9))), dim=1)
    for member, seed in enumerate((7, 8, 9)):
        alone = torch.cat(list(shuffled(toy.data(1), 32, toy.generators(seed))), dim=1)
        assert torch.equal(together[member], alone[0])
    assert not torch.equal(together[0], together[1])


def crop_and_flip_one(image: torch.Tensor, draw: int) -> torch.Tensor:
    """Pad one image [C, H, W], crop and mirror it: the simple implementation."""
    channels, height, width = image.shape
    padded = torch.zeros(channels, height + 8, width + 8, dtype=image.dtype)
    padded[:, 4 : 4 + height, 4 : 4 + width] = image
    down, right = draw // 18, draw // 2 % 9
    cut = padded[:, down : down + height, right : right + width]
    return as_input(cut.flip(2) if draw % 2 else cut)


def test_crop_and_flip_equals_the_simple_implementation() -> None:
    """The batch is cropped and mirrored as by a loop over images and members."""
    images = torch.randint(0, 256, (300, 3, 10, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    found = augmented(images, "crop_flip", generators)
    again = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    draws = torch.cat([torch.randint(0, 162, (150,), generator=one) for one in again]).tolist()
    assert torch.equal(found, torch.stack([crop_and_flip_one(*one) for one in zip(images, draws, strict=True)]))
    assert len(set(draws)) > 100


def test_no_augmentation_is_the_image_itself(toy: Toy) -> None:
    """`none` scales images, and draws no random numbers."""
    images, generator = toy.data(1).images, torch.Generator().manual_seed(0)
    assert torch.equal(augmented(images, "none", [generator]), as_input(images))
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_a_rotation_keeps_the_centre_and_stays_within_15_degrees() -> None:
    """A bright bar through the centre still passes it, and stays within 15 degrees."""
    images = torch.zeros(64, 1, 33, 33, dtype=torch.uint8)
    images[:, :, 16, :] = 255
    found = augmented(images, "flip_rotate", [torch.Generator().manual_seed(4)])
    bright = found[:, 0] > 0
    assert bright[:, 16, 16].all()
    rows, columns = (torch.arange(33) - 16).abs()[:, None], (torch.arange(33) - 16).abs()[None, :]
    outside = rows > columns * torch.tan(torch.deg2rad(torch.tensor(15.0))) + 1.5
    assert not bright[:, outside].any()
    assert len({image.numpy().tobytes() for image in bright}) > 10


def test_a_crop_with_rotation_is_a_crop_first() -> None:
    """With the same draws, `crop_flip_rotate` of an image that rotation does not change is `crop_flip` of it."""
    images = torch.full((8, 3, 16, 16), 200, dtype=torch.uint8)
    found = augmented(images, "crop_flip_rotate", [torch.Generator().manual_seed(4)])
    assert set(found.unique().tolist()) <= {-1.0, as_input(torch.tensor(200, dtype=torch.uint8)).item()}
    assert (found[:, :, 6:10, 6:10] > 0).all()
