"""What the long stages share: what they have done so far is kept until they have ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator

from privprune.checkpoints.store import Checkpoints, checkpoints_in
from privprune.errors import UserError
from privprune.records import versions
from privprune.workflow.context import DataContext
from privprune.workflow.record import RecordLocation
from stages.harness.records_stage import DATA

SECONDS = "PRIVPRUNE_CHECKPOINT_SECONDS"  # of work that a kill may cost
_USUAL_SECONDS = 60.0


@contextlib.contextmanager
def kept(place: RecordLocation, context: DataContext) -> Iterator[Checkpoints]:
    """Checkpoint the stage in `data/checkpoints/<stage>/<name>` until it succeeds.

    Raises:
        UserError: the interval is no number of seconds.

    """
    code = DATA / "code" / place.stage / f"{place.name}.json"
    listed = code.read_text() if code.exists() else ""
    folders = {context.folder, DATA / place.origin}

    def key() -> str:
        work = [place.suite, place.stage, place.name, place.written, listed, versions(), context.device.type]
        digest = hashlib.sha256(json.dumps(work, sort_keys=True).encode())
        for file in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
            with file.open("rb") as content:
                digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    with checkpoints_in(DATA / "checkpoints" / place.stage / place.name, key, _seconds()) as checkpoints:
        yield checkpoints


def _seconds() -> float:
    """Return how many seconds of work a kill may cost."""
    found = os.environ.get(SECONDS) or _USUAL_SECONDS
    with contextlib.suppress(ValueError):
        if float(found) >= 0:
            return float(found)
    raise UserError(f"{SECONDS}: found {found!r}, allowed a number of seconds, 0 to keep everything at once")
