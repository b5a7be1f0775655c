"""Write the records to tracking stores: each run once, and again if it was lost."""

from __future__ import annotations

import hashlib
import logging
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from privprune.errors import UserError
from privprune.tracking.database import database, local_store, lock, usable
from privprune.tracking.expected import expected_runs
from privprune.tracking.runs import CELL, TrackedRun
from privprune.tracking.store import FINGERPRINT, Store, StoredRun, describe, fitting_tags, without_password

LIVE = "privprune.live"
KEY = "privprune.key"
CURRENT = "privprune.current"
OWNER = "privprune.filled_by"
PARENT = "mlflow.parentRunId"  # below which run MLflow shows a run
NAME = "mlflow.runName"


@dataclass(frozen=True)
class Filled:
    """The identifier of the experiment, the number of runs that were written, and of those that existed before."""

    experiment: str
    added: int
    found: int


def track(records_folder: Path, root: Path, other_store: str = "") -> Filled:
    """Fill the local store and, where another is named, that one too; a failure of the other one gives a warning.

    Args:
        records_folder: `reports/<suite>/records`.
        root: the folder of `mlflow.db`.
        other_store: the value of MLFLOW_TRACKING_URI, "" where it is not set.

    Returns:
        The result for the local store.

    Raises:
        UserError: no or damaged records, a local database that cannot be used, or MLflow is not installed.

    """
    filled = fill(records_folder, local_store(root), root)
    if other_store and database(other_store) != database(local_store(root)):
        try:
            fill(records_folder, other_store, root)
        except Exception as failure:  # noqa: BLE001  (no failure of another store may fail the stage)
            logging.getLogger(__name__).warning(
                "warning: runs were not written to %s (%s); `python -m stages.track %s` tries again",
                without_password(other_store),
                describe(failure),
                records_folder.parent.name,
            )
    return filled


def fill(records_folder: Path, store_uri: str, root: Path) -> Filled:
    """Write every run that a store does not contain yet.

    A run is identified by its fingerprint, which is written last: a run that a killed process left unfinished has no
    fingerprint, and is removed and written again.

    Args:
        records_folder: `reports/<suite>/records`; the suite is the name of the experiment.
        store_uri: address of the store, in the form of MLFLOW_TRACKING_URI.
        root: the folder of the checkout.

    Raises:
        UserError: no or damaged records, a SQLite file that cannot be used, or MLflow is not installed.

    """
    if not records_folder.is_dir():
        raise UserError(f"{records_folder}: no such folder, run `dvc repro` to make its records")
    suite = records_folder.parent.name
    runs = {run.fingerprint: run for run in expected_runs(records_folder, root / "data")}
    with usable(database(store_uri)):
        store = Store(store_uri)
        with lock(database(store_uri) or database(local_store(root)) or root, "filling"):
            experiment = store.experiment(suite)
            added = _fill(store, experiment, suite, runs, root)
    return Filled(experiment, added=added, found=len(runs) - added)


def _fill(store: Store, experiment: str, suite: str, runs: Mapping[str, TrackedRun], root: Path) -> int:
    """Write the runs that an experiment does not contain yet and return their number; runs: fingerprint -> run."""
    owner = _owner(root)
    stored = [run for run in store.runs(experiment) if OWNER in run.tags]
    for old in stored:
        if old.tags[OWNER] == owner:
            _mark(store, old, set(runs))
    known = {run.tags[FINGERPRINT]: run for run in stored if FINGERPRINT in run.tags}
    missing = set(runs) - set(known)
    live = _live_runs(store, suite) if missing else {}
    around = {OWNER: owner, CURRENT: "true"} | _source(root)
    identifiers: dict[str, str] = {}  # key -> run, which those below it name; runs of cells come first
    for fingerprint, run in runs.items():
        nesting = {PARENT: identifiers[run.parent]} if run.parent else {}
        if fingerprint in missing:
            link = {"privprune.live_run": live[run.key]} if run.key in live else {}
            identifiers[run.key] = _write(store, experiment, run, around | link | nesting)
            continue
        old = known[fingerprint]
        identifiers[run.key] = old.identifier
        if old.tags[OWNER] == owner:
            _tag(store, old, run.identity | nesting | {NAME: run.name})
    return len(missing)


def _write(store: Store, experiment: str, run: TrackedRun, around: dict[str, str]) -> str:
    """Write one run, its fingerprint last, and return its identifier."""
    source = {"mlflow.source.type": "LOCAL", "mlflow.source.name": f"stages/{run.stage}.py"}
    note = {"mlflow.note.content": f"`dvc repro {run.stage}@{run.cell or run.paper}` makes what this run shows."}
    if run.kind == CELL:  # no stage of its own
        source, note = {}, {"mlflow.note.content": "All that was measured on this cell; its stages are nested below."}
    identifier = store.begin(
        experiment, run.name, run.identity | around | source | note | {KEY: run.key}, run.seconds or 0
    )
    store.write(identifier, run.points, run.parameters)
    if run.data is not None:
        store.use(identifier, *run.data)
    store.attach(identifier, run.artifacts)
    store.attach_pictures(identifier, run.pictures)
    store.end(identifier)
    store.tag(identifier, FINGERPRINT, run.fingerprint)
    return identifier


def _mark(store: Store, run: StoredRun, expected: set[str]) -> None:
    """Remove an unfinished run; mark whether a finished one agrees with the present records."""
    if FINGERPRINT not in run.tags:
        store.remove(run.identifier)
        return
    _tag(store, run, {CURRENT: "true" if run.tags[FINGERPRINT] in expected else "false"})


def _tag(store: Store, run: StoredRun, tags: Mapping[str, str]) -> None:
    """Set those of the tags that a run has not."""
    for name, value in fitting_tags(tags).items():
        if run.tags.get(name) != value:
            store.tag(run.identifier, name, value)


def _live_runs(store: Store, suite: str) -> dict[str, str]:
    """Return key -> identifier of the latest streamed run with this key."""
    latest: dict[str, str] = {}
    for run in store.runs_of(live_experiment(suite)):
        latest.setdefault(run.tags.get(KEY, ""), run.identifier)
    return latest


def live_experiment(suite: str) -> str:
    """Return the experiment of streamed runs, which is separate so that tables of finished runs do not show them."""
    return f"{suite}-live"


def _owner(root: Path) -> str:
    """Return an identifier of this checkout on this machine, from which neither can be read."""
    return hashlib.sha256(f"{platform.node()}:{root.resolve()}".encode()).hexdigest()[:16]


def _source(root: Path) -> dict[str, str]:
    """Return the tag of the commit that is checked out, none outside git."""
    try:
        answer = subprocess.run(  # noqa: S603  (a fixed command)
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607  (the user's own git)
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return {}
    return {"mlflow.source.git.commit": answer.stdout.strip()} if answer.returncode == 0 else {}
