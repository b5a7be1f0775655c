"""Files and folders are written completely or not at all."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_bytes, write_json, write_text


def listing(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, also hidden ones, with their content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def full_disk(*_: object, **__: object) -> Any:
    """Raise the error of a write to a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_replaced_and_its_folders_are_made(tmp_path: Path) -> None:
    """The content that was written is read again, and no other files are left."""
    for text in ("old", "new ü"):
        write_text(tmp_path / "a" / "b" / "x.txt", text)
        assert listing(tmp_path) == {"a/b/x.txt": text.encode()}


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A disk that is full when the content or the name is written gives one line, and the old content stays."""
    write_bytes(tmp_path / "x", b"old")
    monkeypatch.setattr(Path, step, full_disk)
    with pytest.raises(UserError) as raised:
        write_bytes(tmp_path / "x", b"new")
    assert str(raised.value) == f"{tmp_path / 'x'}: could not be written, No space left on device"
    monkeypatch.undo()
    assert listing(tmp_path) == {"x": b"old"}


def filled(target: Path, content: bytes) -> None:
    """Write a folder of two files."""
    with new_folder(target) as unfinished:
        (unfinished / "one").write_bytes(content)
        (unfinished / "below").mkdir()
        (unfinished / "below" / "two").write_bytes(content)


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    """Files that only the old folder had are removed, and other users may read the new one."""
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "stale").write_bytes(b"stale")
    filled(tmp_path / "cell", b"new")
    assert listing(tmp_path) == {"cell/one": b"new", "cell/below/two": b"new"}
    assert stat.S_IMODE((tmp_path / "cell").stat().st_mode) == 0o755


def test_a_failure_while_a_folder_is_filled_leaves_the_old_one(tmp_path: Path) -> None:
    """After an exception, an interrupt or a full disk the old folder is unchanged, and no other files are left."""
    filled(tmp_path / "cell", b"old")
    before = listing(tmp_path)

    def write_half(failure: Callable[[], Any]) -> None:
        with new_folder(tmp_path / "cell") as unfinished:
            (unfinished / "one").write_bytes(b"half")
            failure()

    def stop() -> None:
        raise KeyboardInterrupt

    for failure, kind in ((full_disk, UserError), (stop, KeyboardInterrupt), (lambda: 1 / 0, ZeroDivisionError)):
        with pytest.raises(kind):
            write_half(failure)
        assert listing(tmp_path) == before


def test_a_folder_that_cannot_be_renamed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the final rename names the target, and no incomplete folder is left."""
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(UserError, match="cell: could not be written, No space left on device"):
        filled(tmp_path / "cell", b"new")
    assert listing(tmp_path) == {}


def test_a_place_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    """A file in place of a folder, and a folder without write permission, give one line that names the target."""
    (tmp_path / "file").write_bytes(b"")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    places = [tmp_path / "file" / "x", *([closed / "x"] if not os.access(closed, os.W_OK) else [])]
    for place in places:
        for write in (lambda target: write_bytes(target, b"new"), lambda target: filled(target, b"new")):
            with pytest.raises(UserError) as raised:
                write(place)
            assert str(raised.value).startswith(f"{place}: could not be written, ")
    assert listing(tmp_path) == {"file": b""}
    shutil.rmtree(closed)


@pytest.fixture
def ended() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody is asked whether it runs")
@pytest.mark.parametrize("write", [lambda target: write_bytes(target, b"new"), lambda target: filled(target, b"new")])
def test_what_a_killed_process_left_is_removed(tmp_path: Path, ended: int, write: Callable[[Path], None]) -> None:
    """Half of a cell or of a file does not stay on the disk; what others write at this moment stays."""
    left = (f".cell.{ended}", f".cell.{ended}-a1b2c3_4", f".cell.{10**30}")
    stay = (f".cell.{os.getppid()}", f".cell-b.{ended}", f"cell.{ended}", f".cell.{ended}.json", ".cell.notes")
    for name in (*left, *stay):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_bytes(b"half")
    (tmp_path / f".cell.{ended}").rename(tmp_path / "folder")
    (tmp_path / f".cell.{ended}").write_bytes(b"half")
    write(tmp_path / "cell")
    assert {path.name for path in tmp_path.iterdir()} == {"cell", "folder", *stay}


def test_the_same_content_is_the_same_json(tmp_path: Path) -> None:
    """The order of keys has no effect, lists of numbers are on one line, and NaN is refused before writing."""
    write_json(tmp_path / "a", {"b": [1, 2, [3, 4]], "a": "[1,  2] ü"})
    write_json(tmp_path / "b", {"a": "[1,  2] ü", "b": [1, 2, [3, 4]]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a") == {"b": [1, 2, [3, 4]], "a": "[1,  2] ü"}
    write_json(tmp_path / "c", {"values": [0.5, None, 2]})
    assert (tmp_path / "c").read_text() == '{\n "values": [ 0.5, null, 2 ]\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a", [float("nan")])
    assert read_json(tmp_path / "a")["b"] == [1, 2, [3, 4]]


def test_dense_json_has_an_innermost_object_on_a_line(tmp_path: Path) -> None:
    """Dense JSON says the same, texts with brackets, braces, quotes and spaces included."""
    content = {"a": {"values": [0.5, 2], "text": 'x  } "{" [1,  2]'}, "b": [{"c": {}, "d": "\n "}, 1]}
    write_json(tmp_path / "a", content, dense=True)
    assert read_json(tmp_path / "a") == content
    assert len((tmp_path / "a").read_text().splitlines()) == 10
    assert '\n "a": { "text": "x  } \\"{\\" [1,  2]", "values": [ 0.5, 2 ] },\n' in (tmp_path / "a").read_text()


def test_a_missing_or_damaged_file_is_reported(tmp_path: Path) -> None:
    """The error names the file, and what to do."""
    with pytest.raises(UserError, match=r"x.json: the file is missing, run `dvc repro` to make it"):
        read_json(tmp_path / "x.json")
    for content in (b'{"a": 1', b"", b"\xff\xfe"):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(UserError, match=r"x.json: the file is damaged"):
            read_json(tmp_path / "x.json")
