"""A store that can be reached and refuses: one line, and the local store is complete."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_tracking import ALL, SUITE, empty_database, names, records_of, root

from privprune.tracking import LiveRun, local_store, track

__all__ = ["empty_database", "root"]  # fixtures

# MLflow 3.17 uses what SQLAlchemy 2.1 calls deprecated; the warning names the loader and nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


class Refusing(BaseHTTPRequestHandler):
    """Answers each request with 403."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815  (the names of the standard library)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002  (the name of the standard library)
        """Print nothing."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address, with a password, of a server that answers 403."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://me:secret@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def only_warning(caplog: pytest.LogCaptureFixture) -> str:
    """Return the one warning."""
    (warning,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    return warning.getMessage()


def test_a_server_that_answers_403_costs_one_warning(
    root: Path, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the number and not the password; the local store is complete."""
    track(records_of(root), root, address)
    assert names(root) == ALL
    line = only_warning(caplog)
    assert "runs were not written to http://127.0.0.1" in line
    assert "403" in line
    assert "secret" not in line
    assert line.isprintable()


def test_curves_that_are_answered_with_403_cost_one_warning(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """The training goes on, and later epochs are not sent."""
    live = LiveRun(address, SUITE, "mia_pruning", "train", "first")
    for epoch in range(3):
        live.on_epoch("targets", epoch, 3, {"loss": [1.0]})
    live.close()
    line = only_warning(caplog)
    assert "403" in line
    assert "secret" not in line


def test_a_store_that_refuses_artifacts_costs_one_warning(
    root: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs can be made there and files cannot: the local store is complete."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "mlflow.db").write_bytes(empty_database.read_bytes())
    (elsewhere / "mlartifacts").write_text("not a folder", encoding="utf-8")
    track(records_of(root), root, local_store(elsewhere))
    assert names(root) == ALL
    assert "runs were not written to" in only_warning(caplog)
