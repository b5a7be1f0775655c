"""Random numbers: every draw comes from a generator that depends on a seed and on what the draw is for.

Generators of different purposes are independent of each other, so that one more draw for one purpose changes nothing
that is drawn for another.
"""

from __future__ import annotations

import zlib
from enum import IntEnum, unique

import numpy as np
import torch


@unique
class Purpose(IntEnum):
    """What a generator draws for. Results depend on the numbers: a new purpose takes one that no purpose has."""

    INITIAL_WEIGHTS = 0  # the first weights of each network of a cell
    RECORD_ORDER = 1  # the order of training records, and their augmentation
    DEFENCE = 2  # all that a defence draws during training
    MEMBERSHIP_ATTACK = 3  # training an attack network, and the bootstrap behind its intervals
    BASE_RATE_REPLAY = 4  # as for an attack, where members outnumber non-members, and which non-members are left out
    RANDOM_LAYERS = 5  # noise on the wire, dropout, and skipped branches of a network
    INVERSION = 6  # training an inversion attack, the wire that it queries, and the bootstrap behind its intervals
    CONDITIONAL_ENTROPY = 7  # mixtures and sub-samples behind the entropy of images and of what features leave unknown
    LIPSCHITZ = 8  # the noise behind local Lipschitz constants
    PRUNING = 9  # random masks, and the order of records in all phases of pruning
    SEARCH_GAIN = 10  # the attack network that compares the candidates of the sparsity search
    RECOGNITION = 11  # random layers of the judge, and the bootstrap behind its intervals
    VIEWS = 12  # noise on the records with which an attack queries a network
    OUTPUT = 13  # what a layer behind a network draws when it is fitted
    DEPLOYMENT = 14  # noise on the wire of a deployed network, and the groups of features of the attack on it


def generator(seed: int, purpose: Purpose, index: int | None = None, *details: int | str) -> torch.Generator:
    """Create a generator on the CPU.

    Args:
        seed: from the suite.
        purpose: what is drawn.
        index: number of the network, or of the target, that it is drawn for; None for what all of them share.
        details: further numbers and names that distinguish generators of the same purpose, such as an attack's label.

    Returns:
        a new generator, in the same state for the same arguments.

    """
    mixed = 0
    numbers = (seed, purpose) if index is None else (seed, index, purpose)
    for number in (*numbers, *map(_as_number, details)):
        # One step of a linear congruential generator per number: arguments that differ by 1 give unrelated states.
        mixed = (mixed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return torch.Generator().manual_seed(mixed)


def numpy_generator(seed: int, purpose: Purpose, *details: int | str) -> np.random.Generator:
    """Create a generator of NumPy, for the bootstrap; arguments as for `generator`."""
    return np.random.default_rng([seed, purpose, *map(_as_number, details)])


def _as_number(detail: int | str) -> int:
    """Return a number as it is, and the CRC-32 of a name."""
    return zlib.crc32(detail.encode()) if isinstance(detail, str) else detail
