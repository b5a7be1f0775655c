"""Datasets that consist of one folder of image files per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privprune.errors import UserError


def class_files(part: Path, suffixes: Sequence[str], layout: str) -> dict[str, list[str]]:
    """Return class -> its image files, sorted, relative to the folder above `part`.

    Args:
        part: folder of the classes' folders.
        suffixes: of image files, in lower case.
        layout: the files that are expected, for the message.

    Raises:
        UserError: the folder is missing, or contains no image.

    """
    if not part.is_dir():
        raise UserError(f"{part}: the folder is missing, expected {layout}")
    classes = {
        folder.name: sorted(
            f"{part.name}/{folder.name}/{file.name}"
            for file in folder.iterdir()
            if file.suffix.lower() in suffixes and not file.name.startswith(".")
        )
        for folder in part.iterdir()
        if folder.is_dir()
    }
    if not any(classes.values()):
        raise UserError(f"{part}: no images here, expected {layout}")
    return classes
