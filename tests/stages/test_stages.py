"""The whole pipeline with a small suite: run by DVC in a fresh clone, changed, with mistakes, and killed."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from clones import Clone, Machines, ignored
from locations import ROOT, TINY

from privprune.records import read_records
from privprune.verdicts import VERDICTS

pytestmark = pytest.mark.slow

EVERYTHING = [
    "check",
    "fetch@digits",
    *("train@base", "train@cut", "prune@pruned", "harden@game", "harden@private", "harden@cut-cem"),
    *("attack@base", "attack@pruned", "attack@cut-cem", "attack@cut-inverted", "attack@cut-cem-inverted"),
    *("train@dense", "prune@removed", "attack@dense-inverted", "attack@removed-inverted"),
    *("recognise@cem-digits", "recognise@patrol-digits", "deploy@cut", "deploy@removed"),
    *(f"{stage}@{name}" for stage in ("evaluate", "plot") for name in ("mia_pruning", "cem", "patrol", "cross")),
    *("report", "track"),
]
AFTER_GAME = [
    *("check", "harden@game"),
    *(f"{stage}@{name}" for stage in ("evaluate", "plot") for name in ("mia_pruning", "cross")),
    *("report", "track"),
]
OF_ONE_NETWORK = {"edge_operations", "cloud_operations"}  # measured where a network is deployed
HEADER = (
    "suite,paper,table,dataset,model,method,attack,metric,published,measured,low,high,seeds,verdict,"
    "checks_passed,checks_failed,failed"
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a fresh clone after a complete `dvc repro`."""
    made = Clone.fresh(tmp_path_factory.mktemp("clone") / "privprune", TINY)
    run, _ = made.repro()
    assert sorted(run) == sorted(EVERYTHING)
    return made


CHANGE = ("gain_weight: 1.0", "gain_weight: 2.0")


