"""What other papers claim, as data: sentences without numbers of their own that the cells of a suite can decide."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from privprune.published.claim import Claim
from privprune.published.papers import LITERATURE, names
from privprune.settings import read
from privprune.yaml_file import load_yaml


@dataclass(frozen=True)
class LiteratureClaim:
    """A claim of another paper, and where it is tested.

    Attributes:
        threat: whether it is about membership inference or about inversion.
        beside: the paper among whose rows and controls the compared cells are.
        quoted: whether its sentence is a quotation; else it says in other words what the source says.
        claim: the sentence, its section, and the comparisons that decide it.

    """

    threat: Literal["membership", "inversion"]
    beside: str
    quoted: bool
    claim: Claim

    def __post_init__(self) -> None:
        """Refuse a claim beside no paper, which would be tested nowhere and stand in no table."""
        if self.beside not in names():
            raise ValueError(f"beside: found {self.beside!r}, allowed {', '.join(names())}")


@dataclass(frozen=True)
class Source:
    """A paper and what it claims.

    Attributes:
        authors: initials and family names.
        title: its title.
        venue: where and when it was published.
        arxiv: its number on arXiv.
        claims: in the order of the report.

    """

    authors: str
    title: str
    venue: str
    arxiv: str
    claims: tuple[LiteratureClaim, ...]


@dataclass(frozen=True)
class Literature:
    """All sources, in the order of the report."""

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        """Refuse a name that two claims have."""
        names = [one.claim.name for source in self.sources for one in source.claims]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sources: found two claims named {', '.join(twice)}, allowed one")


@functools.cache
def load_literature() -> Literature:
    """Return what other papers claim; the file is read once per process."""
    with resources.as_file(resources.files(__package__) / f"{LITERATURE}.yaml") as file:
        return read_literature(file)


def read_literature(file: Path) -> Literature:
    """Read sources and claims from one file.

    Raises:
        UserError: the file is missing, or has an unknown or missing key or a wrong value.

    """
    return read(Literature, load_yaml(file), file.name)
