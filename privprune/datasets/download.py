"""Downloads that arrive whole or leave nothing, and that say in one line why they failed."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from privprune.datasets.source import VARIABLE
from privprune.errors import UserError

STALLED = 60.0  # seconds without a byte after which a server counts as gone


@contextlib.contextmanager
def downloading(name: str, origin: str, terms: str, layout: str, target: Path) -> Iterator[Path]:
    """Let the caller download into a temporary folder, then move the file or folder `layout` into `target`.

    Args:
        name: of the data set, for the message.
        origin: address that it comes from.
        terms: its licence or conditions.
        layout: what the caller leaves in the temporary folder, and what appears in `target`.
        target: the folder that keeps it.

    Raises:
        UserError: no network, a transfer cut short, a full disk, a folder that cannot be written; says what is missing,
            where it comes from, its terms and where to put it.

    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED)  # torchvision's downloader sets none, and would wait for ever
    partial = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target))
        yield partial
        (target / layout).parent.mkdir(parents=True, exist_ok=True)
        (partial / layout).replace(target / layout)
    except (OSError, RuntimeError, EOFError, zlib.error, http.client.HTTPException) as failure:
        told = " ".join(str(failure).split()) or type(failure).__name__
        raise UserError(
            f"{name} is missing and could not be downloaded: {told}; it comes from {origin} ({terms}); "
            f"put it as {layout} into {target}, or into the folder named by {VARIABLE}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
