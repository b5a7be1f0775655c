"""The one place that talks to MLflow: open a store, look runs up, write them.

MLflow is imported when a store is opened, not before: the import takes longer than a small stage.
"""
# ruff: noqa: TID251, PLC0415  (this is that place, and the imports are late on purpose)

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from filelock import FileLock, Timeout

from privprune.errors import UserError
from privprune.tracking.runs import Point

FINGERPRINT = "privprune.fingerprint"
METRICS_PER_BATCH = 900  # MLflow takes 1000 metrics, parameters and tags at a time
PARAMETERS_PER_BATCH = 100
NAME_LENGTH, PARAMETER_LENGTH, TAG_LENGTH = 250, 6000, 8000
RUNS_PER_PAGE = 1000
SECONDS_TO_ANSWER = 5  # a server that takes longer is not waited for
SECONDS_TO_LOCK = 300
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}

Item = TypeVar("Item")


@dataclass(frozen=True)
class StoredRun:
    """A run that a store holds: its identifier and its tags."""

    identifier: str
    tags: dict[str, str]
    running: bool


class Store:
    """One tracking store."""

    def __init__(self, uri: str) -> None:
        """Open a store, and make its database where it is a SQLite file that does not exist.

        Raises:
            UserError: a SQLite file cannot be made, read or written.
            Exception: whatever MLflow, a driver or the network raise for other stores.

        """
        _prepare()
        from mlflow.tracking import MlflowClient

        self.uri = uri
        self._database = database(uri)
        if self._database is not None:
            # Processes that find no database make it at the same time, and break it.
            with lock(self._database, "lock"):
                _make(self._database)
        else:
            _knock(uri)
        self._client = MlflowClient(tracking_uri=uri)

    def experiment(self, name: str) -> str:
        """Return the identifier of an experiment, made where it is missing, restored where it was deleted."""
        found = self._client.get_experiment_by_name(name)
        # MLflow keeps artifacts in the current folder else, wherever that is.
        artifacts = None if self._database is None else (self._database.parent / "mlartifacts" / name).as_uri()
        if found is None:
            return str(self._client.create_experiment(name, artifact_location=artifacts))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        if artifacts is not None and found.artifact_location != artifacts:
            logging.getLogger(__name__).warning(
                "warning: %s was made in another folder, so that its artifacts are not found; remove it and run again",
                self._database,
            )
        return str(found.experiment_id)

    def runs_of(self, name: str) -> list[StoredRun]:
        """Return the runs of the experiment of this name, none where there is no such experiment."""
        found = self._client.get_experiment_by_name(name)
        return [] if found is None else self.runs(found.experiment_id)

    def runs(self, experiment: str) -> list[StoredRun]:
        """Return the runs of an experiment that are not deleted, the latest first."""
        found: list[StoredRun] = []
        page: str | None = None
        while page is None or page:
            answer = self._client.search_runs([experiment], max_results=RUNS_PER_PAGE, page_token=page)
            found += [StoredRun(run.info.run_id, dict(run.data.tags), run.info.status == "RUNNING") for run in answer]
            page = answer.token or ""
        return found

    def begin(self, experiment: str, name: str, tags: Mapping[str, str], seconds: float = 0) -> str:
        """Begin a run and return its identifier; seconds: how long ago what it shows began."""
        fitting = {_fitting(tag): value[:TAG_LENGTH] for tag, value in tags.items()}
        return str(self._client.create_run(experiment, int(1000 * (time.time() - seconds)), fitting, name).info.run_id)

    def write(self, run: str, points: Sequence[Point], parameters: Mapping[str, str] | None = None) -> None:
        """Write points and parameters in as few batches as MLflow takes."""
        from mlflow.entities import Metric, Param

        moment = int(1000 * time.time())
        metrics = _parts([Metric(_fitting(it.name), it.value, moment, it.step) for it in points], METRICS_PER_BATCH)
        fitting = {_fitting(name): value[:PARAMETER_LENGTH] for name, value in (parameters or {}).items()}
        settings = _parts([Param(name, value) for name, value in fitting.items()], PARAMETERS_PER_BATCH)
        for number in range(max(len(metrics), len(settings))):
            some = metrics[number] if number < len(metrics) else []
            self._client.log_batch(run, some, settings[number] if number < len(settings) else [])

    def use(self, run: str, name: str, fingerprint: str) -> None:
        """Write which dataset a run used."""
        from mlflow.entities import Dataset, DatasetInput

        # MLflow's digest is short; the whole fingerprint is a tag.
        used = Dataset(name=name, digest=fingerprint[:12], source_type="local", source=f"data/datasets/{name}")
        self._client.log_inputs(run, [DatasetInput(used)])

    def attach(self, run: str, files: Mapping[Path, str]) -> None:
        """Copy files into a run, each into its folder."""
        for file, folder in files.items():
            self._client.log_artifact(run, str(file), folder or None)

    def attach_pictures(self, run: str, pictures: Mapping[str, bytes]) -> None:
        """Write pictures into a run, each at its place."""
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


