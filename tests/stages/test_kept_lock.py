"""DVC's lock file, when a kill cut it off as DVC wrote it."""

import threading
from pathlib import Path

import pytest

from privprune.errors import UserError
from stages.harness import kept_lock, records_stage
from stages.harness.kept_lock import CUT, KEPT, LOCK, keep_lock, restore_lock

WHOLE = b"schema: '2.0'\nstages:\n  check:\n    cmd: python -m stages.check\n  report:\n    cmd: x\n"
CUTS = (b"", WHOLE[:9], WHOLE[:50])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository of DVC with a whole lock file, in which a stage has begun."""
    monkeypatch.setattr(kept_lock, "_BEING_WRITTEN", 0.3)
    (tmp_path / KEPT).parent.mkdir(parents=True)
    (tmp_path / LOCK).write_bytes(WHOLE)
    keep_lock(tmp_path)
    return tmp_path


@pytest.mark.parametrize("left", CUTS)
def test_a_lock_file_that_is_cut_off_is_refused_before_anything_runs_again(root: Path, left: bytes) -> None:
    """DVC would take the part for the whole and run all other stages again; the copy is not replaced by the part."""
    (root / LOCK).write_bytes(left)
    line = "dvc.lock: found a file that is cut off, as `kill -9` leaves it: `cp .dvc/tmp/dvc.lock dvc.lock`, and run"
    with pytest.raises(UserError, match=line):
        keep_lock(root)
    assert (root / KEPT).read_bytes() == WHOLE


@pytest.mark.parametrize("left", CUTS)
def test_side_by_side_the_copy_is_restored(root: Path, left: bytes) -> None:
    """`stages.parallel` needs no help, and what was left can still be looked at."""
    (root / LOCK).write_bytes(left)
    assert restore_lock(root)
    assert (root / LOCK).read_bytes() == WHOLE
    assert (root / CUT).read_bytes() == left


def test_without_a_copy_the_part_is_removed(root: Path) -> None:
    """The first stage of all was being written: nothing is lost but this."""
    (root / KEPT).unlink()
    (root / LOCK).write_bytes(b"")
    with pytest.raises(UserError, match=r"`rm dvc\.lock`, and run again"):
        keep_lock(root)
    assert restore_lock(root)
    assert not (root / LOCK).exists()


def test_a_whole_lock_file_stays(root: Path) -> None:
    """So does a folder without one, or without DVC."""
    (root / LOCK).write_bytes(WHOLE + b"  more: {}\n")
    assert not restore_lock(root)
    keep_lock(root)
    assert (root / KEPT).read_bytes() == (root / LOCK).read_bytes()
    (root / LOCK).unlink()
    assert not restore_lock(root)
    keep_lock(root / "elsewhere")


def test_a_lock_file_that_is_being_written_is_waited_for(root: Path) -> None:
    """Another `dvc repro` may be at it, with a target of its own."""
    (root / LOCK).write_bytes(b"")
    writer = threading.Timer(0.1, (root / LOCK).write_bytes, [WHOLE + b"  a: {}\n"])
    writer.start()
    keep_lock(root)
    writer.join()
    assert (root / KEPT).read_bytes().endswith(b"  a: {}\n")


def test_a_disk_that_is_full_ends_no_stage(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is a precaution; a stage that cannot write its results says so itself."""

    def full(*_: object) -> None:
        raise UserError("dvc.lock: could not be written, No space left on device")

    monkeypatch.setattr(kept_lock, "write_bytes", full)
    keep_lock(root)


def test_only_stages_that_dvc_runs_keep_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that is run by hand does not look at it."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(records_stage, "end_with_parent", lambda: None)
    LOCK.write_bytes(b"")
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert records_stage.report_mistakes(lambda: 1) == 1
    monkeypatch.setenv("DVC_STAGE", "train@base")
    with pytest.raises(SystemExit):
        records_stage.report_mistakes(lambda: 1)
