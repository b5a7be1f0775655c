"""How much memory this process takes at once, and how it takes it from the system and gives it back; no torch."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

PIXELS_AT_ONCE = 6_200_000  # values of the images in one batch: 2000 images of CIFAR, or 41 of ImageNet

# Parameters of mallopt, from malloc.h, and what they are set to, in bytes; each must fit an int.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = 2**31 - 1
_FETCHED_AT_ONCE = 2**26
_MAPPED_ALONE = 2**30


def images_at_once(shape: Sequence[int]) -> int:
    """Return how many images of a shape (C, H, W) are handled in one batch; it affects speed and memory only."""
    return max(1, PIXELS_AT_ONCE // math.prod(shape))


def keep_freed_memory() -> bool:
    """Keep memory that was freed for later tensors, in place of giving it back to the system.

    By default the C library maps memory anew for each large tensor and unmaps it after use, and the system zeroes each
    page of it again: a fifth of a training step of a small network. What is kept is at most what was in use at once.

    Returns:
        whether it was done; nothing is done where the C library is not glibc.

    """
    try:
        set_parameter = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows
        return False
    wanted = ((_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _FETCHED_AT_ONCE), (_MMAP_THRESHOLD, _MAPPED_ALONE))
    return all(set_parameter(parameter, value) == 1 for parameter, value in wanted)
