"""The only module that uses MLflow: open a store, read its runs, write runs.

MLflow is an extra of the package. It is imported when a store is opened, not before: the import takes longer than a
small stage.
"""
# ruff: noqa: TID251, PLC0415  (this module may import MLflow, and imports it late on purpose)

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from privprune.errors import UserError
from privprune.tracking.database import database, local_store, lock, require_mlflow, usable
from privprune.tracking.runs import MetricPoint

FINGERPRINT = "privprune.fingerprint"
METRICS_PER_BATCH = 900  # MLflow accepts at most 1000 metrics, parameters and tags at a time
PARAMETERS_PER_BATCH = 100
NAME_LENGTH, PARAMETER_LENGTH, TAG_LENGTH = 250, 6000, 8000
RUNS_PER_PAGE = 1000
SECONDS_TO_ANSWER = 5  # a server that takes longer counts as unreachable
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}

Item = TypeVar("Item")


@dataclass(frozen=True)
class StoredRun:
    """A run in a store: its identifier, its tags, and whether it is still running."""

    identifier: str
    tags: dict[str, str]
    running: bool


class Store:
    """One tracking store."""

    def __init__(self, uri: str) -> None:
        """Open a store; a SQLite file that does not exist is created.

        Raises:
            UserError: MLflow is not installed, or a SQLite file cannot be created, read or written.
            Exception: any exception of MLflow, a driver or the network for other stores.

        """
        require_mlflow()
        _configure()
        from mlflow.tracking import MlflowClient

        self.uri = uri
        self._database = database(uri)
        if self._database is not None:
            # Several processes that create the database at the same time would damage it.
            with lock(self._database, "lock"):
                _make(self._database)
        else:
            _check_reachable(uri)
        self._client = MlflowClient(tracking_uri=uri)

    def experiment(self, name: str) -> str:
        """Return the identifier of an experiment; a missing one is created, a deleted one restored."""
        existing = self._client.get_experiment_by_name(name)
        # Without a location MLflow would store artifacts below the current folder.
        artifacts = None if self._database is None else (self._database.parent / "mlartifacts" / name).as_uri()
        if existing is None:
            return str(self._client.create_experiment(name, artifact_location=artifacts))
        if existing.lifecycle_stage == "deleted":
            self._client.restore_experiment(existing.experiment_id)
        if artifacts is not None and existing.artifact_location != artifacts:
            logging.getLogger(__name__).warning(
                "warning: %s was made in another folder, so that its artifacts are not found; remove it and run again",
                self._database,
            )
        return str(existing.experiment_id)

    def runs_of(self, name: str) -> list[StoredRun]:
        """Return the runs of the experiment of this name, empty if there is no such experiment."""
        existing = self._client.get_experiment_by_name(name)
        return [] if existing is None else self.runs(existing.experiment_id)

    def runs(self, experiment: str) -> list[StoredRun]:
        """Return the runs of an experiment that are not deleted, latest first."""
        runs: list[StoredRun] = []
        page: str | None = None
        while page is None or page:
            answer = self._client.search_runs([experiment], max_results=RUNS_PER_PAGE, page_token=page)
            runs += [StoredRun(run.info.run_id, dict(run.data.tags), run.info.status == "RUNNING") for run in answer]
            page = answer.token or ""
        return runs

    def begin(self, experiment: str, name: str, tags: Mapping[str, str], seconds: float = 0) -> str:
        """Begin a run and return its identifier; seconds: how long ago the stage of the run began."""
        began = int(1000 * (time.time() - seconds))
        return str(self._client.create_run(experiment, began, fitting_tags(tags), name).info.run_id)

    def write(self, run: str, points: Sequence[MetricPoint], parameters: Mapping[str, str] | None = None) -> None:
        """Write points and parameters in as few batches as MLflow accepts."""
        from mlflow.entities import Metric, Param

        moment = int(1000 * time.time())
        metrics = _parts([Metric(_fitting(it.name), it.value, moment, it.step) for it in points], METRICS_PER_BATCH)
        fitting = {_fitting(name): value[:PARAMETER_LENGTH] for name, value in (parameters or {}).items()}
        settings = _parts([Param(name, value) for name, value in fitting.items()], PARAMETERS_PER_BATCH)
        for number in range(max(len(metrics), len(settings))):
            some = metrics[number] if number < len(metrics) else []
            self._client.log_batch(run, some, settings[number] if number < len(settings) else [])

    def use(self, run: str, name: str, fingerprint: str) -> None:
        """Record the dataset of a run."""
        from mlflow.entities import Dataset, DatasetInput

        # MLflow's digest is short; the whole fingerprint is a tag.
        used = Dataset(name=name, digest=fingerprint[:12], source_type="local", source=f"data/datasets/{name}")
        self._client.log_inputs(run, [DatasetInput(used)])

    def attach(self, run: str, files: Mapping[Path, str]) -> None:
        """Copy files into a run, each into its folder."""
        for file, folder in files.items():
            self._client.log_artifact(run, str(file), folder or None)

    def attach_pictures(self, run: str, pictures: Mapping[str, bytes]) -> None:
        """Write pictures into a run, each to its path inside the run."""
        with tempfile.TemporaryDirectory() as folder:
            for place, picture in pictures.items():
                file = Path(folder) / Path(place).name
                file.write_bytes(picture)
                self._client.log_artifact(run, str(file), Path(place).parent.as_posix())

    def tag(self, run: str, name: str, value: str) -> None:
        """Set one tag of a run."""
        self._client.set_tag(run, name, value)

    def end(self, run: str, status: str = "FINISHED") -> None:
        """End a run; status: FINISHED, FAILED or KILLED."""
        self._client.set_terminated(run, status)

    def remove(self, run: str) -> None:
        """Delete a run."""
        self._client.delete_run(run)


