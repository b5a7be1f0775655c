"""A database that MLflow or SQLite refuses: one line says what to do, and whether the file may be removed."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from privprune.errors import UserError
from privprune.records import Record
from privprune.tracking.database import local_store
from privprune.tracking.filling import fill
from privprune.tracking.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
REMOVE = "it can be removed, all but runs of your own is made again from the records"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one record and a database."""
    folder = tmp_path_factory.mktemp("root")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Store(local_store(folder))
    record = {"suite": "tiny", "paper": "cem", "stage": "train", "cell": "a", "parameters": {}}
    more = {"data": {"name": "digits", "fingerprint": "0", "note": ""}, "model": "m", "protocol": "paper"}
    Record(**record, **more, origin="", seeds=[0], shadows=0).write(folder / "reports")
    return folder


@pytest.fixture
def root(prepared: Path, tmp_path: Path) -> Path:
    """Return a copy, which MLflow has not opened yet."""
    return Path(shutil.copytree(prepared, tmp_path / "root"))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another connection write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def change(path: Path, statement: str) -> None:
    """Run a statement on the database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "of an older or a newer MLflow": lambda path: change(
        path, "UPDATE alembic_version SET version_num = '451aebb31d03'"
    ),
    "of an unknown schema": lambda path: change(path, "UPDATE alembic_version SET version_num = 'unknown'"),
    "of two schemas": lambda path: change(path, "INSERT INTO alembic_version VALUES ('451aebb31d03')"),
    "without a table": lambda path: change(path, "DROP TABLE latest_metrics"),
    "with another table": lambda path: change(path, "ALTER TABLE runs RENAME COLUMN run_uuid TO other"),
    "no database": lambda path: path.write_text("no database at all" * 100),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "overwritten": lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096)),
}


def refused(root: Path) -> str:
    """Return the line by which the local store is refused."""
    with pytest.raises(UserError) as told:
        fill(root / "reports" / "tiny" / "records", local_store(root), root)
    line = str(told.value)
    assert line.isprintable()
    assert len(line) <= 500
    assert line.startswith(f"{root / 'mlflow.db'}: cannot be used as MLflow's database (")
    return line


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_database_that_can_be_made_again_may_be_removed(kind: str, root: Path) -> None:
    """All that it has is in the records too."""
    path = root / "mlflow.db"
    DAMAGES[kind](path)
    assert refused(root).endswith(f"); {REMOVE}")
    assert path.exists()


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "{}: found a folder, allowed MLflow's database: move the folder away, and run again"),
    "a link to nowhere": (
        lambda path: path.symlink_to(path.parent / "no" / "mlflow.db"),
        "{}/no/mlflow.db.lock: could not be written, No such file or directory",
    ),
}


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_file_in_its_place_is_said(kind: str, root: Path) -> None:
    """A folder and a link to nowhere end in one line, too."""
    path = root / "mlflow.db"
    path.unlink()
    put, line = PLACES[kind]
    put(path)
    with pytest.raises(UserError) as told:
        fill(root / "reports" / "tiny" / "records", local_store(root), root)
    assert str(told.value) == line.format(path if "nowhere" not in kind else root)


def test_a_link_to_itself_is_replaced(root: Path) -> None:
    """It holds nothing, and does not end in a traceback."""
    (root / "mlflow.db").unlink()
    (root / "mlflow.db").symlink_to("mlflow.db")
    assert fill(root / "reports" / "tiny" / "records", local_store(root), root).added


def test_a_locked_database_is_not_to_be_removed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program writes to it."""
    monkeypatch.setattr("privprune.tracking.store.SECONDS_TO_ANSWER", 0)
    with locked(root / "mlflow.db"):
        line = refused(root)
    assert line.endswith("(database is locked); another program is using it: end that one, and run again")


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (sqlite3.OperationalError("database or disk is full"), "free some space on its disk, and run again"),
        (OSError(errno.ENOSPC, "No space left on device"), "free some space on its disk, and run again"),
        (
            sqlite3.OperationalError("attempt to write a readonly database"),
            "make the file and its folder writable, and run again",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES)),
            "make the file and its folder writable, and run again",
        ),
    ],
    ids=["disk full in SQLite", "disk full", "read-only file", "read-only folder"],
)
def test_what_the_disk_refuses_is_said(
    root: Path, failure: Exception, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full or read-only does not make a database useless."""

    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(Store, "experiment", refuse)
    assert refused(root).endswith(advice)