@pytest.fixture(scope="module")
def changed(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a copy after a change of one parameter of one cell and a plain `dvc repro`, a new process per stage."""
    copy = clone.copy(tmp_path_factory.mktemp("changed") / "privprune")
    copy.change(*CHANGE)
    run, output = copy.repro(forked=False)
    assert sorted(run) == sorted(AFTER_GAME), output
    return copy


def test_one_command_makes_everything(clone: Clone) -> None:
    """In a fresh clone `dvc repro` writes all records, tables, figures, verdicts and pages of the suite."""
    reports = clone.folder / "reports" / "tiny"
    found = {(record.stage, record.cell) for record in read_records(reports / "records" / "mia_pruning")}
    cells = {("train", "base"), ("prune", "pruned"), ("harden", "game"), ("harden", "private")}
    assert found == cells | {("attack", "base"), ("attack", "pruned")}
    lines = (reports / "verdicts.csv").read_text().splitlines()
    assert lines[0] == HEADER
    rows = list(csv.DictReader(lines))
    assert {row["verdict"] for row in rows} <= set(VERDICTS)
    measured = [row for row in rows if row["verdict"] == "stand-in data"]
    assert {row["method"] for row in measured} == {"baseline", "mia_pruning", "bottleneck", "resfl+cem", "patrol"}
    assert all(row["measured"] for row in measured)
    assert {row["metric"] for row in measured if row["seeds"] != "2"} == OF_ONE_NETWORK
    assert "<html" in (reports / "index.html").read_text()
    assert any((reports / "figures" / "mia_pruning").iterdir())
    assert any((reports / "tables" / "mia_pruning").iterdir())
    assert (clone.folder / "mlflow.db").stat().st_size > 0


def test_one_command_runs_the_inversion_cells(clone: Clone) -> None:
    """Networks with a cut are trained, hardened and attacked in both ways; reconstructions are judged and shown."""
    reports = clone.folder / "reports" / "tiny"
    records = read_records(reports / "records" / "cem")
    inverted = {record.cell: record for record in records if "decoder_train" in record.attacks}
    found = {(record.stage, record.cell) for record in records if record.cell not in inverted}
    cells = {("train", "cut"), ("harden", "cut-cem"), ("attack", "cut-cem")}
    assert found == cells | {("recognise", "cem-digits"), ("deploy", "cut")}
    assert inverted.keys() == {"cut-inverted", "cut-cem-inverted"}
    assert all(record.panels.keys() == {"original", *record.attacks} for record in inverted.values())
    rows = list(csv.DictReader((reports / "verdicts" / "cem.csv").read_text().splitlines()))
    measured = [row for row in rows if row["verdict"] == "stand-in data"]
    assert {row["method"] for row in measured} == {"bottleneck", "resfl+cem"}
    assert {row["metric"] for row in measured} >= {"test_accuracy", "decoder_train_mse"}
    assert all(row["measured"] for row in measured)
    assert {row["metric"] for row in measured if row["seeds"] != "2"} == OF_ONE_NETWORK
    assert json.loads((reports / "evaluations" / "cross.json").read_text())["lines"]
    for name in ("cem", "cross"):
        assert any((reports / "figures" / name).iterdir())
        assert any((reports / "tables" / name).iterdir())


def test_one_command_runs_the_patrol_cells(clone: Clone) -> None:
    """An edge is pruned, inverted also by an adaptive attack, its reconstructions are judged, and it is exported."""
    reports = clone.folder / "reports" / "tiny"
    records = {(record.stage, record.cell): record for record in read_records(reports / "records" / "patrol")}
    cells = {("train", "dense"), ("prune", "removed"), ("attack", "dense-inverted"), ("attack", "removed-inverted")}
    assert records.keys() == cells | {("recognise", "patrol-digits"), ("deploy", "removed")}
    metrics = records["prune", "removed"].metrics
    pairs = zip(metrics["edge_parameters_left"], metrics["edge_parameters_dense"], strict=True)
    assert all(2 * left <= dense for left, dense in pairs)
    looked_at = {"dense/decoder_train", "removed/decoder_train", "removed/adaptive_decoder"}
    assert records["recognise", "patrol-digits"].attacks.keys() == looked_at
    deployed = {path.name for path in (clone.folder / "data/deployed/removed").iterdir()}
    assert deployed == {"edge.onnx", "edge_int8.onnx", "cloud.onnx", "pair.json"}
    evaluation = json.loads((reports / "evaluations" / "patrol.json").read_text())
    numbers = {cell["cell"]: cell["numbers"] for cell in evaluation["cells"]}
    both = {"test_accuracy", "edge_lipschitz", "decoder_train_mse", "decoder_train_recognised"}
    smaller = {"edge_removed", "adaptive_decoder_mse", "adaptive_decoder_recognised", "edge_file_bytes"}
    assert both <= numbers["dense"].keys()
    assert both | smaller <= numbers["removed"].keys()
    assert not smaller & numbers["dense"].keys()
    for name in ("figures", "tables"):
        assert any((reports / name / "patrol").iterdir())


def test_no_temporary_files_are_left(clone: Clone) -> None:
    """There are no temporary files or folders next to the outputs."""
    for folder in ("data", "reports"):
        hidden = [path for path in (clone.folder / folder).rglob(".*") if path.name != ".gitignore"]
        assert hidden == []


def test_a_second_run_does_nothing(clone: Clone) -> None:
    """`dvc repro` with nothing to do runs no stage."""
    assert clone.repro()[0] == []


def test_a_change_of_one_cell_reruns_what_depends_on_it(clone: Clone, changed: Clone) -> None:
    """Only models and records of the changed cell differ."""
    before, after = (one.contents("data", "reports/tiny/records") for one in (clone, changed))
    differing = {path for path in before if before[path] != after[path]}
    assert before.keys() == after.keys()
    assert differing == {
        "data/models/game/models.safetensors",
        "reports/tiny/records/mia_pruning/harden/game.json",
    }


def test_parallel_stages_write_the_same_bytes(clone: Clone, changed: Clone, tmp_path: Path) -> None:
    """`stages.parallel` lists and runs the stages of `dvc repro`, all of them, and writes the same bytes."""
    copy = clone.copy(tmp_path / "privprune")
    copy.change(*CHANGE)
    listed, _ = copy.start("-m", "stages.parallel", "--dry-run").communicate()
    assert {*re.findall(r"^(\S+) +(?:runs|if its inputs change) ", listed, re.MULTILINE)} == {*AFTER_GAME} - {"check"}
    assert "data: digits, for 1 stages: ready, fetched before" in listed.splitlines(), listed
    process = copy.start("-m", "stages.parallel", "--jobs", "2")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "up to date" in output.splitlines()[-1]
    assert re.findall(r"\] done (\S+) in", output)[0] == "harden@game"
    below = ("data", "reports/tiny/records", "reports/tiny/tables", "reports/tiny/figures")
    assert copy.contents(*below) == changed.contents(*below)


# runs in one process what DVC runs in six
FROM_RECORDS = """
from stages import evaluate, plot
for name in ("mia_pruning", "cem", "patrol", "cross"):
    evaluate.main(name)
    plot.main(name)
"""


def test_tables_come_from_the_records_alone(clone: Clone, tmp_path: Path) -> None:
    """Without data, cache and models, `evaluate` and `plot` write the same bytes from the records in git."""
    folders = [f"reports/tiny/{name}" for name in ("tables", "verdicts", "evaluations", "metrics", "figures")]
    gone = [clone.folder / name for name in ("data", ".dvc", "mlflow.db", *folders)]
    shutil.copytree(clone.folder, tmp_path / "privprune", ignore=lambda folder, names: ignored(folder, names, gone))
    copy = Clone(tmp_path / "privprune")
    process = copy.start("-c", FROM_RECORDS)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert copy.contents(*folders) == clone.contents(*folders)


def test_a_mistake_in_the_suite_is_reported_before_anything_runs(clone: Clone, tmp_path: Path) -> None:
    """A mistake in any entry is reported in one line, without a traceback, and existing outputs do not change."""
    copy = clone.copy(tmp_path / "privprune")
    before = copy.contents("data", "reports")
    copy.change(*CHANGE)
    copy.change("rho_start: 0.001", "rho_start: fast")
    run, output = copy.repro(status=255)
    assert run == ["check"]
    line = "error: params.yaml: prune.pruned.method.rho_start: found 'fast', allowed a number"
    assert [found for found in output.splitlines() if found.startswith(line)]
    assert "Traceback" not in output
    after = copy.contents("data", "reports")
    of_check = {
        path
        for path in before
        if path.startswith(("data/checked.json", "data/code/", "data/methods/", "data/models/None", "data/own/"))
    }
    assert {path: sum_ for path, sum_ in before.items() if path not in of_check} == {
        path: sum_ for path, sum_ in after.items() if path not in of_check
    }


def stale(clone: Clone) -> set[str]:
    """Return the stages that `dvc status` names; none where all are up to date."""
    process = clone.start("-m", "dvc", "status")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    found = set(re.findall(r"^(\S+):$", output, re.MULTILINE))
    assert found or "up to date" in output, output
    return found


def test_a_new_method_makes_nothing_stale(clone: Clone, tmp_path: Path) -> None:
    """After a new defence, attack, pruning method, wire, model or dataset is added, all stages are up to date."""
    copy = clone.copy(tmp_path / "privprune")
    for folder in (
        "defences",
        "attacks/membership",
        "attacks/inversion",
        "pruning",
        "models",
        "models/wire",
        "models/output",
        "datasets",
    ):
        (copy.folder / "privprune" / folder / "brand_new.py").write_text('"""A new method."""\n')
    assert stale(copy) == set()
    assert copy.repro()[0] == []


def test_a_changed_method_reruns_the_entries_that_use_it(clone: Clone, tmp_path: Path) -> None:
    """A change of CEM as written makes its cell stale and nothing else, a comment in Min-Max not even its cell."""
    copy = clone.copy(tmp_path / "privprune")
    defences = copy.folder / "privprune" / "defences"
    for file, line in (
        (defences / "cem" / "as_written.py", "CHANGED = True"),
        (defences / "min_max.py", "# a comment"),
    ):
        file.write_text(f"{file.read_text()}{line}\n")
    assert copy.repro("check")[0] == ["check"]
    assert stale(copy) == {"harden@cut-cem"}


PLUGIN_CELL = """
  outside:
    paper: mia_pruning
    data: digits
    from: models/base
    network: null
    defence: {name: logit_decay, weight: 0.1}
    plan: *plan
    keep_shadows: true
    stack: 1
"""


def test_a_plugin_is_used_and_fingerprinted_like_our_own_methods(clone: Clone, tmp_path: Path) -> None:
    """A plugin's defence trains a cell; only that cell depends on its files, including the helper they import."""
    copy = clone.copy(tmp_path / "privprune")
    shutil.copytree(ROOT / "tests" / "outside_methods", copy.folder / "outside_methods")
    copy.change("\nharden:\n", f"\nplugins: [outside_methods.logit_decay]\n\nharden:{PLUGIN_CELL}")
    run, output = copy.repro("harden@outside")
    assert run == ["check", "harden@outside"], output
    assert (copy.folder / "reports/tiny/records/mia_pruning/harden/outside.json").exists()
    listed = json.loads((copy.folder / "data/code/harden/outside.json").read_text())
    assert {"outside_methods/logit_decay.py", "outside_methods/strength.py"} <= listed.keys()
    helper = copy.folder / "outside_methods" / "strength.py"
    helper.write_text(helper.read_text().replace("0.5", "0.6"))
    assert copy.repro("check")[0] == ["check"]
    after = {stage for stage in stale(copy) if stage.startswith(("train@", "prune@", "harden@", "attack@"))}
    assert after == {"harden@outside"}


# runs stages on one core, where nothing is forked, and prints for each the files of ours of which a function was called
TRACED = """
import importlib, json, os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
found = {}
for entry in sys.argv[1:]:
    stage, name = entry.split("@")
    module, called = importlib.import_module("stages." + stage), set()
    def note(frame, event, argument):
        if event == "call" and frame.f_code.co_flags & 1:  # of functions: modules and classes are read in any case
            called.add(frame.f_code.co_filename)
    sys.setprofile(note)
    module.main(name)
    sys.setprofile(None)
    found[entry] = [os.path.relpath(file) for file in called if file.startswith(os.getcwd())]
print("CALLED " + json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the number of cores can be chosen on Linux only")
def test_code_that_is_called_is_listed(clone: Clone, tmp_path: Path) -> None:
    """Every file of ours of which an entry calls a function stands in the entry's list, methods and helpers alike."""
    copy = clone.copy(tmp_path / "privprune")
    entries = ("harden@cut-cem", "prune@pruned", "prune@removed", "attack@base", "attack@cut-inverted")
    output, _ = copy.start("-c", TRACED, *entries).communicate()
    found = json.loads(next(line for line in output.splitlines() if line.startswith("CALLED "))[len("CALLED ") :])
    assert found.keys() == set(entries)
    for entry, called in found.items():
        assert len(called) > 10
        listed = json.loads((copy.folder / "data" / "code" / f"{entry.replace('@', '/')}.json").read_text())
        tracking = {file for file in called if file.startswith("privprune/tracking/")}
        assert set(called) - listed.keys() <= tracking


def is_new(path: Path, since: int) -> bool:
    """Return whether a file was written after a time in nanoseconds."""
    try:
        return path.stat().st_mtime_ns >= since
    except FileNotFoundError:
        return False


def killed_when(clone: Clone, moment: Callable[[int], bool], *arguments: str) -> str:
    """Start `dvc repro`, kill its whole process group as soon as a condition is true, and return the output."""
    since = time.time_ns()
    process = clone.start("-m", "dvc", "repro", *arguments)
    while not moment(since):
        assert process.poll() is None, f"the moment never came: {process.communicate()[0]}"
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]


