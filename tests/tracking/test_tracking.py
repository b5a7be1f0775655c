"""Laws of tracking, read from MLflow's database with plain SQL."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_inversions import inversion_records
from locations import ROOT as REPOSITORY

from privprune.checks import check, not_computed
from privprune.errors import UserError
from privprune.progress.reporter import Progress
from privprune.records import Record, record_path
from privprune.tracking import LiveRun, fill, local_store, streamed, track
from privprune.tracking.filling import Filled
from privprune.tracking.from_records import run_of_record
from privprune.tracking.store import Store, without_password

# MLflow 3.17 uses what SQLAlchemy 2.1 calls deprecated; the warning names the loader and nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


EPOCHS = 400  # times (1 mean + 2 seeds) are more points than one batch takes
LOSS = [[1 / (epoch + 1), 3 / (epoch + 1)] for epoch in range(EPOCHS)]
SUITE = "tiny"


def record(stage: str, cell: str, **changes: Any) -> Record:
    """Return a small record."""
    content: dict[str, Any] = {
        "parameters": {"plan": {"epochs": EPOCHS, "milestones": [1, 2]}, "odd key!": "x" * 7000},
        "data": {"name": "digits", "fingerprint": "f" * 64, "note": ""},
        "model": "digits_cnn",
        "protocol": "clean",
        "origin": "datasets/digits",
        "seeds": [0, 7],
        "shadows": 0,
    }
    return Record(suite=SUITE, paper="mia_pruning", stage=stage, cell=cell, **(content | changes))  # type: ignore[arg-type]


ATTACKED = {
    "nasr": {
        "metrics": {"auc": {"values": [0.5, 0.7], "mean": 0.6, "low": 0.4, "high": 0.8}},
        "history": {"loss": [[1, 2]]},
    }
}
VERDICTS = (
    "suite,paper,table,dataset,model,method,attack,metric,published,measured,low,high,seeds,verdict\n"
    "tiny,mia_pruning,T1,MNIST,LeNet-5,baseline,nasr,attack_accuracy,67.0,51.5,50.5,52.5,3,not reproduced\n"
    "tiny,mia_pruning,T1,CIFAR-10,VGG16,baseline,nasr,attack_accuracy,61.99,,,,,not run\n"
)
RUNS = 7  # two cells, two stages of one and one of the other, a judgement and its figures


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty database once, as that takes MLflow seconds."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Store(local_store(folder))
    return folder / "mlflow.db"


@pytest.fixture
def root(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout with the reports of a small suite."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return checkout(tmp_path, empty_database)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """Make such a checkout and fill its store, for the tests that only look."""
    folder = checkout(tmp_path_factory.mktemp("full"), empty_database)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        filled(folder)
    return folder


def checkout(folder: Path, empty_database: Path) -> Path:
    """Make a checkout with the reports of a small suite and an empty store."""
    shutil.copy(empty_database, folder)
    reports = folder / "reports"
    record("train", "first", metrics={"test_accuracy": [0.5, 1.0]}, history={"loss": LOSS}).write(reports)
    record("train", "second", metrics={"test_accuracy": [0.5, 1.0]}).write(reports)
    record("attack", "first", attacks=ATTACKED).write(reports)
    suite = reports / SUITE
    for file, content in {
        "verdicts/mia_pruning.csv": VERDICTS,
        "metrics/mia_pruning.json": '{"numbers": {"not run": 1, "not reproduced": 1}, "claims": {"supported": 3}}',
        "tables/mia_pruning/all.md": "table",
        "figures/mia_pruning/roc.png": "picture",
        "figures/mia_pruning/roc.svg": "picture",
        "figures/another/roc.png": "picture of a paper that has no records",
    }.items():
        (suite / file).parent.mkdir(parents=True, exist_ok=True)
        (suite / file).write_text(content, encoding="utf-8")
    return folder


def records_of(root: Path) -> Path:
    """Return the folder of the suite's records."""
    return root / "reports" / SUITE / "records"


def filled(root: Path) -> Filled:
    """Fill the local store."""
    return fill(records_of(root), local_store(root), root)


