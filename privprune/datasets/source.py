"""Where a loader may look for a set, and what it may accept there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privprune.datasets.sources import VARIABLE
from privprune.errors import UserError

__all__ = ["VARIABLE", "Accept", "Source"]

Accept = Literal["verified", "as_found"]


@dataclass(frozen=True)
class Source:
    """Folders and strictness of one fetch.

    Attributes:
        existing: folders searched for a copy, in this order.
        downloads: folder that a download goes to.
        accept: `verified` refuses a file whose checksum differs from the official one; `as_found` takes it, and the
            data set's note says so.

    """

    existing: tuple[Path, ...]
    downloads: Path
    accept: Accept

    @classmethod
    def of(cls, accept: Accept, environment: Mapping[str, str], downloads: Path) -> Source:
        """Search the user's folder, named by PRIVPRUNE_DATA, before the project's own, and download to the first.

        Raises:
            UserError: the variable names no folder.

        """
        named = environment.get(VARIABLE)
        if not named:
            return cls((downloads,), downloads, accept)
        root = Path(named).expanduser()
        if not root.is_dir():
            raise UserError(f"{VARIABLE}: found {named}, allowed an existing folder")
        return cls((root, downloads), root, accept)

    def verified(self, place: str, content: bytes, md5: str) -> bool:
        """Whether the content of the file at `place` has the official checksum.

        Raises:
            UserError: it has not, and only verified files are accepted.

        """
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != md5 and self.accept == "verified":
            raise UserError(
                f"{place}: found md5 {found}, expected {md5}; replace the file, or set `accept: as_found` "
                "for this data set, and every table that uses it will say so"
            )
        return found == md5
