"""The small charts beside answers: crowded labels can be read, and stay the same from run to run."""

from __future__ import annotations

from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text

from privprune.plots.answer_chart import AnswerChart, ChartMark, ChartSeries, draw
from privprune.plots.series import Point
from privprune.plots.style import DEFENCES

AT = [(35.6, 85.8), (35.9, 86.0), (36.3, 86.4), (36.8, 85.8), (36.0, 85.2)]  # all within the width of two labels


def crowded() -> Figure:
    """Draw marks that lie close together, each with a label, and one far away."""
    marks = [ChartMark(Point(x, x, x), Point(y, y, y), f"mark {place}") for place, (x, y) in enumerate(AT)]
    far = ChartMark(Point(25.0, 25.0, 25.0), Point(50.0, 50.0, 50.0))
    series = (ChartSeries(DEFENCES["mia_pruning"], tuple(marks)), ChartSeries(DEFENCES["baseline"], (far,)))
    return draw(AnswerChart("x", "y", "linear", series))


def labels(figure: Figure) -> list[Text]:
    """Return the labels of the marks."""
    return [text for text in figure.axes[0].texts if text.get_text().startswith("mark")]


def test_labels_of_close_marks_do_not_cover_each_other() -> None:
    """Each label has a place of its own inside the panel."""
    figure = crowded()
    boxes = [text.get_window_extent() for text in labels(figure)]
    panel = figure.axes[0].get_window_extent().padded(1)  # a label may end on the edge

    assert len(boxes) == len(AT)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(panel.contains(box.x0, box.y0) and panel.contains(box.x1, box.y1) for box in boxes)


def test_labels_have_the_same_places_in_every_run() -> None:
    """A figure is the same bytes again, so its labels may not depend on time or chance."""
    first, second = ([text.get_position() for text in labels(crowded())] for _ in range(2))

    assert first == second
