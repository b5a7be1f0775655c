"""Checkpoints of the long stages: a stage that was killed continues from its last one when it runs again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from privprune.checkpoints.store import Checkpoints, checkpoints_in
from privprune.errors import UserError
from privprune.records import versions
from privprune.workflow.context import DataContext
from privprune.workflow.record import RecordLocation
from stages.harness.records_stage import DATA

SECONDS = "PRIVPRUNE_CHECKPOINT_SECONDS"  # of work that may be lost when a stage is killed
_DEFAULT_SECONDS = 60.0


@contextlib.contextmanager
def checkpointed(place: RecordLocation, context: DataContext, *more: Path) -> Iterator[Checkpoints]:
    """Checkpoint a stage in `data/checkpoints/<stage>/<name>` until it succeeds.

    A checkpoint is used again only where nothing has changed on which the result depends: the entry of the suite, the
    code, the versions of libraries, the kind of device, and the files of the dataset, the origin and further folders.

    Args:
        place: where the stage writes its record.
        context: of the stage.
        more: further folders that the stage reads.

    Yields:
        the checkpoints of the stage.

    Raises:
        UserError: the interval in the environment is not a number of seconds.

    """
    code = DATA / "code" / place.stage / f"{place.name}.json"
    listed = code.read_text() if code.exists() else ""
    folders = {context.folder, DATA / place.origin, *more}

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
    """Return how many seconds of work may be lost when a stage is killed."""
    written = os.environ.get(SECONDS) or _DEFAULT_SECONDS
    with contextlib.suppress(ValueError):
        if float(written) >= 0:
            return float(written)
    raise UserError(f"{SECONDS}: found {written!r}, allowed a number of seconds, 0 to keep everything at once")
