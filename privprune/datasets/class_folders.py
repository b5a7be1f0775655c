"""Sets that lie as one folder of picture files for every class, in the user's own copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privprune.datasets.source import VARIABLE, Source
from privprune.errors import UserError


def users_folder(source: Source, name: str, folder: str, layout: str, origin: str) -> Path:
    """Return the first folder of that name below the places that are searched.

    Args:
        source: the places.
        name: of the data set, for the message.
        folder: what is looked for.
        layout: what has to be in it.
        origin: where it comes from, and its terms.

    Raises:
        UserError: there is none; says what is missing, where it comes from, its terms and where to put it.

    """
    found = next((root / folder for root in source.existing if (root / folder).is_dir()), None)
    if found is None:
        raise UserError(
            f"{name} is missing: looked for {layout} in {', '.join(map(str, source.existing))}; it comes from "
            f"{origin}; put it into the folder named by {VARIABLE}"
        )
    return found


def class_files(part: Path, suffixes: Sequence[str], layout: str) -> dict[str, list[str]]:
    """Return class -> its files, sorted, relative to the folder above `part`; suffixes are in lower case.

    Raises:
        UserError: the folder is missing, or nothing in it is a class.

    """
    if not part.is_dir():
        raise UserError(f"{part}: the folder is missing, expected {layout}")
    found = {
        folder.name: sorted(
            f"{part.name}/{folder.name}/{file.name}"
            for file in folder.iterdir()
            if file.suffix.lower() in suffixes and not file.name.startswith(".")
        )
        for folder in part.iterdir()
        if folder.is_dir()
    }
    if not any(found.values()):
        raise UserError(f"{part}: no images here, expected {layout}")
    return found