def _configure() -> None:
    """Set the options that MLflow reads only from the environment; variables that the user has set are not changed."""
    settings = {
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # By default MLflow retries an unreachable server for four minutes; missing runs are written later.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS_TO_ANSWER),
        # A pooled connection would go on writing to a database file that was deleted.
        "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints each failure with a traceback
    import mlflow.store.db.utils

    # By default MLflow retries a database that cannot be opened for 100 seconds, and has no setting for it.
    mlflow.store.db.utils.MAX_RETRY_COUNT = 1


def _make(path: Path) -> None:
    """Check a SQLite file, or create it in a temporary folder and move it, so that no incomplete file remains.

    Raises:
        UserError: as `usable`.

    """
    from mlflow.tracking import MlflowClient

    with usable(path):
        if path.exists():
            with contextlib.closing(sqlite3.connect(path, timeout=SECONDS_TO_ANSWER)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master")
            return
        for left_by_a_killed_process in path.parent.glob(f"{path.name}.new-*"):
            shutil.rmtree(left_by_a_killed_process)
        with tempfile.TemporaryDirectory(prefix=f"{path.name}.new-", dir=path.parent) as folder:
            unfinished = local_store(Path(folder))
            MlflowClient(tracking_uri=unfinished).search_experiments(max_results=1)
            (Path(folder) / "mlflow.db").replace(path)


def _check_reachable(uri: str) -> None:
    """Connect to a database server once, since drivers wait for minutes; HTTP has a setting for the timeout."""
    address = urlsplit(uri)
    port = PORTS.get(address.scheme.split("+")[0])
    if port is not None and address.hostname:
        socket.create_connection((address.hostname, address.port or port), SECONDS_TO_ANSWER).close()


def fitting_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags under names and of lengths that MLflow accepts."""
    return {_fitting(name): value[:TAG_LENGTH] for name, value in tags.items()}


def _fitting(name: str) -> str:
    """Return a name reduced to the characters and the length that MLflow accepts."""
    parts = re.sub(r"[^\w.\-/ ]", "_", name).split("/")
    return "/".join(part.strip(".") or "_" for part in parts)[:NAME_LENGTH].rstrip("/.")


def _parts(items: list[Item], size: int) -> list[list[Item]]:
    """Split a list into parts of at most `size` items."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def describe(failure: BaseException) -> str:
    """Return in a few words why a store failed, without its address, which may contain a password."""
    if isinstance(failure, UserError):
        return str(failure)
    clearest = cause = failure
    while cause.__context__ is not None:
        cause = cause.__context__
        clearest = (
            cause if isinstance(cause, OSError) else clearest
        )  # the deepest cause is the clearest, such as "connection refused"
    words = re.sub(r"\w[\w+]*://\S+", "", str(clearest)).strip().split("\n")[0]
    return f"{type(clearest).__name__}: {words[:150]}"


def without_password(uri: str) -> str:
    """Return an address without user name, password and options, in which drivers of databases take passwords, too."""
    begin, slashes, rest = uri.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.rpartition("@")[2].partition(":")[2]
    if "@" not in authority and port and not port.isdecimal() and not authority.startswith("["):
        shown = rest.rpartition("@")[2]  # the password has a sign that should have been escaped: `me:a/b@host`
    else:
        shown = authority.rpartition("@")[2] + rest[len(authority) :]
    return begin + slashes + re.split(r"[?#]", shown, maxsplit=1)[0]
