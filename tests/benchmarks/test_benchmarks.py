"""The benchmarks run, and say what they measured; how fast anything is, no test asserts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import demo, memory, nothing_to_do, own_tests, shadow_models, training_speed
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.commands import run
from benchmarks.measuring import Timing, by_turns, top_operators
from benchmarks.result import Result
from benchmarks.writing import as_markdown, as_rows, conditions, write

pytestmark = [  # newer Pythons warn where a process with threads forks, PyTorch where a machine has one core
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


@pytest.fixture(autouse=True)
def _few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take one thread where a benchmark takes PyTorch's number: on a busy machine, threads of tiny work wait long."""
    for module in (training_speed, shadow_models):
        monkeypatch.setattr(module, "DEFAULT_THREADS", 1)


def result(**changed: Any) -> Result:
    """Return a result with an aim, some of its facts changed."""
    facts: dict[str, Any] = {
        "benchmark": "training",
        "measure": "loop | loop",
        "value": 3.5,
        "unit": "times",
        "aim": 3.0,
        "better": "higher",
        "note": "",
    }
    return Result(**{**facts, **changed})


@pytest.mark.parametrize(
    ("changed", "reached"),
    [
        ({}, "yes"),
        ({"value": 2.9}, "no"),
        ({"value": 3.0}, "yes"),
        ({"better": "lower"}, "no"),
        ({"better": "lower", "value": 2.0}, "yes"),
        ({"better": "lower", "value": 3.0}, "yes"),
        ({"aim": None}, ""),
        ({"value": None}, ""),
    ],
)
def test_an_aim_is_reached_on_its_good_side(changed: dict[str, Any], reached: str) -> None:
    """At least the aim where higher is better, at most where lower is; empty without an aim or a number."""
    assert result(**changed).reached == reached


def test_sides_are_measured_by_turns() -> None:
    """Every round runs every side once, after a round that is not counted."""
    ran: list[str] = []
    timing = by_turns({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, rounds=2)
    assert ran == ["a", "b"] * 3
    assert {side: len(seconds) for side, seconds in timing.seconds.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A round in which both sides were slow counts like any other."""
    timing = Timing({"fast": [1.0, 10.0, 2.0], "slow": [3.0, 40.0, 10.0]})
    assert timing.times_faster("fast", than="slow") == 4.0
    assert timing.spread("fast", "slow", work=2) == "6.00 to 10.00 in 3 rounds"
    assert timing.median("fast") == 2.0


def test_the_costliest_operator_is_named_first() -> None:
    """Of a large matrix product and a sum, the product."""
    left = torch.ones(300, 300)
    assert top_operators(lambda: torch.add(left @ left, 1), count=1).startswith("processor time: mm ")


def test_training_is_measured_on_all_sides() -> None:
    """Three ratios, one with the aim, with the images per second of each side behind it."""
    found = training_speed.measure(training_speed.Size(images=64, batch=32, rounds=1))
    assert [one.aim for one in found] == [training_speed.AIM, None, None]
    assert all(one.value is not None and one.value > 0 for one in found)
    assert all(side in found[0].note for side in ("customary, one thread", "ours, one network", "ours, two networks"))


def test_both_loops_learn() -> None:
    """An epoch over one image lowers the loss below that of guessing, in the customary loop and in ours."""
    images = torch.full((640, 1, 28, 28), 200, dtype=torch.uint8)
    labels = torch.zeros(640, dtype=torch.int64)
    guessing = float(torch.tensor(10.0).log())
    assert training_speed.customary_epoch(images, labels, 32, threads=1) / 20 < guessing
    assert training_speed.our_epoch(images, labels, 32, seed=0) < guessing


@pytest.mark.parametrize("model", shadow_models.IMAGE_SIZES)
def test_shadow_models_learn_the_same_in_all_ways(model: str) -> None:
    """Alone, forked to the cores and in a stack: the same mean loss."""
    data = training_speed.random_data(30, shadow_models.IMAGE_SIZES[model])
    shadows = shadow_models.Shadows(model, *data, batch=10)
    alone = shadow_models.one_after_another(shadows, 3, threads=1)
    assert shadow_models.side_by_side(shadows, 3, stack=1) == pytest.approx(alone, rel=1e-5)
    assert len(set(alone)) == 3
    assert shadow_models.side_by_side(shadows, 3, stack=3) == pytest.approx([sum(alone) / 3], rel=1e-4)


def test_shadow_models_are_measured_in_all_ways() -> None:
    """One row for forked workers and one for each size of stack."""
    found = shadow_models.measure(shadow_models.Size(2, {"digits_cnn": 20}, 10, (2, 1), rounds=1))
    assert [one.measure.split(", ")[1] for one in found] == [
        "forked workers on the cores",
        "stacks of 2",
        "stacks of 1",
    ]
    assert all(one.value is not None and one.value > 0 for one in found)


def test_a_child_tells_status_output_and_memory(tmp_path: Path) -> None:
    """A process of 60 MiB that starts another of 60 MiB: the largest has 60, both together 120."""
    grandchild = "import time; held = bytearray(60 << 20); time.sleep(1)"
    program = (
        f"import subprocess, sys; held = bytearray(60 << 20); subprocess.run([sys.executable, '-c', '{grandchild}'])"
    )
    found = run([sys.executable, "-c", f"{program}; print('said'); sys.exit(3)"], tmp_path, sampled=True)
    assert (found.status, found.output) == (3, "said\n")
    assert 60 < found.largest_process < 110
    assert 120 < found.whole_tree < 200
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_checkout_is_said_to_be_one(tmp_path: Path) -> None:
    """Without `dvc.lock` nothing is run and no number is made up."""
    for found in (
        nothing_to_do.measure(nothing_to_do.Size(tmp_path, 1)),
        memory.measure(memory.Size(tmp_path, None)),
    ):
        assert [(one.value, one.reached) for one in found] == [(None, "")]
        assert "needs a finished demo" in found[0].note


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with stages that only take memory, and what a finished demo leaves."""
    for name in ("privprune", "stages", "data", "reports/demo/timings/mia_pruning/train"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "stages" / "__init__.py").write_text("")
    (tmp_path / "stages" / "held.py").write_text("import sys; held = bytearray(int(sys.argv[1].strip('m')) << 20)\n")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "params.yaml").write_text("suite: demo\ntrain: {1m: {}, 90m: {}, 3m: {}}\n")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  check: {cmd: python -m stages.held 2m}\n"
        "  train: {foreach: '${train}', do: {cmd: 'python -m stages.held ${key}'}}\n"
        "  track: {cmd: python -m stages.absent}\n"
    )
    for entry, seconds in (("1m", 2.0), ("90m", 50.0)):
        (tmp_path / f"reports/demo/timings/mia_pruning/train/{entry}.json").write_text(json.dumps({"seconds": seconds}))
    return tmp_path


