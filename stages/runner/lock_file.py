"""One entry of `dvc.lock`, written without reading the others.

For each stage DVC parses the whole file, keeps what comments there may be, and writes it anew, in pure Python and while
all others wait for it: 0.6 to 1 s where there are seventy stages, more with each stage. The entries of others do not
change; so in the processes that run stages side by side their text stays as it is, and that of the stage is DVC's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dvc.dvcfile import Lockfile
from dvc.stage import PipelineStage, serialize
from dvc.utils.serialize import dumps_yaml

from privprune.files import write_text

_HEAD = ("schema: '2.0'", "stages:")
_ENTRY = "  "  # before the name of a stage; what belongs to it stands further in
_SHARED = re.compile(r"[:-] [&*](\S+)")  # what is said once and meant twice
_as_dvc_does = Lockfile.dump_stages


def begin() -> None:
    """Write entries this way, from now on and in this process."""
    Lockfile.dump_stages = _dump_stages


def _dump_stages(lock: Lockfile, stages: Iterable[PipelineStage]) -> None:
    stages = list(stages)
    path = Path(lock.path)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    text: str | None = before
    for stage in stages:
        text = None if text is None else replaced(text, dumps_yaml(_whole(stage)))
    if text is None:
        _as_dvc_does(lock, stages)
    elif text != before:
        write_text(path, text)
        lock.repo.scm_context.track_file(lock.relpath)


def _whole(stage: PipelineStage) -> dict[str, object]:
    """Return a lock file with one stage, in which nothing is shared: its anchors might have another one's names."""
    return {"schema": "2.0", "stages": _unshared(serialize.to_lockfile(stage))}


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def replaced(text: str, single: str) -> str | None:
    """Put one stage's entry into a lock file, in its old place, or behind all others.

    Args:
        text: of the lock file.
        single: a lock file with that stage alone.

    Returns:
        None where the file does not look as DVC writes it: that is for DVC.

    """
    lines, entry = text.rstrip("\n").split("\n"), single.rstrip("\n").split("\n")
    if any(tuple(each[:2]) != _HEAD or not all(map(_is_known, each[2:])) for each in (lines, entry)):
        return None
    names = [number for number, line in enumerate(lines) if number >= len(_HEAD) and _is_name(line)]
    if names[:1] != [len(_HEAD)]:
        return None
    begins = next((number for number in names if lines[number] == entry[2]), len(lines))
    ends = next((number for number in names if number > begins), len(lines))
    if _shared(lines[begins:ends]) & _shared([*lines[:begins], *lines[ends:]]) or _shared(entry):
        return None
    return "\n".join([*lines[:begins], *entry[2:], *lines[ends:]]) + "\n"


def _shared(lines: list[str]) -> set[str]:
    return set(_SHARED.findall("\n".join(lines)))


def _is_name(line: str) -> bool:
    return line.startswith(_ENTRY) and line[len(_ENTRY) :][:1] not in " ?:#" and line.endswith(":")


def _is_known(line: str) -> bool:
    """Return whether a line is a stage's name, or stands further in."""
    return not line or line.startswith(2 * _ENTRY) or (line.startswith(_ENTRY) and _is_name(line))
