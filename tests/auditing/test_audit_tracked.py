"""Law of audits in MLflow: one run with the numbers, the checks, the page and the record."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_toys import QUICK, memorising

from privprune.auditing import audit
from privprune.errors import UserError
from privprune.tracking import local_store

# MLflow 3.17 uses what SQLAlchemy 2.1 calls deprecated; the warning names the loader and nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.mark.slow
def test_an_audit_becomes_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an experiment is named, its run has what the report has; where none is, there is no database."""
    client = pytest.importorskip("mlflow.tracking")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    model, members, nonmembers = memorising(40)
    audit(model, members, nonmembers, settings=QUICK)
    assert not list(tmp_path.iterdir())
    report = audit(model, members, nonmembers, settings=QUICK, name="mine", mlflow="audits")
    store = client.MlflowClient(tracking_uri=local_store(tmp_path))
    (run,) = store.search_runs([store.get_experiment_by_name("audits").experiment_id])
    assert run.info.run_name == "mine"
    assert run.info.status == "FINISHED"
    for name, value in report.numbers().items():
        assert run.data.metrics[name] == pytest.approx(value)
    assert run.data.metrics["checks/the model and its records/knows its classes"] == 1
    assert run.data.params["known"] == "0.4"
    assert {file.path for file in store.list_artifacts(run.info.run_id)} == {"audit.html", "audit.json"}


def test_a_store_that_cannot_be_used_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit that was to be tracked and cannot be ends with one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db").write_text("no database", encoding="utf-8")
    model, members, nonmembers = memorising(20)
    with pytest.raises(UserError, match=r"mlflow.db: cannot be used as MLflow's database"):
        audit(model, members, nonmembers, settings=QUICK, mlflow="audits")
