"""What the long stages share: what they have done so far is kept until they have ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace

from privprune.checkpoints import checkpoints_in
from privprune.errors import UserError
from privprune.records import versions
from privprune.workflow.record import Place
from privprune.workflow.world import World
from stages.reading import DATA

SECONDS = "PRIVPRUNE_CHECKPOINT_SECONDS"  # of work that a kill may cost
_USUAL_SECONDS = 60.0


@contextlib.contextmanager
def kept(place: Place, world: World) -> Iterator[World]:
    """Keep what is done with a world on its way, in `data/checkpoints/<stage>/<name>`, until the block has ended well.

    Raises:
        UserError: the interval is no number of seconds.

    """
    code = DATA / "code" / f"{place.stage}.json"
    listed = code.read_text() if code.exists() else ""
    folders = {world.folder, DATA / place.origin}

    def key() -> str:
        work = [place.suite, place.stage, place.name, place.written, listed, versions(), world.device.type]
        digest = hashlib.sha256(json.dumps(work, sort_keys=True).encode())
        for file in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
            with file.open("rb") as content:
                digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    with checkpoints_in(DATA / "checkpoints" / place.stage / place.name, key, _seconds()) as checkpoints:
        yield replace(world, checkpoints=checkpoints)


def _seconds() -> float:
    """Return how many seconds of work a kill may cost."""
    found = os.environ.get(SECONDS) or _USUAL_SECONDS
    with contextlib.suppress(ValueError):
        if float(found) >= 0:
            return float(found)
    raise UserError(f"{SECONDS}: found {found!r}, allowed a number of seconds, 0 to keep everything at once")