# runs a stage that writes checkpoints at once, and kills itself with its workers after the first one
KILLED_AT_FIRST = """
import os, runpy, signal, sys
from privprune.checkpoints.store import Checkpoints
write = Checkpoints._write
def write_and_die(self, *content):
    write(self, *content)
    os.killpg(0, signal.SIGKILL)
Checkpoints._write = write_and_die
os.environ["PRIVPRUNE_CHECKPOINT_SECONDS"] = "0"
sys.argv = ["stages.harden", "game"]
runpy.run_module("stages.harden", run_name="__main__")
"""


def killed_while_training(clone: Clone) -> list[str]:
    """Start a stage that is killed after an epoch, and return the groups of networks that have a checkpoint."""
    killed = clone.start("-c", KILLED_AT_FIRST)
    output, _ = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, output
    return [path.parent.name for path in (clone.folder / "data" / "checkpoints").rglob("train-*.checkpoint")]


def test_a_kill_at_any_moment_changes_no_byte(clone: Clone, changed: Clone, tmp_path: Path) -> None:
    """Killed after an epoch a stage resumes with the next; killed again as it writes it ends with the same bytes."""
    copy = clone.copy(tmp_path / "privprune")
    copy.change(*CHANGE)
    kept = killed_while_training(copy)
    assert kept
    models, record = copy.folder / "data" / "models", copy.folder / "reports/tiny/records/mia_pruning/harden/game.json"
    manifest = models / "game" / "manifest.json"
    writing = lambda since: any(models.glob(".game-*")) or is_new(manifest, since)  # noqa: E731 (the first is brief)
    resumed = killed_when(copy, writing, "harden@game")
    for group in kept:
        assert f"game {group} 1/2" not in resumed
        assert f"game {group} 2/2" in resumed
    killed_when(copy, lambda since: is_new(manifest, since), "harden@game")
    killed_when(copy, lambda since: is_new(record, since), "harden@game")
    run, output = copy.repro("harden@game")
    assert run in ([], ["harden@game"], ["check", "harden@game"]), output  # none where the last kill came too late
    for left in models.glob(".game-*"):  # empty or not, what a killed stage was writing is no output
        shutil.rmtree(left)
    below = ("data", "reports/tiny/records")
    assert copy.contents(*below) == changed.contents(*below)
    assert copy.repro("harden@game")[0] == []