def test_the_longest_entry_of_each_stage_is_run_for_its_memory(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest stage gives the number, the others stand in the note; the checkout stays as it was."""
    monkeypatch.setattr(memory, "why_unfinished", lambda _: "")
    before = sorted(checkout.rglob("*"))
    (found,) = memory.measure(memory.Size(checkout, None))
    assert found.value is not None
    assert 90 < found.value < 150
    assert "stages.held 90m" in found.note
    assert "stages.held 2m" in found.note
    assert [path for path in sorted(checkout.rglob("*")) if "__pycache__" not in path.parts] == before


def test_the_demo_is_timed_in_a_clone(checkout: Path) -> None:
    """What is committed is run elsewhere, and its longest stages are named; a failure gives no number."""
    identity = ["-c", "user.name=n", "-c", "user.email=n@n"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all"]):
        assert run(["git", *command], checkout).status == 0
    program = "import pathlib; open('made', 'w'); [file.touch() for file in pathlib.Path('reports').rglob('*.json')]"
    part = demo.Part("a part", ("python", "-c", program), 9.0)
    found, side_by_side, ratio = demo.measure(demo.Size(checkout, (part,), part))
    assert found.value is not None
    assert side_by_side.value is not None
    assert side_by_side.aim == demo.AIM
    assert found.note == "2 stages that train or attack took 52 s, the longest: train 90m 50 s, train 1m 2 s"
    assert ratio.value is not None
    assert ratio.value > 0
    assert ratio.note.endswith(f" s; side by side, {found.note}")
    assert not (checkout / "made").exists()
    failing = demo.Part("a part", ("python", "-c", "raise SystemExit('no disk')"), 9.0)
    (failed,) = demo.measure(demo.Size(checkout, (failing,), part))
    assert (failed.value, failed.note) == (None, "it failed: no disk")
    _, _, failed = demo.measure(demo.Size(checkout, (part,), failing))
    assert (failed.value, failed.unit, failed.note) == (None, "times", "it failed: no disk")


def test_tests_that_fail_have_no_time(tmp_path: Path) -> None:
    """Passing tests are timed, failing ones are told."""
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert True\n")
    (passing,) = own_tests.measure(own_tests.Size(tmp_path, ("-q", "-p", "no:cacheprovider")))
    assert passing.value is not None
    assert "1 passed" in passing.note
    (tmp_path / "test_two.py").write_text("def test_two():\n    assert False\n")
    (failing,) = own_tests.measure(own_tests.Size(tmp_path, ("-q", "-p", "no:cacheprovider")))
    assert failing.value is None
    assert "1 failed" in failing.note


def test_a_run_replaces_its_own_rows_only(tmp_path: Path) -> None:
    """The table has the new rows of what ran, the old ones of what did not, each in one line."""
    told = conditions()
    write(as_rows([result(), result(benchmark="tests", measure="all")], told), tmp_path)
    table = write(as_rows([result(measure="again", value=None)], told), tmp_path).read_text()
    rows = [line for line in table.splitlines() if line.startswith("| t")]
    assert [row.split(" | ")[1] for row in rows] == ["all", "again"]
    stored = json.loads((tmp_path / "benchmarks.json").read_text())["results"]
    assert {row["benchmark"]: row["value"] for row in stored} == {"training": None, "tests": 3.5}
    assert {"machine", "versions", "date", "load_before"} <= stored[0].keys()


def test_a_table_row_has_as_many_cells_as_the_heading() -> None:
    """A bar in a text does not open a new cell."""
    page = as_markdown(as_rows([result(note="a / b"), result(value=None)], conditions()))
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists what there is."""
    with pytest.raises(SystemExit):
        main(["speed"])
    assert f"found speed, allowed {', '.join(BENCHMARKS)}" in capsys.readouterr().err