def local_store(root: Path) -> str:
    """Return the address of the store that `mlflow ui`, started in the root, shows."""
    return f"sqlite:///{quote((root.resolve() / 'mlflow.db').as_posix())}"


def database(uri: str) -> Path | None:
    """Return the file of a SQLite store, None for other stores."""
    found = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(unquote(found[1])).resolve() if found else None


@contextlib.contextmanager
def lock(beside: Path, kind: str) -> Iterator[None]:
    """Let one process at a time into the block.

    Raises:
        UserError: the place cannot be written to, or another process stays in for minutes.

    """
    path = beside.with_name(f"{beside.name}.{kind}")
    try:
        path.touch()  # fails at once where the lock would try again and again
    except OSError as failure:
        raise UserError(f"{path}: could not be written, {failure.strerror or failure}") from failure
    try:
        with FileLock(path, timeout=SECONDS_TO_LOCK):
            yield
    except Timeout:
        raise UserError(f"{path}: another process has held it for {SECONDS_TO_LOCK} s, end it first") from None


def _prepare() -> None:
    """Set what MLflow reads from the environment only; what the user has set stays."""
    settings = {
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # By default MLflow tries a server that is away for four minutes; what it misses now is filled in later.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS_TO_ANSWER),
        # A connection kept open would go on writing to a database that somebody has deleted.
        "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow.store.db.utils

    # By default MLflow tries a database that cannot be opened for 100 seconds, and has no setting for it.
    mlflow.store.db.utils.MAX_RETRY_COUNT = 1


def _make(path: Path) -> None:
    """Check a SQLite file, or make it in a folder of its own and move it to its place, so that none is half-made."""
    from mlflow.tracking import MlflowClient

    try:
        if path.exists():
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master")
            return
        for left_by_a_killed_process in path.parent.glob(f"{path.name}.new-*"):
            shutil.rmtree(left_by_a_killed_process)
        with tempfile.TemporaryDirectory(prefix=f"{path.name}.new-", dir=path.parent) as folder:
            unfinished = local_store(Path(folder))
            MlflowClient(tracking_uri=unfinished).search_experiments(max_results=1)
            (Path(folder) / "mlflow.db").replace(path)
    except (OSError, sqlite3.Error) as failure:
        raise UserError(
            f"{path}: cannot be used as MLflow's database ({failure}); it can be removed, all but runs of your own "
            "is made again from the records"
        ) from failure


def _knock(uri: str) -> None:
    """Try whether a database server answers, as drivers wait for minutes; HTTP has a setting for it."""
    address = urlsplit(uri)
    port = PORTS.get(address.scheme.split("+")[0])
    if port is not None and address.hostname:
        socket.create_connection((address.hostname, address.port or port), SECONDS_TO_ANSWER).close()


def _fitting(name: str) -> str:
    """Return a name of the characters and the length that MLflow takes."""
    parts = re.sub(r"[^\w.\-/ ]", "_", name).split("/")
    return "/".join(part.strip(".") or "_" for part in parts)[:NAME_LENGTH].rstrip("/.")


def _parts(items: list[Item], size: int) -> list[list[Item]]:
    """Cut a list into parts of at most `size` items."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def describe(failure: BaseException) -> str:
    """Say in a few words why a store failed, without its address, which may hold a password."""
    said = cause = failure
    while cause.__context__ is not None:
        cause = cause.__context__
        said = cause if isinstance(cause, OSError) else said  # the deepest is the plainest: connection refused
    words = re.sub(r"\w[\w+]*://\S+", "", str(said)).strip().split("\n")[0]
    return f"{type(said).__name__}: {words[:150]}"


def without_password(uri: str) -> str:
    """Return an address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", uri)
