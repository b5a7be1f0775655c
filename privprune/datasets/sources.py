"""Where datasets and published weights are obtained and looked for, and which files are accepted. No PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privprune.errors import UserError

DATA_VARIABLE = "PRIVPRUNE_DATA"  # environment variable that names the user's data folder
WEIGHTS_URL = "https://download.pytorch.org/models"  # torchvision's published weights, under the names in the suites
WEIGHTS_FOLDERS = ("weights", "checkpoints")  # below the user's data folder; the second is its former name

Accept = Literal["verified", "as_found"]


@dataclass(frozen=True)
class SourceInfo:
    """Where one dataset is obtained.

    Attributes:
        availability: it is bundled with an installed package, is downloaded when it is fetched, or is supplied by the
            user.
        paths: files or folders below a data folder; one of them is enough.
        layout: the files that a copy consists of, for messages.
        provider: who provides it, and the terms, for messages.

    """

    availability: Literal["bundled", "downloaded", "user_supplied"]
    provider: str
    paths: tuple[str, ...] = ()
    layout: str = ""


@dataclass(frozen=True)
class Source:
    """Where the reader of a dataset looks for files, and which files it accepts.

    Attributes:
        existing: folders that are searched for a copy, in this order.
        downloads: folder that a download goes to.
        accept: `verified` refuses a file whose checksum differs from the official one; `as_found` accepts it, and the
            dataset's note says so.

    """

    existing: tuple[Path, ...]
    downloads: Path
    accept: Accept

    @classmethod
    def of(cls, accept: Accept, environment: Mapping[str, str], downloads: Path) -> Source:
        """Search the user's folder, named by PRIVPRUNE_DATA, before the project's, and download to the first.

        Raises:
            UserError: the variable is set to something that is not a folder.

        """
        named = environment.get(DATA_VARIABLE)
        if not named:
            return cls((downloads,), downloads, accept)
        root = Path(named).expanduser()
        if not root.is_dir():
            raise UserError(f"{DATA_VARIABLE}: found {named}, allowed an existing folder")
        return cls((root, downloads), root, accept)

    def folder_with(self, *paths: str) -> Path | None:
        """Return the first searched folder that contains one of the paths, or None."""
        return next((root for root in self.existing if any((root / path).exists() for path in paths)), None)

    def supplied_folder(self, name: str, info: SourceInfo) -> Path:
        """Return the folder of a dataset that the user supplies, the first that exists.

        Args:
            name: of the dataset, for the message.
            info: the first of its paths is the folder.

        Raises:
            UserError: it does not exist; the line says what is missing, who provides it and where to put it.

        """
        folder = info.paths[0]
        root = next((root for root in self.existing if (root / folder).is_dir()), None)
        if root is None:
            raise UserError(
                f"{name} is missing: looked for {info.layout} in {', '.join(map(str, self.existing))}; it comes from "
                f"{info.provider}; put it into the folder named by {DATA_VARIABLE}"
            )
        return root / folder

    def verified(self, file: str, content: bytes, md5: str) -> bool:
        """Return whether the content of a file has the official checksum.

        Raises:
            UserError: it does not, and only verified files are accepted.

        """
        actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if actual != md5 and self.accept == "verified":
            raise UserError(
                f"{file}: found md5 {actual}, expected {md5}; replace the file, or set `accept: as_found` "
                "for this data set, and every table that uses it will say so"
            )
        return actual == md5


@dataclass(frozen=True)
class DataFolders:
    """The folders where data are looked for.

    Attributes:
        user: the folder that `PRIVPRUNE_DATA` names, or None where it is not set; it need not exist.
        downloads: the project's folder for downloads.

    """

    user: Path | None
    downloads: Path

    @classmethod
    def of(cls, environment: Mapping[str, str], downloads: Path) -> DataFolders:
        """Read the environment variable."""
        named = environment.get(DATA_VARIABLE)
        return cls(Path(named).expanduser() if named else None, downloads)

    @property
    def user_text(self) -> str:
        """The user's folder, in words."""
        if self.user is None:
            return f"the folder named by {DATA_VARIABLE}, which is not set"
        missing = "" if self.user.is_dir() else ", which does not exist"
        return f"the folder named by {DATA_VARIABLE}, {self.user}{missing}"

    def find(self, paths: tuple[str, ...]) -> Path | None:
        """Return the first of the paths that exists below the folders, or None."""
        roots = [root for root in (self.user, self.downloads) if root is not None]
        return next((root / path for root in roots for path in paths if (root / path).exists()), None)


def weights_file(user: Path, file: str) -> Path:
    """Return where a file of published weights lies: in `weights/`, or in `checkpoints/`, the folder's former name.

    Args:
        user: the user's data folder.
        file: name of the file. Where neither folder has it, the path in `weights/` is returned.

    """
    candidates = [user / folder / file for folder in WEIGHTS_FOLDERS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def weights_state(file: str, folders: DataFolders) -> tuple[bool, str]:
    """Return whether a file of published weights is in the user's folder, and one line that says where or what to do.

    The project's folder for downloads is not searched.
    """
    path = None if folders.user is None else weights_file(folders.user, file)
    if path is not None and path.is_file():
        return True, f"found, {path}"
    return False, (
        f"MISSING: put it into {WEIGHTS_FOLDERS[0]}/ of {folders.user_text}; it comes from {WEIGHTS_URL}/{file}"
    )
