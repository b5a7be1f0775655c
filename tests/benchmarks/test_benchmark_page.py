"""The page of the benchmarks: figures drawn from what is stored, notes below the table, old rows kept."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import figures
from benchmarks.result import Result
from benchmarks.units import aimed, with_unit
from benchmarks.writing import as_rows, conditions, letter, write

LARGEST = 300_000  # bytes of a figure
GROWN = Result(
    "growth", "cells: a plan", 1.0, "power", None, "lower", "", tuple((str(n), n / 10) for n in (1, 2, 4, 8))
)
DIVIDED = Result(
    "peak", "VGG16: share", 40.0, "%", 40.0, "higher", "", (("products", 0.4), ("BatchNorm", 0.5), ("rest", 0.1))
)
FAST = Result("training", "loop $a$", 6.0, "times", 3.0, "higher", "behind it")
SLOW = Result("demo", "all of it", 1200.0, "s", 600.0, "lower", "also behind it")


def rows(*results: Result) -> list[dict[str, Any]]:
    """Return results as measured here and now."""
    return as_rows(results, conditions())


def test_a_score_is_how_many_times_better_than_the_aim() -> None:
    """Twice as fast as asked for is 2, twice as slow 0.5, whatever the unit."""
    assert [figures.score(row) for row in rows(FAST, SLOW, DIVIDED)] == [2.0, 0.5, 1.0]


def test_every_aim_is_drawn() -> None:
    """Each row with an aim has its line from 1 to its score and its number, in the order of the table."""
    (axes,) = figures.ratios(rows(FAST, SLOW)).axes
    lines = [list(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 1]
    assert lines == [[1, 2.0], [1, 0.5]]
    assert [text.get_text() for text in axes.texts] == ["6.00 times  (≥ 3 times)", "1200 s  (≤ 600 s)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["training: loop $a$", "demo: all of it"]


def test_growth_is_a_line_on_logarithmic_axes() -> None:
    """The fitted line goes through points that are proportional to n, and the title has the exponent."""
    (axes,) = figures.growth(rows(GROWN)).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_title(loc="left") == "Cells: n^1.00"
    fit, points, _ = axes.lines
    assert list(points.get_ydata()) == [0.1, 0.2, 0.4, 0.8]
    assert fit.get_ydata()[-1] == pytest.approx(0.8)


def test_a_step_is_divided_into_its_parts() -> None:
    """The bars stand one after another, and end at the whole."""
    (axes,) = figures.peak(rows(DIVIDED)).axes
    edges = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert edges == pytest.approx([40, 90, 100])


def test_the_page_has_table_figures_and_notes(tmp_path: Path) -> None:
    """Each row is one line; what is behind it stands below; each figure is there, small, and the same next time."""
    page = write(rows(FAST, SLOW, GROWN, DIVIDED), tmp_path).read_text()
    assert "| training | loop $a$ | 6.00 times | ≥ 3 times | yes | A |" in page
    assert page.index("| note 2 |") < page.index("- A: ") < page.index("- note 2: also behind it")
    drawn = {name: (tmp_path / "benchmarks" / f"{name}.svg").read_bytes() for name in ("ratios", "growth", "peak")}
    for name, content in drawn.items():
        assert f"](benchmarks/{name}.svg)" in page
        assert 0 < len(content) < LARGEST
    write([], tmp_path)
    assert {name: (tmp_path / "benchmarks" / f"{name}.svg").read_bytes() for name in drawn} == drawn


def test_figures_show_kept_rows_too(tmp_path: Path) -> None:
    """A run of one benchmark keeps the points of the others; rows of before there were points are fine."""
    write(rows(GROWN), tmp_path)
    stored = json.loads((tmp_path / "benchmarks.json").read_text())
    assert stored["results"][0]["points"] == [list(point) for point in GROWN.points]
    old = {key: value for key, value in rows(SLOW)[0].items() if key != "points"}
    page = write([old], tmp_path).read_text()
    assert "benchmarks/growth.svg" in page
    assert "| growth | cells: a plan | n^1.00 |" in page


def test_what_was_not_measured_is_in_no_figure(tmp_path: Path) -> None:
    """A row without number has its line in the table, and nothing is drawn of it."""
    page = write(rows(Result("peak", "GPU", None, "%", 40.0, "higher", "no GPU at hand")), tmp_path).read_text()
    assert "| peak | GPU | not measured | ≥ 40 % |" in page
    assert ".svg" not in page
    assert "no GPU at hand" in page


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1.234, "times", "1.23 times"),
        (227.4, "s", "227 s"),
        (1057.2, "MiB", "1,057 MiB"),
        (4.96, "%", "5.0 %"),
        (224.6, "GFLOP/s", "225 GFLOP/s"),
        (0.987, "power", "n^0.99"),
    ],
)
def test_numbers_are_written_with_their_unit(value: float, unit: str, written: str) -> None:
    """As many digits as mean something."""
    assert with_unit(value, unit) == written


def test_machines_have_letters_without_end() -> None:
    """After Z comes AA; nothing is written for an aim that is not there."""
    assert [letter(number) for number in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]
    assert aimed({"aim": None}) == ""
    assert math.isclose(float(aimed(rows(SLOW)[0]).split()[1]), 600)


def test_each_name_leads_to_its_benchmark() -> None:
    """A module that is named on the command line calls itself so, and can be run in both sizes."""
    for name, module in command.BENCHMARKS.items():
        found = importlib.import_module(f"benchmarks.{module}")
        assert name == found.NAME
        assert type(found.FULL) is type(found.QUICK)
        assert callable(found.measure)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let benchmarks only say that they ran, in a checkout that has a pipeline and a stored row."""
    names: list[str] = []

    class Stub:
        FULL, QUICK = "full", "quick"

        def __init__(self, module: str) -> None:
            self._module = module.rpartition(".")[2]

        def measure(self, size: str) -> list[Result]:
            names.append(f"{self._module} {size}")
            return [FAST]

    monkeypatch.setattr(importlib, "import_module", Stub)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    write(rows(GROWN), tmp_path / "reports")
    return names


def test_the_long_one_runs_when_asked_for(ran: list[str]) -> None:
    """Without names all but the demo run; with --all, or by its name, it runs too."""
    for arguments, expected in (
        ([], [module for name, module in command.BENCHMARKS.items() if name != "demo"]),
        (["--all"], list(command.BENCHMARKS.values())),
        (["demo"], ["demo"]),
    ):
        command.main(["--quick", *arguments])
        assert ran == [f"{module} quick" for module in expected]
        ran.clear()


def test_redrawing_measures_nothing(ran: list[str]) -> None:
    """Table and figures come back from what is stored; a quick run writes neither."""
    page = Path("reports/benchmarks.md")
    before = page.read_text()
    page.unlink()
    command.main(["--quick", "peak"])
    assert not page.exists()
    command.main(["--redraw"])
    assert page.read_text() == before
    assert ran == ["matrix_peak quick"]
