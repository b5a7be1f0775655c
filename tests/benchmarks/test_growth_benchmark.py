"""Benchmarks of growth and scheduling: the fit is exact, and temporary pipelines have the intended stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import growth, scheduling, throwaway
from benchmarks.growth_law import fitted
from benchmarks.measuring import Timing
from stages.runner.plan import plan

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # newer Pythons, where it forks


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 1.0, 1.7])
def test_a_known_power_is_found(exponent: float) -> None:
    """Through points of a power law the fit is that law, and no point lies off it."""
    law = fitted([(size, 3.0 * size**exponent) for size in (2.0, 5.0, 30.0, 1000.0)])
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    assert law.factor == pytest.approx(3.0)
    assert law.residual == pytest.approx(0.0, abs=1e-9)
    assert law.at(7.0) == pytest.approx(3.0 * 7.0**exponent)


def test_points_off_the_line_are_told() -> None:
    """Two measurements of each size, one 10 % above and one as far below, lie that far off a flat line."""
    law = fitted([(size, 2.0 * ratio) for size in (1.0, 4.0) for ratio in (1.1, 1 / 1.1)])
    assert law.exponent == pytest.approx(0.0, abs=1e-9)
    assert law.residual == pytest.approx(float(torch.tensor(1.1).log()))


def test_a_cost_is_the_median_of_its_rounds() -> None:
    """Sizes are measured by turns after a round that does not count; the row has exponent, points and residual."""
    asked: list[int] = []

    def cost(size: int) -> float:
        asked.append(size)
        return float(size**2) * (100 if len(asked) < 4 else 1)

    found = growth.grown("seeds", (2, 4), cost, 3)
    assert asked == [2, *(2, 4) * 3]
    assert found.value == pytest.approx(2.0)
    assert found.points == (("2", 4.0), ("4", 16.0))
    assert "lie 0 % off the line" in found.note


@pytest.mark.slow
def test_what_computes_is_measured() -> None:
    """Images, seeds, shadow models and clusters each have a row with all their points."""
    found = growth.trained(growth.QUICK, torch.device("cpu"))
    assert [one.measure.partition(":")[0] for one in found] == ["images", "seeds", "shadows", "clusters"]
    assert all(one.value is not None and len(one.points) == 2 for one in found)


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # of a package that DVC uses
@pytest.mark.parametrize("done", [True, False])
def test_a_throwaway_pipeline_is_done_or_to_be_done(
    done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC sees one stage per cell behind `check`, all up to date or none."""
    throwaway.make(tmp_path / "pipeline", 2, done=done)
    monkeypatch.chdir(tmp_path / "pipeline")
    found = plan([])
    assert set(found.dependencies) == {"check", "cell@cell-0", "cell@cell-1"}
    assert found.dependencies["cell@cell-1"] == {"check"}
    assert len(found.pending) == (0 if done else 3)


def test_planning_is_timed_without_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of cells is what the process that plans says; one that fails gives no number."""
    monkeypatch.setattr(growth, "_PLANNED", "import os; print(float(os.getcwd().endswith('7-cells')))")
    (tmp_path / "7-cells").mkdir()
    assert growth.cells_cost(tmp_path, 7) == 1.0
    monkeypatch.setattr(growth, "_PLANNED", "raise SystemExit('no graph')")
    monkeypatch.setattr(growth, "make", lambda *_, **__: None)
    (tmp_path / "1-cells").mkdir()
    found = growth._cells(growth.QUICK, tmp_path)
    assert found.value is None
    assert found.note.endswith("no graph")


def test_overhead_is_what_is_left_beside_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 6 s for three stages of 0.2 s on two jobs, 1.9 s per stage are overhead; one job has all the work."""
    size, ran = scheduling.Size(stages=3, jobs=(2, 1), rounds=1), []

    def by_turns(sides: dict[str, Any], *_: object, **__: object) -> Timing:
        for work in sides.values():
            work()
        return Timing({"--jobs 2": [6.0], "--jobs 1": [9.0], "dvc repro": [3.0]})

    def in_folder(command: list[str], folder: Path) -> Any:
        ran.append(" ".join(command[1:]))
        assert sorted(path.name for path in folder.iterdir()) == [".dvc", "dvc.yaml", "params.yaml"]
        return scheduling.run(["true"], folder)

    monkeypatch.setattr(scheduling, "by_turns", by_turns)
    monkeypatch.setattr(scheduling, "in_folder", in_folder)
    monkeypatch.setattr(scheduling, "run_dvc", lambda *_, folder: in_folder(["dvc", "repro"], folder))
    monkeypatch.setattr(scheduling, "cores", lambda: 2)
    monkeypatch.setattr(scheduling, "_work", lambda _: 0.2)
    two, one, ratio = scheduling.measure(size)
    assert two.value == pytest.approx(1.9)
    assert one.value == pytest.approx(2.8)
    assert (two.aim, one.aim, ratio.value) == (0.3, None, 0.5)
    assert ran[:3] == ["-m stages.parallel --jobs 2", "-m stages.parallel --jobs 1", "repro"]


def test_a_pipeline_that_fails_has_no_overhead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row says why."""

    def refused(*_: object, **__: object) -> None:
        raise throwaway.PipelineError("dvc repro failed: no disk")

    monkeypatch.setattr(scheduling, "make", refused)
    (found,) = scheduling.measure(scheduling.QUICK)
    assert (found.value, found.note) == (None, "dvc repro failed: no disk")
