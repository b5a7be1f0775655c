"""Memory that was freed stays with the process."""

from __future__ import annotations

import resource

import pytest
import torch

from privprune.memory import keep_freed_memory

_VALUES = 2**22  # 16 MiB of float32
_PAGE = 4096


def test_a_large_tensor_takes_the_pages_of_the_one_before() -> None:
    """Twenty tensors of 16 MiB, one after another, touch fewer new pages than six of them have."""
    if not keep_freed_memory():
        pytest.skip("not glibc")
    torch.ones(_VALUES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(_VALUES)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 6 * 4 * _VALUES / _PAGE
