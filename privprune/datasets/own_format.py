"""Data of the user's own, which a suite describes itself: one format per file of `privprune.datasets.own`. No PyTorch.

A file declares its format as `METHOD`, an `OwnFormat`. The settings class reads the files: quickly, for the check of a
suite (`describe`), and as a whole when the data is fetched (the `read` of what `describe` returns).
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from privprune.annotations import name_of
from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.entry import DatasetSettings
from privprune.datasets.raw import Array
from privprune.datasets.sources import Source
from privprune.datasets.strata import Strata
from privprune.errors import UserError, shown
from privprune.names import Rule
from privprune.registry import Registry
from privprune.settings import Range, Seed

MOST_BYTES = 32_000_000_000  # of all records, which are in memory at once when they are fetched and used
PATHS = Rule(
    lambda text: text.isprintable() and text == text.strip() and 0 < len(text) <= 1000,
    "a path in one line, 1 to 1,000 characters, no space around it",
)


@dataclass(frozen=True)
class DrawnSplit:
    """A division into training and test records that is drawn, with the same class frequencies in both.

    Attributes:
        test: share of the records that become test records.
        seed: of the draw.

    """

    test: Annotated[float, Range(0, 1, open_low=True, open_high=True)]
    seed: Seed

    def parts(self, labels: Array) -> tuple[Array, Array]:
        """Draw the positions of training and test records, int64 each, sorted; training has a record of each class.

        Args:
            labels: [records], of any values that can be sorted.

        Raises:
            UserError: no record would be left on one side.

        """
        order = np.random.default_rng(self.seed).permutation(len(labels))
        _, first = np.unique(labels[order], return_index=True)  # of each class, one record that stays in training
        free = np.delete(order, first)
        size = min(round(self.test * len(labels)), len(free))
        if size < 1:
            raise UserError(
                f"split.test: found {self.test:g} of {len(labels)} records, allowed a share that leaves some on both "
                "sides, a training record of each class among them"
            )
        strata = Strata.of(labels)
        test, _ = strata.divided(free, size, strata.counts(order))
        test = np.sort(test)
        return np.delete(np.arange(len(labels)), test), test


@dataclass(frozen=True, kw_only=True)
class OwnSettings(DatasetSettings):
    """An entry for data of the user's own.

    Attributes:
        path: of the file or folder, absolute, below the home folder (`~/...`), or relative to the working directory.

    """

    path: Annotated[str, PATHS]

    @property
    def location(self) -> Path:
        """The path, with the home folder written out.

        Raises:
            UserError: it is below the home folder of somebody who is not known.

        """
        try:
            return Path(self.path).expanduser()
        except RuntimeError:
            raise UserError(f"path: found {self.path}, allowed ~/ for your own home folder") from None

    @functools.cached_property
    def info(self) -> DatasetInfo:
        """What the files say; they are looked at once."""
        return self.describe()

    def describe(self) -> DatasetInfo:
        """Look at the files as far as a suite has to be checked against them.

        Raises:
            UserError: they are missing or cannot be used; the line begins with a key of the entry.

        """
        raise NotImplementedError

    def source(self, _environment: Mapping[str, str], downloads: Path) -> Source:
        """Return no folder: the data is where `path` says."""
        return Source((), downloads, "as_found")

    def place(self, entry: str) -> str:
        """Name the entry."""
        return f"datasets.{entry}."


@dataclass(frozen=True)
class OwnFormat:
    """The declaration of a format.

    Attributes:
        settings: the class of its entries, with `describe`.

    """

    settings: type[OwnSettings]

    @property
    def name(self) -> str:
        """The format's name in a suite."""
        return name_of(self.settings)


OWN_FORMATS = Registry("privprune.datasets.own", OwnFormat, "privprune.own_formats")


def own_data_state(path: str) -> str:
    """Return one line that says whether the user's own data is where an entry's `path` says."""
    there = os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111 (raise nothing, whatever the path)
    return f"your own, {path}" if there else f"MISSING: {path}, the `path` of your own data"


@contextlib.contextmanager
def in_the_files() -> Iterator[None]:
    """Let a message about a file begin with the key that names the files."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"path: {problem}") from None


def check_bytes(key: str, records: int, each: int) -> None:
    """Check that all records fit into memory.

    Args:
        key: of the entry, for the message.
        records: their number.
        each: bytes of one.

    Raises:
        UserError: they are larger than `MOST_BYTES`.

    """
    if records * each > MOST_BYTES:
        raise UserError(
            f"{key}: found {records:,} records of {each:,} bytes, allowed at most {MOST_BYTES // each:,} of this size"
        )


def check_classes(train: Mapping[str, int], test: Mapping[str, int]) -> None:
    """Check that there are two classes or more, and that training has a record of each.

    Args:
        train: name of each class -> number of its training records.
        test: the same of the test records.

    Raises:
        UserError: names the class.

    """
    lacking = [name for name, count in test.items() if count and not train.get(name)]
    if lacking:
        raise UserError(
            f"path: found the class {shown(lacking[0])} in test and not in training, allowed classes of which training "
            f"has a record{f' ({len(lacking)} are missing)' if len(lacking) > 1 else ''}"
        )
    if len(train) < 2:
        raise UserError(f"path: found one class, {shown(next(iter(train), None))}, allowed at least two")