def ask(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask MLflow's database."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, values).fetchall()


def names(root: Path) -> list[str]:
    """Return the names of all runs that are not deleted."""
    return sorted(name for (name,) in ask(root / "mlflow.db", "SELECT name FROM runs WHERE lifecycle_stage = 'active'"))


def pairs(root: Path, table: str, name: str) -> dict[str, Any]:
    """Return the rows of a table about the run of this name."""
    query = f"SELECT key, value FROM {table} JOIN runs USING (run_uuid) WHERE runs.name = ?"  # noqa: S608  (our words)
    return dict(ask(root / "mlflow.db", query, name))


ALL = [
    "first",
    "first/attack",
    "first/train",
    "mia_pruning/evaluate",
    "mia_pruning/plot",
    "second",
    "second/train",
]


def test_a_second_fill_adds_nothing(root: Path) -> None:
    """Every run is there once, however often the store is filled."""
    assert (filled(root).added, filled(root)) == (RUNS, Filled("1", 0, RUNS))
    assert names(root) == ALL


def test_a_replaced_database_is_filled_again(root: Path, empty_database: Path) -> None:
    """A process goes on with the file that is there, not with one that it knew."""
    filled(root)
    (root / "mlflow.db").unlink()
    shutil.copy(empty_database, root)
    assert filled(root).added == RUNS
    assert names(root) == ALL


def test_a_changed_record_is_one_new_run(root: Path) -> None:
    """The old run stays and is marked; with the old record back, no run is added and the mark moves back."""
    filled(root)
    path = record_path(root / "reports", SUITE, "mia_pruning", "train", "first")
    before = path.read_bytes()
    current = (
        "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE name = 'first/train' AND key = 'privprune.current'"
    )
    record("train", "first", metrics={"test_accuracy": [0.25, 1.0]}).write(root / "reports")
    assert filled(root).added == 1
    assert sorted(ask(root / "mlflow.db", current)) == [("false",), ("true",)]
    path.write_bytes(before)
    assert filled(root).added == 0
    assert names(root) == sorted([*ALL, "first/train"])
    assert sorted(ask(root / "mlflow.db", current)) == [("false",), ("true",)]


def test_an_interrupted_fill_is_completed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written in full is kept, what was left unfinished is replaced."""
    with monkeypatch.context() as patch:
        patch.setattr(Store, "end", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            filled(root)
    assert len(names(root)) == 1
    assert filled(root).added == RUNS
    assert names(root) == ALL


def test_curves_are_complete(full: Path) -> None:
    """Mean and both seeds of every epoch are there, equal to the record's history to its six digits."""
    of_run = "SELECT step, value FROM metrics JOIN runs USING (run_uuid) WHERE name = 'first/train'"
    query = f"{of_run} AND key = ? ORDER BY step"
    for name, expected in {
        "epochs/loss": [sum(values) / 2 for values in LOSS],
        "epochs_by_seed/loss.seed_0": [values[0] for values in LOSS],
        "epochs_by_seed/loss.seed_7": [values[1] for values in LOSS],
    }.items():
        steps, values = zip(*ask(full / "mlflow.db", query, name), strict=True)
        assert steps == tuple(range(1, EPOCHS + 1))
        assert values == pytest.approx(expected, rel=1e-5)


def test_final_metrics_come_with_their_bounds(full: Path) -> None:
    """The mean, its interval where the record has one, and each seed; printed numbers and counts of verdicts."""
    assert pairs(full, "latest_metrics", "first/attack") == {
        "epochs/nasr.loss": 1.5,
        "epochs_by_seed/nasr.loss.seed_0": 1,
        "epochs_by_seed/nasr.loss.seed_7": 2,
        "nasr/auc": 0.6,
        "nasr/auc.low": 0.4,
        "nasr/auc.high": 0.8,
        "seeds/nasr.auc.seed_0": 0.5,
        "seeds/nasr.auc.seed_7": 0.7,
    }
    assert pairs(full, "latest_metrics", "first/train")["test_accuracy"] == 0.75
    judged = pairs(full, "latest_metrics", "mia_pruning/evaluate")
    line = "T1/MNIST LeNet-5 baseline nasr attack_accuracy"
    assert [judged[line + end] for end in ("", ".low", ".high", ".published")] == [51.5, 50.5, 52.5, 67.0]
    assert (judged["numbers/not run"], judged["claims/supported"]) == (1, 3)


def test_checks_are_metrics_and_a_tag(tmp_path: Path) -> None:
    """Each check is 1 or 0 beside its number, where there is one; the tag lists the failed ones."""
    checks = {
        "network": [check("trained out", [0.01], "at most", 0.05, "fall of the loss").as_record()],
        "nasr": [not_computed("looks at the model", "below", 0.5, "no scores").as_record()],
    }
    tracked = run_of_record(record("attack", "first", checks=checks), tmp_path, tmp_path)
    found = {point.name: point.value for point in tracked.points}
    assert found == {
        "check/network/trained out": 1.0,
        "check/network/trained out.measured": 0.01,
        "check/nasr/looks at the model": 0.0,
    }
    assert tracked.tags["failed_checks"] == "nasr: looks at the model"
    good = run_of_record(record("train", "first", checks={"network": checks["network"]}), tmp_path, tmp_path)
    assert good.tags["failed_checks"] == "none"
    assert "failed_checks" not in run_of_record(record("train", "first"), tmp_path, tmp_path).tags


def test_parameters_are_flat_and_fit(full: Path) -> None:
    """Nested names get dots, lists stay whole, what MLflow does not take is cut or replaced."""
    found = pairs(full, "params", "first/train")
    assert found["plan.epochs"] == str(EPOCHS)
    assert found["plan.milestones"] == "[1, 2]"
    assert found["odd key_"] == "x" * 6000
    assert found["seeds"] == "[0, 7]"


def test_tags_name_the_run_and_its_commit(root: Path) -> None:
    """Inside git the checked out commit is a tag, outside there is none."""
    filled(root)
    tags = pairs(root, "tags", "first/train")
    expected = {"suite": SUITE, "paper": "mia_pruning", "stage": "train", "cell": "first", "data_fingerprint": "f" * 64}
    assert expected.items() <= tags.items()
    assert "mlflow.source.git.commit" not in tags
    git = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)  # noqa: S603  (our own words)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)  # noqa: S603
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout  # noqa: S603
    record("train", "second", shadows=1).write(root / "reports")
    filled(root)
    query = "SELECT value FROM tags JOIN runs USING (run_uuid) WHERE name = ? AND key = 'mlflow.source.git.commit'"
    assert ask(root / "mlflow.db", query, "second/train") == [(commit.strip(),)]


