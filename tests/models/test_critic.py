"""The GAN attack's critic: the released size, one number per image, one source of randomness."""

from __future__ import annotations

import pytest
import torch

from privprune.models.critic import build_critic


def test_the_critic_has_the_released_size() -> None:
    """DGWGAN32 has 4,864 + 205,184 + 819,968 + 4,097 parameters: three convolutions with their norms, and the last."""
    critic = build_critic((3, 32, 32), width=64, generator=torch.Generator())
    assert sum(value.numel() for value in critic.parameters()) == 1_034_113


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 48, 48), (3, 64, 64)])
def test_one_number_per_image(shape: tuple[int, int, int]) -> None:
    """Images of any size are judged one by one: another image in the batch changes nothing."""
    critic = build_critic(shape, width=4, generator=torch.Generator().manual_seed(0))
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1))
    judged = critic(images)
    assert judged.shape == (3,)
    assert torch.allclose(critic(images[:1]), judged[:1], atol=1e-6)


def test_weights_come_from_the_generator_alone() -> None:
    """Equal generators give equal critics; another seed gives another one."""
    made = [build_critic((3, 32, 32), width=4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    first, again, other = (critic(images) for critic in made)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
