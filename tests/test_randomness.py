"""Generators depend on their arguments, and on nothing else."""

import zlib

import numpy as np
import pytest
import torch

from privprune.randomness import Purpose, generator, numpy_generator


def mixed(*numbers: int) -> int:
    """Return the seed that results from numbers: one step of Knuth's linear congruential generator for each."""
    seed = 0
    for number in numbers:
        seed = (seed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return seed


@pytest.mark.parametrize("purpose", list(Purpose))
def test_seeds_are_those_of_earlier_versions(purpose: Purpose) -> None:
    """Seed, index, purpose and details are mixed in this order; a name counts as its CRC-32."""
    assert generator(3, purpose).initial_seed() == mixed(3, purpose)
    assert generator(3, purpose, 2).initial_seed() == mixed(3, 2, purpose)
    assert generator(3, purpose, None, 7).initial_seed() == mixed(3, purpose, 7)
    assert generator(3, purpose, 2, "nasr", 7).initial_seed() == mixed(3, 2, purpose, zlib.crc32(b"nasr"), 7)
    expected = np.random.default_rng([3, int(purpose), zlib.crc32(b"nasr"), 7]).random(4)
    assert np.array_equal(numpy_generator(3, purpose, "nasr", 7).random(4), expected)


def test_the_numbers_of_purposes_are_fixed() -> None:
    """Results depend on them: another number for a purpose changes all that is drawn for it."""
    numbers = {name: int(purpose) for name, purpose in Purpose.__members__.items()}
    assert numbers == {
        "INITIAL_WEIGHTS": 0,
        "RECORD_ORDER": 1,
        "DEFENCE": 2,
        "MEMBERSHIP_ATTACK": 3,
        "BASE_RATE_REPLAY": 4,
        "RANDOM_LAYERS": 5,
        "INVERSION": 6,
        "CONDITIONAL_ENTROPY": 7,
        "LIPSCHITZ": 8,
        "PRUNING": 9,
        "SEARCH_GAIN": 10,
        "RECOGNITION": 11,
        "VIEWS": 12,
        "OUTPUT": 13,
        "DEPLOYMENT": 14,
    }


def test_generators_are_independent() -> None:
    """The same arguments give the same stream; seed, purpose, index and details each give another."""
    keys: list[tuple[int, Purpose, int, tuple[int | str, ...]]] = [
        (seed, purpose, index, details)
        for seed in (0, 1)
        for purpose in Purpose
        for index in (0, 1)
        for details in ((), (0,), (1,), ("a",), ("b", 0))
    ]
    draws = {tuple(torch.rand(4, generator=generator(*key, *details)).tolist()) for *key, details in keys}
    assert len(draws) == len(keys)
