"""One entry of a suite's `datasets:`, and the entries of datasets that the catalogue knows. No PyTorch.

An entry of the catalogue's digits:

    digits:
      name: digits
      accept: verified
      targets: 3
      shadows: 8
      protocols:
        clean:
          seed: 0
          members: null
          reference: 75
          selection: {members: 100, nonmembers: 75}
          known: {members: 300, nonmembers: 300}
          evaluation: {members: null, nonmembers: null}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from privprune.datasets.catalogue import DATASETS, DatasetInfo
from privprune.datasets.pools import PLACES, ProtocolSettings
from privprune.datasets.sources import Accept, Source
from privprune.settings import AtLeastOne, Range, RecordCount, Shadows


@dataclass(frozen=True)
class Counts:
    """Numbers of classes, training records and test records."""

    classes: AtLeastOne
    train: RecordCount
    test: RecordCount


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """What all entries have in common.

    Attributes:
        name: of the dataset in the catalogue, or the format of the user's own data.
        limit: number of official training records to use, evenly spaced, or null for all.
        targets: number of splits for models whose results are reported, one per seed.
        shadows: number of splits for shadow models, in complementary pairs.
        protocols: `paper`, `clean` or both, with the sizes of their pools.

    """

    name: str
    limit: RecordCount | None = None
    targets: Annotated[int, Range(1, 1000)]
    shadows: Shadows
    protocols: dict[str, ProtocolSettings]

    def __post_init__(self) -> None:
        """Refuse unknown protocols, and a number of members where it has no effect."""
        for protocol, sizes in self.protocols.items():
            if protocol not in PLACES:
                raise ValueError(f"protocols: found {protocol}, allowed {', '.join(PLACES)}")
            if protocol == "paper" and sizes.members is not None:
                members = f"protocols.paper.members: found {sizes.members}"
                raise ValueError(f"{members}, allowed null (every network trains on the whole training set)")

    @property
    def info(self) -> DatasetInfo:
        """What is known of the dataset before it is fetched.

        Raises:
            UserError: the user's own files are missing or cannot be used; the line begins with a key of the entry.

        """
        raise NotImplementedError

    def source(self, environment: Mapping[str, str], downloads: Path) -> Source:
        """Return where the reader of the dataset looks for files; arguments as for `Source.of`."""
        raise NotImplementedError

    def place(self, entry: str) -> str:
        """Return how a message about the entry of this name begins."""
        raise NotImplementedError

    @property
    def expected_counts(self) -> Counts | None:
        """Counts that a copy must have; None where nothing is expected."""
        return None

    @property
    def complete_train_records(self) -> int:
        """Number of official training records, by the suite's own count or that of a complete copy."""
        return self.info.train_records if self.expected_counts is None else self.expected_counts.train

    @property
    def train_records(self) -> int:
        """Number of official training records that are used."""
        return self.complete_train_records if self.limit is None else min(self.limit, self.complete_train_records)

    @property
    def test_records(self) -> int | None:
        """Number of official test records, in the same way; None where it is not known before the set is read."""
        return self.info.test_records if self.expected_counts is None else self.expected_counts.test

    @property
    def models(self) -> int:
        """Number of half splits that are drawn, those of the targets first."""
        return self.targets + self.shadows


@dataclass(frozen=True, kw_only=True)
class CatalogueSettings(DatasetSettings):
    """An entry for a dataset of the catalogue.

    Attributes:
        accept: `verified` accepts only files with the official checksums; `as_found` accepts any copy, and a note in
            every table says so.
        expected: counts that a copy must have, or null where checksums verify it.

    """

    accept: Accept
    expected: Counts | None = None

    @property
    def info(self) -> DatasetInfo:
        """The dataset's declaration."""
        return DATASETS[self.name]

    def source(self, environment: Mapping[str, str], downloads: Path) -> Source:
        """Search the user's folder and the project's.

        Raises:
            UserError: the variable that names the user's folder is set to something that is not a folder.

        """
        return Source.of(self.accept, environment, downloads)

    def place(self, _entry: str) -> str:
        """Name the dataset."""
        return f"dataset {self.name}: "

    @property
    def expected_counts(self) -> Counts | None:
        """The counts that the suite expects."""
        return self.expected