def test_an_inversion_killed_before_its_record_changes_no_byte(clone: Clone, tmp_path: Path) -> None:
    """An inversion that was killed between writing its images and its record writes the same bytes again."""
    copy = clone.copy(tmp_path / "privprune")
    images = copy.folder / "data" / "attacks" / "cem" / "cut-inverted" / "reconstructions.npz"
    killed_when(copy, lambda since: is_new(images, since), "--force", "--single-item", "attack@cut-inverted")
    run, output = copy.repro("attack@cut-inverted")
    assert run == ["attack@cut-inverted"], output
    below = ("data", "reports/tiny/records")
    assert copy.contents(*below) == clone.contents(*below)


@pytest.fixture(scope="module")
def machines(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Return a scheduler with two workers; in the clone of its head one cell is stale."""
    folder = tmp_path_factory.mktemp("machines")
    head = clone.copy(folder / "head")
    head.change(*CHANGE)
    found = Machines(head, folder)
    for _ in range(2):
        found.add()
    yield found
    found.end()


def test_a_worker_with_other_code_is_refused(machines: Machines) -> None:
    """One line, status 1, and nothing runs; other reasons are in tests/stages/runner/test_cluster.py."""
    before = machines.head.contents("data", "reports")
    script = machines.clones[0].folder / "stages" / "train.py"
    written = script.read_text()
    script.write_text("changed = True\n")
    head = machines.head.start("-m", "stages.parallel", "--scheduler", machines.address)
    output, _ = head.communicate()
    script.write_text(written)
    assert head.returncode == 1
    assert re.search(r"^error: .*found other code.*$", output, re.MULTILINE), output
    assert "Traceback" not in output
    assert machines.head.contents("data", "reports") == before


def test_a_cluster_listens_to_its_own_machine_alone(machines: Machines) -> None:
    """Scheduler and workers, started as the documentation says for one machine, listen on loopback only."""
    for process in machines.processes:
        listening, until = set[str](), time.monotonic() + 60
        while not listening and time.monotonic() < until:  # a worker needs seconds to begin
            connections = psutil.Process(process.pid).net_connections()
            listening = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}


def test_a_worker_that_is_killed_changes_no_byte(machines: Machines, changed: Clone) -> None:
    """With two workers, one of them killed while training, the head has the bytes of a serial run."""
    clones = machines.clones
    head = machines.head.start("-m", "stages.parallel", "--scheduler", machines.address, "harden@game")
    until = time.monotonic() + 200
    killed = None
    while killed is None and time.monotonic() < until and head.poll() is None:
        busy = [number for number, one in enumerate(clones) if any((one.folder / "data/checkpoints").rglob("train-*"))]
        killed = busy[0] if busy else None
        time.sleep(0.002)
    assert killed is not None, head.communicate()[0]
    os.killpg(machines.workers[killed].pid, signal.SIGKILL)
    output, _ = head.communicate()
    assert head.returncode == 0, output
    assert "Stage 'harden@game' is cached" in output  # the head restores it
    assert "Running stage" not in output
    assert machines.head.repro("harden@game")[0] == []
    below = ("data", "reports/tiny/records")
    assert machines.head.contents(*below) == changed.contents(*below)
