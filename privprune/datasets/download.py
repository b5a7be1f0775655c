"""Downloads that are complete or leave nothing behind, and report in one line why they failed."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

from privprune.datasets.sources import DATA_VARIABLE
from privprune.errors import UserError
from privprune.files import temporary_folder

STALLED = 60.0  # seconds without a byte after which a server is given up


@contextlib.contextmanager
def downloading(name: str, address: str, terms: str, layout: str, target: Path) -> Iterator[Path]:
    """Let the caller download into a temporary folder, then move the file or folder `layout` into `target`.

    Args:
        name: of the dataset, for the message.
        address: where it is downloaded from, for the message.
        terms: its licence or conditions, for the message.
        layout: path of the file or folder, in the temporary folder and in `target`.
        target: the folder where the download is stored.

    Raises:
        UserError: there is no network, the transfer ends early, the disk is full, or the folder cannot be written. The
            line says what is missing, where it comes from, its terms and where to put it.

    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED)  # torchvision's downloader sets no timeout and could wait for ever
    partial = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        partial = temporary_folder(target / name)
        yield partial
        (target / layout).parent.mkdir(parents=True, exist_ok=True)
        (partial / layout).replace(target / layout)
    except (OSError, RuntimeError, EOFError, zlib.error, http.client.HTTPException) as failure:
        reason = " ".join(str(failure).split()) or type(failure).__name__
        raise UserError(
            f"{name} is missing and could not be downloaded: {reason}; it comes from {address} ({terms}); "
            f"put it as {layout} into {target}, or into the folder named by {DATA_VARIABLE}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
