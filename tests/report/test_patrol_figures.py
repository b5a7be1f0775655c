"""PATROL's figures: every cell in its place, in a look of its own, under its own name."""

from __future__ import annotations

import numpy as np
import pytest
from example_patrol import CELLS, SETTINGS, patrol_records
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from privprune.plots import Drawing, draw
from privprune.plots.patrol_looks import looks
from privprune.published import load
from privprune.verdicts import Evaluation, cell_names, evaluate

PATROL = load("patrol")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return the evaluation of the example."""
    return evaluate(patrol_records(), PATROL, SETTINGS, "demo")


@pytest.fixture(scope="module")
def drawings(evaluation: Evaluation) -> dict[str, Drawing]:
    """Return all drawings of the example, by kind."""
    found = draw(patrol_records(), evaluation, PATROL)
    return {drawing.name.partition("-")[0]: drawing for drawing in found}


def marks(axes: Axes) -> list[Line2D]:
    """Return the marks of cells in a panel."""
    return [line for line in axes.lines if line.get_marker() not in ("", "None")]


def places(axes: Axes) -> set[tuple[float, ...]]:
    """Return where the marks of a panel lie."""
    return {tuple(np.round(np.asarray(line.get_xydata())[0], 6)) for line in marks(axes)}


def test_figures_show_every_cell(drawings: dict[str, Drawing]) -> None:
    """The original beside what was rebuilt per method leads; then utility and cost, then depth and the constant."""
    gallery = drawings["cloud"].figure

    assert list(drawings) == ["answer", "cloud", "tradeoff", "mechanisms"]
    assert drawings["cloud"].leads
    assert sum(len(axes.images) for axes in gallery.axes) == len(CELLS)  # the original, and no second strength of noise
    assert "Recognised 30.0 %" in {text.get_text() for text in gallery.texts}
    assert [axes.get_title(loc="left") for axes in drawings["tradeoff"].figure.axes] == [
        *("Error at utility", "Recognised at utility"),
        *("Error at operations of the edge", "Utility at operations of the edge"),
    ]


def test_marks_lie_where_the_cells_are(drawings: dict[str, Drawing]) -> None:
    """Every cell has its mark at mAP and MSE, and only pruned ones are filled; cuts are joined in their order."""
    first = drawings["tradeoff"].figure.axes[0]
    full = [line for line in marks(first) if line.get_markerfacecolor() != "#ffffff"]
    depth = drawings["mechanisms"].figure.axes[0]
    joined = next(line for line in depth.lines if len(np.asarray(line.get_xdata())) == 2)

    assert places(first) == {(100 * values[0], values[1]) for values in CELLS.values()}
    assert len(full) == sum(values[-1] == "prune" for values in CELLS.values())
    assert np.asarray(joined.get_xydata()).tolist() == [[1, 0.001], [2, 0.002]]


def test_cost_is_what_the_edge_computes(drawings: dict[str, Drawing]) -> None:
    """Each network lies at its own operations, exported or not; where none of its kind was counted, it is named."""
    third = drawings["tradeoff"].figure.axes[2]
    dense, least = 2e6, 2e6 * (1 - 0.93)
    known = {name: values for name, values in CELLS.items() if not name.startswith("reid-blocks")}
    expected = {(least if name.startswith("reid-patrol") else dense * (1 - values[3]), values[1])
                for name, values in known.items()}  # fmt: skip

    assert np.array(sorted(places(third))) == pytest.approx(np.array(sorted(expected)))
    uncounted = "No defence, 1 block on the edge (reid-blocks1), No defence, 2 blocks on the edge (reid-blocks2)."
    for kind in ("tradeoff", "answer"):
        assert drawings[kind].caption.endswith(f"Not counted and not shown: {uncounted}")
        assert "multiply-accumulates" in drawings[kind].figure.axes[-1].get_xlabel()


def test_a_cell_where_a_curve_begins_stays_itself(evaluation: Evaluation, drawings: dict[str, Drawing]) -> None:
    """The undefended network is drawn once, as itself, and called so; the line of noise begins there all the same."""
    first = drawings["tradeoff"].figure.axes[0]
    begin = [80.0, CELLS["reid-none"][1]]
    there = [line for line in marks(first) if np.allclose(np.asarray(line.get_xydata())[0], begin)]
    lines = {line.get_color(): np.asarray(line.get_xydata()) for line in first.lines if len(line.get_xdata()) > 1}  # type: ignore[arg-type]
    found = looks(["none", "noise"], PATROL)

    assert [(line.get_color(), line.get_marker()) for line in there] == [(found["none"].colour, found["none"].marker)]
    assert drawings["tradeoff"].alt.count("No defence 80 / 0.004") == 1
    assert lines[found["noise"].colour][0] == pytest.approx(begin)
    assert [cell_names(evaluation)[cell] for cell in ("reid-none", "reid-noise-strong")] == ["none", "noise"]


def test_the_legend_names_every_method(evaluation: Evaluation, drawings: dict[str, Drawing]) -> None:
    """Each method of the figure has one entry with its printed words, in the look of its marks."""
    figure = drawings["tradeoff"].figure
    legend = figure.legends[0]
    entries = {text.get_text(): handle for text, handle in zip(legend.texts, legend.legend_handles, strict=True)}
    shown = {role.name for role in evaluation.roles}
    looked = {look.label: look for look in looks(shown, PATROL).values()}

    assert set(looked) == {name for name in entries if not name.startswith(("hollow", "filled"))}
    for name, look in looked.items():
        handle = entries[name]
        assert isinstance(handle, Line2D)
        assert (handle.get_color(), handle.get_marker()) == (look.colour, look.marker)
