"""Who holds DVC's locks in this folder: while a stage runs, DVC notes its files and process in `.dvc/tmp/rwlock`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

_LOCKS = Path(".dvc/tmp/rwlock")
_BEING_WRITTEN = 0.5  # seconds after which notes that cannot be read are damaged, not being written


@dataclass(frozen=True)
class Holder:
    """A process that runs a stage.

    Attributes:
        process: its number.
        command: as DVC noted it, such as `dvc repro`.
        since: when the process began, in the machine's time.

    """

    process: int
    command: str
    since: datetime

    def __str__(self) -> str:
        """Return all of it in words."""
        return f"process {self.process} (`{self.command}`), running since {self.since:%Y-%m-%d %H:%M},"


def lock_holders(root: Path = Path()) -> list[Holder]:
    """Return the other processes that run stages in a folder, in the order of their start; none where nobody does.

    Processes that have ended, and what cannot be read, hold nothing: DVC will say what is wrong with its file.
    """
    try:
        content = json.loads((root / _LOCKS).read_text(encoding="utf-8"))
        noted = {int(one["pid"]): str(one["cmd"]) for one in _entries(content)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    holders = [_holder(process, command) for process, command in noted.items() if process != os.getpid()]
    return sorted((one for one in holders if one is not None), key=lambda one: (one.since, one.process))


def remove_damaged_notes(root: Path = Path()) -> bool:
    """Remove DVC's notes of who runs stages, if they are damaged; returns whether they were.

    DVC writes them in place: a `kill -9` at that moment leaves an empty file, with which every later command of DVC
    fails. Whoever writes them now has ended half a second later.
    """
    for remaining in (True, False):
        try:
            json.loads((root / _LOCKS).read_text(encoding="utf-8"))
        except ValueError:
            if remaining:
                time.sleep(_BEING_WRITTEN)
        except OSError:
            return False
        else:
            return False
    (root / _LOCKS).unlink(missing_ok=True)
    return True


def _entries(content: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield what is noted of each file: one process that writes it, or several that read it."""
    for kind in ("write", "read"):
        for noted in content.get(kind, {}).values():
            yield from noted if isinstance(noted, list) else [noted]


def _holder(process: int, command: str) -> Holder | None:
    try:
        began = psutil.Process(process).create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None
    return Holder(process, command, datetime.fromtimestamp(began).astimezone())
