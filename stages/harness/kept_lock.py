"""A copy of `dvc.lock` from when it was last whole, made as each stage begins.

DVC writes the file in place, which takes it up to a second where there are seventy stages. A `kill -9` in that second
leaves an empty file, or the first part of it. DVC takes that for the whole, and every stage behind it would run again.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from privprune.errors import UserError
from privprune.files import write_bytes

LOCK, KEPT, CUT = Path("dvc.lock"), Path(".dvc/tmp/dvc.lock"), Path(".dvc/tmp/dvc.lock.cut")
_BEING_WRITTEN = 5.0  # seconds after which a file that is cut off is damaged, not being written
_OFTEN = 0.1  # seconds


def keep_lock(root: Path = Path()) -> None:
    """Copy the lock file, if there is one, to where DVC keeps what is temporary; a stage calls it when it begins.

    Raises:
        UserError: the file is cut off.

    """
    content = _read(root)
    if content is None or not (root / KEPT).parent.is_dir():
        return
    if _is_cut(content):
        allowed = f"`cp {KEPT} {LOCK}`" if (root / KEPT).exists() else f"`rm {LOCK}`"
        raise UserError(f"{LOCK}: found a file that is cut off, as `kill -9` leaves it: {allowed}, and run again")
    with contextlib.suppress(UserError):  # a full disk, for instance: the stage itself will say so, if it matters
        write_bytes(root / KEPT, content)


def restore_lock(root: Path = Path()) -> bool:
    """Put the copy in place of a lock file that is cut off, and that aside; returns whether it was.

    Where there is no copy, the file had one stage at most.
    """
    content = _read(root)
    if content is None or not _is_cut(content):
        return False
    write_bytes(root / CUT, content)
    if (root / KEPT).exists():
        write_bytes(root / LOCK, (root / KEPT).read_bytes())
    else:
        (root / LOCK).unlink()
    return True


def _read(root: Path) -> bytes | None:
    """Return the content of the lock file, after somebody else has written it to its end; None where there is none."""
    until = time.monotonic() + _BEING_WRITTEN
    while True:
        try:
            content = (root / LOCK).read_bytes()
        except OSError:
            return None
        if not _is_cut(content) or time.monotonic() > until:
            return content
        time.sleep(_OFTEN)


def _is_cut(content: bytes) -> bool:
    """Return whether a part is missing: DVC ends the file with a line feed, and writes it in blocks of 8 KiB."""
    return not content.endswith(b"\n")
