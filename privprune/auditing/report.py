"""What the user gets from an audit: its numbers, its page and its record, in a folder and as a run of MLflow."""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from privprune.auditing.page import AuditPage, render
from privprune.checks import Check
from privprune.errors import UserError
from privprune.files import write_json, write_text
from privprune.tracking.database import database, local_store, usable
from privprune.tracking.runs import MetricPoint
from privprune.tracking.store import Store, describe, without_password

PAGE, RECORD = "audit.html", "audit.json"


class Report(ABC):
    """A finished audit, of membership or of a split."""

    @abstractmethod
    def view(self) -> AuditPage:
        """Return the content of the page."""

    @abstractmethod
    def as_record(self) -> dict[str, Any]:
        """Return all numbers as plain data for JSON: the same for the same model, records, settings and seed."""

    @abstractmethod
    def numbers(self) -> Mapping[str, float]:
        """Return the main numbers by name, as MLflow shows them."""

    @abstractmethod
    def checks(self) -> Mapping[str, tuple[Check, ...]]:
        """Return what was checked -> its checks."""

    def html(self) -> str:
        """Return the page: one file of HTML that loads nothing, in which all names are escaped."""
        return render(self.view())

    def write(self, folder: str | Path = "audit") -> Path:
        """Write `audit.html` and `audit.json` into a folder, and return the path of the page.

        Raises:
            UserError: they cannot be written.

        """
        page = Path(folder) / PAGE
        write_json(page.with_name(RECORD), self.as_record())
        write_text(page, self.html())
        return page


Finished = TypeVar("Finished", bound=Report)


def finish(report: Finished, experiment: str | None) -> Finished:
    """Make an audit a run of MLflow where an experiment is named, and return it.

    The store is that of MLFLOW_TRACKING_URI, or `mlflow.db` in the working directory.

    Raises:
        UserError: MLflow is not installed, or its store cannot be used.

    """
    if experiment is not None:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or local_store(Path.cwd())
        try:
            with usable(database(uri)), tempfile.TemporaryDirectory() as folder:
                report.write(folder)
                _add_run(Store(uri), experiment, report, Path(folder))
        except UserError:
            raise
        except Exception as failure:
            raise UserError(f"{without_password(uri)}: the audit is not tracked ({describe(failure)})") from failure
    return report


def _add_run(store: Store, experiment: str, report: Report, folder: Path) -> None:
    """Write one run: settings, numbers, checks (1 where passed), the page and the record."""
    record = report.as_record()
    settings = {key: value for key, value in record["settings"].items() if key != "attacks"}
    parameters = {"seed": record["seed"], **settings}
    tags = {"kind": record["kind"], "source": record["source"]}
    run = store.begin(store.experiment(experiment), record["name"], tags)
    points = [MetricPoint(name, value) for name, value in report.numbers().items()]
    passed = [
        MetricPoint(f"checks/{subject}/{one.name}", float(one.passed))
        for subject, checks in report.checks().items()
        for one in checks
    ]
    store.write(run, points + passed, {name: str(value) for name, value in parameters.items()})
    store.attach(run, {folder / PAGE: "", folder / RECORD: ""})
    store.end(run)