def test_files_lie_in_the_checkout(root: Path) -> None:
    """Records, panels, verdicts and figures are artifacts, below the folder of the database."""
    panel = root / "data" / "attacks" / "mia_pruning" / "first" / "panel.png"
    panel.parent.mkdir(parents=True)
    panel.write_bytes(b"panel")
    record("attack", "first", attacks=ATTACKED, panels={"../rmle": "cG5n"}).write(root / "reports")
    filled(root)
    attached = [path for path in (root / "mlartifacts").rglob("*") if path.is_file()]
    places = sorted(path.as_posix().split("/artifacts/")[1] for path in attached)
    assert places == [
        "figures/roc.png",
        "first.json",
        "first.json",
        "mia_pruning.csv",
        "mia_pruning.json",
        "panels/_rmle.png",
        "panels/panel.png",
        "second.json",
        "tables/all.md",
    ]
    assert next(path for path in attached if path.name == "_rmle.png").read_bytes() == b"png"


def test_reconstructions_and_their_curves_are_of_the_attack_run(tmp_path: Path) -> None:
    """Every panel of an inversion is a PNG, every measure and curve a metric; a panel that is no PNG is an error."""
    attack = inversion_records()[1]
    run = run_of_record(attack, tmp_path, tmp_path)
    values = {point.name: point.value for point in run.points}

    assert set(run.pictures) == {f"panels/{name}.png" for name in ("original", "decoder_train", "rmle")}
    assert all(picture.startswith(b"\x89PNG") for picture in run.pictures.values())
    assert values["decoder_train/mse"] == pytest.approx(0.0016)
    assert {"rmle/ssim.low", "epochs/rmle.mse", "conditional_entropy", "seeds/rmle.mse.seed_2"} <= set(values)
    with pytest.raises(UserError, match="a panel is no picture"):
        run_of_record(replace(attack, panels={"rmle": "?"}), tmp_path, tmp_path)


