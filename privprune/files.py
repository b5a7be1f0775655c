"""Write files and folders all or nothing, so that no reader sees a half-written one; read JSON."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from privprune.errors import UserError

_TEXT = r'"(?:[^"\\]|\\.)*"'
_TEXT_OR_INNER_LIST = re.compile(rf'{_TEXT}|\[[^\[\]{{}}"]*\]')
_LINE_END = re.compile(r"\n *")
_TEXT_OR_INNER_OBJECT = re.compile(rf'{_TEXT}|\{{(?:{_TEXT}|[^{{}}"])*\}}')


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside the target; after the block it replaces the target, after an error it is removed.

    Args:
        target: path of the folder, which may exist.

    Yields:
        path of the empty temporary folder.

    Raises:
        UserError: the target cannot be written, or its disk is full.

    """
    with _write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_folder(target)
        try:
            yield temporary
            temporary.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def temporary_folder(target: Path) -> Path:
    """Make an empty folder beside the target, named after it and this process; the caller moves or removes it.

    What killed processes have left of the same target is removed.
    """
    _remove_leftovers(target)
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.{os.getpid()}-", dir=target.parent))


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files and folders of a target whose process has ended, as `kill -9` leaves them."""
    temporary = re.compile(rf"\.{re.escape(target.name)}\.(\d+)(-\w+)?")
    for path in target.parent.iterdir():
        found = temporary.fullmatch(path.name)
        if found is None or _runs(int(found[1])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Return whether a process runs; on Windows, where asking would end it, True."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except PermissionError:  # it is another user's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def write_text(target: Path, text: str) -> None:
    """Write a text file all or nothing.

    Raises:
        UserError: the file cannot be written, or its disk is full.

    """
    write_bytes(target, text.encode())


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file all or nothing.

    Raises:
        UserError: the file cannot be written, or its disk is full.

    """
    with _write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        temporary = target.parent / f".{target.name}.{os.getpid()}"
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(target: Path, content: Any, *, dense: bool = False) -> None:
    """Write JSON, the same bytes for the same content, with innermost lists on one line.

    Args:
        target: the file.
        content: what JSON can express.
        dense: whether innermost objects are on one line too, such as a number with its interval.

    Raises:
        UserError: the file cannot be written, or its disk is full.
        ValueError: a number is NaN or infinite.

    """
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    text = _TEXT_OR_INNER_LIST.sub(_on_one_line, text)
    write_text(target, (_TEXT_OR_INNER_OBJECT.sub(_on_one_line, text) if dense else text) + "\n")


def _on_one_line(match: re.Match[str]) -> str:
    part = match.group()
    return part if part.startswith('"') else _LINE_END.sub(" ", part)  # texts in JSON have no line ends


def read_json(path: Path) -> Any:
    """Read a JSON file that a stage wrote.

    Raises:
        UserError: it is missing or damaged.

    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: the file is missing, run `dvc repro` to make it") from None
    except ValueError:
        raise UserError(f"{path}: the file is damaged, remove it and run `dvc repro` again") from None


@contextlib.contextmanager
def _write_errors(target: Path) -> Iterator[None]:
    """Raise errors of the file system as a UserError that names the target."""
    try:
        yield
    except OSError as failure:
        raise UserError(f"{target}: could not be written, {failure.strerror or failure}") from failure
    except SafetensorError as failure:  # raised by safetensors where a disk is full
        raise UserError(f"{target}: could not be written, {failure}") from failure
