"""Stream the curves of a long stage to a tracking server during training."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from privprune.progress.reporter import after_each_epoch
from privprune.tracking.filling import KEY, LIVE, live_experiment
from privprune.tracking.runs import MetricPoint, key
from privprune.tracking.store import Store, describe, without_password

SECONDS_BETWEEN_BATCHES = 1.0  # small networks finish epochs faster than a server accepts batches


@contextlib.contextmanager
def streamed(uri: str, suite: str, paper: str, stage: str, cell: str) -> Iterator[None]:
    """Stream every epoch that is reported inside the block, from all threads and forked workers.

    Args:
        uri: the value of MLFLOW_TRACKING_URI; "" streams nothing, and needs no MLflow.
        suite: the suite of the stage.
        paper: the paper of the record.
        stage: the stage that trains.
        cell: the cell that is trained.

    """
    if not uri:
        yield
        return
    live = LiveRun(uri, suite, paper, stage, cell)
    ended = False
    try:
        with after_each_epoch(live.on_epoch):
            yield
        ended = True
    finally:
        live.close(failed=not ended)


class LiveRun:
    """A run that grows during training.

    It belongs to a separate experiment, `<suite>-live`, and has the tag `privprune.live`. The run that is written later
    from the record is the authoritative one, and links to it. Any failure gives one warning and does not stop the
    training; so does a missing MLflow.
    """

    def __init__(self, uri: str, suite: str, paper: str, stage: str, cell: str) -> None:
        """Prepare to stream; uri: the value of MLFLOW_TRACKING_URI, "" streams nothing."""
        self._uri = uri
        self._suite = suite
        self._tags = {"suite": suite, "paper": paper, "stage": stage, "cell": cell, LIVE: "true"}
        self._tags[KEY] = key(suite, paper, stage, cell)
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._run = ""
        self._waiting: list[MetricPoint] = []
        self._sent = 0.0
        self._broken = not uri

    def on_epoch(self, name: str, epoch: int, total: int, measurements: Mapping[str, Sequence[float]]) -> None:
        """Take one finished epoch, counted from 0, of the networks `name`, with one value per network."""
        del total
        with self._lock:
            if self._broken:
                return
            self._waiting += _points(name, epoch + 1, measurements)
            if time.monotonic() - self._sent >= SECONDS_BETWEEN_BATCHES:
                self._try(None)

    def close(self, *, failed: bool = False) -> None:
        """Send the waiting points, and end the run."""
        with self._lock:
            if not self._broken and (self._store is not None or self._waiting):
                self._try("FAILED" if failed else "FINISHED")
            self._broken = True

    def _try(self, status: str | None) -> None:
        """Send the waiting points, and end the run if a status is given; after a failure nothing more is sent."""
        try:
            if self._store is None:
                self._store = self._begin()
            self._store.write(self._run, self._waiting)
            if status is not None:
                self._store.end(self._run, status)
        except Exception as failure:  # noqa: BLE001  (no failure of tracking may stop the training)
            self._broken = True
            logging.getLogger(__name__).warning(
                "warning: curves are not streamed to %s (%s); training goes on, the track stage fills the run in",
                without_password(self._uri),
                describe(failure),
            )
        self._waiting = []
        self._sent = time.monotonic()

    def _begin(self) -> Store:
        """Begin the run, and end runs of the same cell that a killed stage left running."""
        store = Store(self._uri)
        experiment = store.experiment(live_experiment(self._suite))
        for run in store.runs(experiment):
            if run.running and run.tags.get(KEY) == self._tags[KEY]:
                store.end(run.identifier, "KILLED")
        self._run = store.begin(experiment, f"{self._tags['cell']}/{self._tags['stage']} (live)", self._tags)
        return store


def _points(name: str, step: int, measurements: Mapping[str, Sequence[float]]) -> list[MetricPoint]:
    """Return the mean and, where there are several networks, the value of each."""
    points = []
    for measure, values in measurements.items():
        if values:
            points.append(MetricPoint(f"{name}/{measure}", sum(values) / len(values), step))
        if len(values) > 1:
            points += [MetricPoint(f"{name}_each/{measure}.{place}", value, step) for place, value in enumerate(values)]
    return points