def test_another_store_is_filled_too(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The local store and the other one contain the same runs."""
    elsewhere = tmp_path_factory.mktemp("elsewhere with space")
    shutil.copy(root / "mlflow.db", elsewhere)
    track(records_of(root), root, local_store(elsewhere))
    assert names(root) == names(elsewhere) == ALL


@pytest.mark.parametrize("kind", ["refuses", "is silent", "is a database", "is nonsense"])
def test_another_store_that_fails_costs_one_warning(root: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Within seconds, without the password of its address; the local store is complete."""
    with socket.socket() as server, pytest.MonkeyPatch.context() as patch:
        server.bind(("127.0.0.1", 0))
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("NO_PROXY", "127.0.0.1")
        address = f"me:secret@127.0.0.1:{server.getsockname()[1]}"
        if kind == "is silent":
            server.listen()
        store = {"is a database": f"postgresql://{address}/x", "is nonsense": "nonsense://me:secret@there"}
        began = time.monotonic()
        track(records_of(root), root, store.get(kind, f"http://{address}"))
    assert time.monotonic() - began < 10
    assert names(root) == ALL
    (warning,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert "runs were not written to" in warning.getMessage()
    assert "secret" not in warning.getMessage()


# one import of all that MLflow needs for four processes
FOUR_STAGES = """
import os, pathlib, sys
from privprune.tracking.database import local_store
from privprune.tracking.store import Store
from stages.track import main
Store(local_store(pathlib.Path(sys.argv[2]))).runs_of("none")
for number in range(4):
    if os.fork() == 0:
        for stream in (1, 2):
            os.dup2(os.open(f"{number}.{stream}", os.O_CREAT | os.O_WRONLY), stream)
        main(sys.argv[1])
        sys.exit()
sys.exit(sum(os.wait()[1] != 0 for _ in range(4)))
"""


@pytest.mark.slow
def test_a_deleted_database_comes_back_complete(root: Path, empty_database: Path) -> None:
    """Four stages at once find none, and a server away: all end well with one warning, and each run is there once."""
    filled(root)
    (root / "mlflow.db").unlink()
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", FOUR_STAGES, SUITE, str(empty_database.parent)]
    assert subprocess.run(command, cwd=root, env=environment, check=False).returncode == 0  # noqa: S603
    outputs = [[(root / f"{number}.{stream}").read_text() for stream in (1, 2)] for number in range(4)]
    assert all(warned.startswith("warning: ") and warned.count("\n") == 1 for _, warned in outputs)
    assert sorted(output.split()[0] for output, _ in outputs) == ["0", "0", "0", str(RUNS)]
    assert names(root) == ALL
    assert not list(root.glob("mlflow.db.new-*"))


def test_mistakes_are_reported(root: Path) -> None:
    """No records, those of another suite, and a file that is no database: each is named."""
    with pytest.raises(UserError, match="missing/records: no such folder"):
        fill(root / "reports" / "missing" / "records", local_store(root), root)
    (root / "mlflow.db").write_text("no database", encoding="utf-8")
    with pytest.raises(UserError, match=r"mlflow\.db: cannot be used"):
        filled(root)
    shutil.copytree(root / "reports" / SUITE, root / "reports" / "copy")
    with pytest.raises(UserError, match="found a record of the suite tiny"):
        fill(root / "reports" / "copy" / "records", local_store(root), root)


def test_live_curves_are_linked_from_the_filled_run(root: Path) -> None:
    """Every epoch arrives once, in an experiment of its own, and the run from the record names the live one."""
    with streamed(local_store(root), SUITE, "mia_pruning", "train", "first"):
        reporter = Progress("targets", 30, 0)
        for epoch in range(30):
            reporter.epoch(epoch, {"loss": 2.0 * epoch})
    ((identifier, status, experiment),) = ask(
        root / "mlflow.db", "SELECT run_uuid, status, experiments.name FROM runs JOIN experiments USING (experiment_id)"
    )
    assert (status, experiment) == ("FINISHED", "tiny-live")
    query = "SELECT step, value FROM metrics WHERE key = ? ORDER BY step"
    assert ask(root / "mlflow.db", query, "targets/loss") == [(step, 2.0 * (step - 1)) for step in range(1, 31)]
    assert pairs(root, "tags", "first/train (live)")["privprune.live"] == "true"
    assert filled(root).added == RUNS
    assert pairs(root, "tags", "first/train")["privprune.live_run"] == identifier
    assert "privprune.live_run" not in pairs(root, "tags", "second/train")


def test_a_stage_that_fails_is_shown_as_failed(root: Path) -> None:
    """Its live run keeps the epochs that were reached, with one curve per value where there are several."""
    live = LiveRun(local_store(root), SUITE, "mia_pruning", "train", "first")
    live.on_epoch("targets", 0, 2, {"loss": [1.0, 3.0]})
    live.close(failed=True)
    assert ask(root / "mlflow.db", "SELECT status FROM runs") == [("FAILED",)]
    found = dict(ask(root / "mlflow.db", "SELECT key, value FROM metrics"))
    assert found == {"targets/loss": 2.0, "targets_each/loss.0": 1.0, "targets_each/loss.1": 3.0}


def test_a_resumed_stage_ends_the_run_of_the_killed_one(root: Path) -> None:
    """Only the new run goes on running."""
    for _ in range(2):
        LiveRun(local_store(root), SUITE, "mia_pruning", "train", "first").on_epoch("targets", 0, 9, {"loss": [1.0]})
    assert sorted(ask(root / "mlflow.db", "SELECT status FROM runs")) == [("KILLED",), ("RUNNING",)]


def test_live_curves_without_a_server_cost_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first failure gives a warning, and later epochs are not sent."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    live = LiveRun("http://127.0.0.1:9", SUITE, "mia_pruning", "train", "first")
    for epoch in range(3):
        live.on_epoch("targets", epoch, 3, {"loss": [1.0]})
    live.close()
    assert [entry.getMessage().split(" (")[0] for entry in caplog.records] == [
        "warning: curves are not streamed to http://127.0.0.1:9"
    ]


def test_mlflow_is_imported_only_when_a_store_is_opened() -> None:
    """A stage without a tracking server does not pay for the import."""
    program = (
        "import sys; from privprune.tracking import LiveRun\n"
        "live = LiveRun('', 's', 'p', 'train', 'c'); live.on_epoch('n', 0, 1, {'loss': [1.0]}); live.close()\n"
        "sys.exit('mlflow' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0  # noqa: S603


WITHOUT_MLFLOW = """
import sys
sys.modules["mlflow"] = None  # importing it raises ImportError
from pathlib import Path
from privprune.checks import check, not_computed
from privprune.errors import UserError
from privprune.progress.reporter import Progress
from privprune.tracking.live import streamed
from privprune.tracking.store import Store
with streamed(sys.argv[1], "s", "p", "train", "c"), Progress("c", 2, 1) as reporter:
    reporter.epoch(0, {"loss": 1.0})
    reporter.epoch(1, {"loss": 1.0})
try:
    Store("sqlite:///never.db")
except UserError as mistake:
    print(mistake)
"""


@pytest.mark.parametrize(("server", "warnings"), [("", 0), ("http://127.0.0.1:9", 1)])
def test_without_mlflow_only_a_store_fails(tmp_path: Path, server: str, warnings: int) -> None:
    """Opening a store gives one clear line; training continues, with one warning if a server is named."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", WITHOUT_MLFLOW, server],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("MLflow is not installed: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr.count("MLflow is not installed") == done.stderr.count("warning: ") == warnings
    assert done.stderr.count("c 2/2") == 1


def test_addresses_are_shown_without_passwords() -> None:
    """User and password go, the rest stays."""
    assert without_password("https://me:secret@host:5000/a@b") == "https://host:5000/a@b"
    assert without_password("sqlite:////a/mlflow.db") == "sqlite:////a/mlflow.db"
    assert without_password("http://[::1]:5000/a@b") == "http://[::1]:5000/a@b"


@pytest.mark.parametrize("password", ["secret", "se@cret", "se@cre@t", "se/cret", "se?cret", "se#cret", "se:cret"])
def test_no_part_of_a_password_is_shown(password: str) -> None:
    """Whatever signs it contains, escaped or not, and where it stands: before the host, or among the options."""
    for address in (f"http://me:{password}@host:5000/a", f"postgresql://host/b?user=me&password={password}"):
        shown = without_password(address)
        assert not any(part in shown for part in ("se", "cre", "me:")), shown
