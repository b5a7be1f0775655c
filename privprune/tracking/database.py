"""The SQLite file of a tracking store: its address, one process at a time, and what to do where it cannot be used."""
# ruff: noqa: TID251, PLC0415  (as in `store`)

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from filelock import FileLock, Timeout

from privprune.errors import UserError, shortened

SECONDS_TO_LOCK = 300
_REMOVE = "it can be removed, all but runs of your own is made again from the records"
_ADVICE = {  # what a failure says -> what to do, where removing the file is not
    "database is locked": "another program is using it: end that one, and run again",
    "disk is full": "free some space on its disk, and run again",
    "No space left": "free some space on its disk, and run again",
    "readonly database": "make the file and its folder writable, and run again",
    "Permission denied": "make the file and its folder writable, and run again",
    "unable to open database file": "make the file and its folder writable, and run again",
}


def local_store(root: Path) -> str:
    """Return the address of the store that `mlflow ui` shows when it is started in the root."""
    return f"sqlite:///{quote((root.resolve() / 'mlflow.db').as_posix())}"


def database(uri: str) -> Path | None:
    """Return the file of a SQLite store, None for other stores."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(os.path.realpath(unquote(match[1]))) if match else None  # `resolve` fails where links are a circle


@contextlib.contextmanager
def lock(beside: Path, kind: str) -> Iterator[None]:
    """Let only one process at a time run the block.

    Raises:
        UserError: the lock file cannot be written, or another process keeps the lock for minutes.

    """
    path = beside.with_name(f"{beside.name}.{kind}")
    try:
        path.touch()  # fails at once, where the lock would retry until its timeout
    except OSError as failure:
        raise UserError(f"{path}: could not be written, {failure.strerror or failure}") from failure
    try:
        with FileLock(path, timeout=SECONDS_TO_LOCK):
            yield
    except Timeout:
        raise UserError(f"{path}: another process has held it for {SECONDS_TO_LOCK} s, end it first") from None


@contextlib.contextmanager
def usable(path: Path | None) -> Iterator[None]:
    """Say in one line what to do about a database that MLflow or SQLite refuses in the block; None for other stores.

    Raises:
        UserError: the file is damaged, of another version of MLflow, locked or read-only, or its disk is full.

    """
    require_mlflow()
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if path is not None and path.is_dir():
        raise UserError(f"{path}: found a folder, allowed MLflow's database: move the folder away, and run again")
    try:
        yield
    except (OSError, sqlite3.Error, SQLAlchemyError, MlflowException, CommandError) as failure:
        if path is None:
            raise
        words = " ".join(str(failure).split())
        advice = next((advice for sign, advice in _ADVICE.items() if sign in words), _REMOVE)
        raise UserError(f"{path}: cannot be used as MLflow's database ({shortened(words, 200)}); {advice}") from failure


def require_mlflow() -> None:
    """Refuse to open a store without MLflow.

    Raises:
        UserError: MLflow is not installed.

    """
    if importlib.util.find_spec("mlflow") is None:
        raise UserError('MLflow is not installed: `pip install "privprune[mlflow]"` installs it')
