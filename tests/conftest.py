"""What all tests share: one thread, and the toy problem."""

import gc
from collections.abc import Iterator

import pytest
import torch
from toy import Toy

from privprune.memory import keep_freed_memory

keep_freed_memory()  # as stages do

# PyTorch starts the threads of its backward passes with the first one, and only if something but the CPU is there by
# then; no process forked later can go backward. Tests import what registers such a thing, so the first pass comes here.
torch.ones(1, requires_grad=True).sum().backward()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Let nothing that a test sets change how the next one rounds."""
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def toy() -> Toy:
    """Return the toy problem."""
    return Toy()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that the other cores do the rest meanwhile.

    It works with `--no-loadscope-reorder` alone: else xdist begins with the files of most tests.
    """
    items.sort(key=lambda item: "test_stages.py" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is there before the first test: millions of objects that stay."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let what was there be collected as Python ends: extensions count what is left of theirs."""
    gc.unfreeze()
