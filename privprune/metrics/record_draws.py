"""Bootstrap draws of records: one draw for all seeds that are scored on the same records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.int64]
Counts = NDArray[np.int32]
Pools = Sequence[Records]  # the records of one seed by their role, for instance members and non-members

_NUMBERS = 1_000_000  # at most so many in one array of draws (4 MB)


@dataclass(frozen=True)
class RecordDraws:
    """Draws with replacement of all records that some seeds are scored on.

    Records that several seeds share are drawn once for all of these seeds: this is what makes a bootstrap crossed. It
    resamples the rows and the columns of a table of seeds and records independently of each other, the pigeonhole
    bootstrap (A. B. Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007; P. McCullagh, Resampling
    and exchangeable arrays, Bernoulli 6, 2000), which is valid for tables with gaps too: here seeds that share a part
    of their records. Records are drawn within strata. Where seeds share records, a stratum is made of those of the same
    roles, so a record that is a member for some seeds and a non-member for others is of a third stratum; where no two
    seeds share one, each pool of each seed is a stratum. The draws depend on the records and on nothing else, so that
    two cells that are scored on the same records can be compared draw by draw.

    Attributes:
        records: number of different records.
        columns: for each seed, the place of each record of its pools among all records.
        strata: places of the records that are drawn together, and the seed of their draws.
        shared: whether a record is scored by more than one seed.
        name: the same for the same records, and different for others; empty where the records are not known.

    """

    records: int
    columns: tuple[tuple[Records, ...], ...]
    strata: tuple[tuple[Records, int], ...]
    shared: bool
    name: str

    @classmethod
    def of(cls, seeds: Sequence[Pools]) -> RecordDraws:
        """Plan the draws for the records of some seeds, each int64; they may stand in any order."""
        records = np.unique(np.concatenate([pool for pools in seeds for pool in pools]))
        columns = tuple(tuple(np.searchsorted(records, pool) for pool in pools) for pools in seeds)
        scored, roles = np.zeros(len(records), np.int64), np.zeros(len(records), np.int64)
        for pools in columns:
            for role, pool in enumerate(pools):
                scored[pool] += 1
                roles[pool] |= 1 << role
        shared = bool((scored > 1).any())
        apart = (
            [np.flatnonzero(roles == one) for one in np.unique(roles)] if shared else [p for c in columns for p in c]
        )
        strata = tuple((places, _digest(records[places])) for places in apart)
        name = hashlib.sha256(repr([digest for _, digest in strata]).encode()).hexdigest()[:12]
        return cls(len(records), columns, strata, shared, name)

    @classmethod
    def apart(cls, seeds: Sequence[Sequence[Any]], generator: np.random.Generator) -> RecordDraws:
        """Plan the draws of seeds whose records are not known to be the same: each seed's are drawn on their own.

        Args:
            seeds: for each seed, pools of as many entries as it has records.
            generator: what the draws depend on.

        """
        sizes = [[len(pool) for pool in pools] for pools in seeds]
        ends = np.cumsum([size for pools in sizes for size in pools]).tolist()
        pieces = iter([np.arange(start, end) for start, end in zip([0, *ends], ends, strict=False)])
        planned = cls.of([[next(pieces) for _ in pools] for pools in sizes])
        strata = tuple((places, int(generator.integers(2**63))) for places, _ in planned.strata)
        return cls(planned.records, planned.columns, strata, shared=False, name="")

    def counts(self, resamples: int) -> Iterator[Counts]:
        """Draw the records, a part of the resamples at a time.

        Yields:
            [draws, records], how often each record is drawn.

        """
        generators = [np.random.default_rng(seed) for _, seed in self.strata]
        part = max(1, _NUMBERS // self.records)
        for start in range(0, resamples, part):
            draws = min(part, resamples - start)
            drawn = np.empty((draws, self.records), dtype=np.int32)
            for (places, _), generator in zip(self.strata, generators, strict=True):
                drawn[:, places] = _counts(len(places), draws, generator)
            yield drawn


def _counts(records: int, draws: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw all records with replacement, `draws` times: how often each is drawn, [draws, records]."""
    drawn = generator.integers(records, size=(draws, records))
    drawn += records * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=records * draws).reshape(draws, records)


def _digest(records: Records) -> int:
    """Return a number that depends on the records, whatever the machine."""
    return int.from_bytes(hashlib.sha256(np.sort(records).astype("<i8").tobytes()).digest()[:8], "big")
