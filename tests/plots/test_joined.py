"""Joined SVG shows the same: lines lead through the same places, and what is drawn keeps its order."""

import re

import pytest
from matplotlib.figure import Figure

from privprune.plots.joined import joined, without_moves
from privprune.plots.saving import svg

STYLE = "<svg>\n<style>.a{fill:none;stroke:#000}.b{fill:#fff}</style>\n"


def drawing(*lines: str) -> str:
    """Return an SVG with two classes, `a` without and `b` with a fill."""
    return STYLE + "\n".join(lines) + "\n</svg>\n"


def body(text: str) -> list[str]:
    """Return the lines between the style sheet and the end."""
    return text.splitlines()[2:-1]


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("m1 2 3 0", "m4-5 0 6", "M1 2l3 0M4-5l0 6"),
        ("m1 2c1 1 2 2 3 3", "m4 5q1 1 2 2", "M1 2c1 1 2 2 3 3M4 5q1 1 2 2"),
        ("m1 2-3 4m5 5 6 6", "m-7-8-1 0 0 1z", "M1 2l-3 4m5 5 6 6M-7-8l-1 0 0 1z"),
    ],
)
def test_lines_of_one_class_become_one_path(first: str, second: str, whole: str) -> None:
    """Each part begins at its own absolute place and goes on in its own steps."""
    assert body(joined(drawing(*(f'<path d="{one}" class="a"/>' for one in (first, second))))) == [
        f'<path d="{whole}" class="a"/>'
    ]


@pytest.mark.parametrize(
    "between", [("b", ""), ("a", '<use href="#x"/>'), ("b", '<path d="m0 0 1 1" class="a"/>')], ids=str
)
def test_what_must_stay_apart_stays_apart(between: tuple[str, str]) -> None:
    """Filled paths, and lines between which something else is drawn, are not joined."""
    name, other = between
    lines = [
        one for one in (f'<path d="m1 2 3 0" class="{name}"/>', other, f'<path d="m5 6 7 0" class="{name}"/>') if one
    ]
    assert body(joined(drawing(*lines))) == lines


def test_neighbours_with_one_clip_share_its_group() -> None:
    """Three marks that one rectangle clips are in one group, in their order; one of another clip is not."""
    marks = [f'<g clip-path="url(#{clip})">\n<use href="#m" x="{x}"/>\n</g>' for x, clip in enumerate("aaab")]
    assert body(joined(drawing(*marks))) == [
        '<g clip-path="url(#a)">',
        *(f'<use href="#m" x="{x}"/>' for x in range(3)),
        "</g>",
        *marks[3].splitlines(),
    ]


def test_a_shape_is_defined_once() -> None:
    """What used the second definition of a shape uses the first; a shape of another class keeps its own."""
    shapes = [f'<defs>\n<path id="{name}" d="m0 0 1 1" class="{look}"/>\n</defs>' for name, look in ("pa", "qa", "rb")]
    found = joined(drawing(*shapes, *(f'<use href="#{name}"/>' for name in "pqr")))
    assert re.findall(r' id="(\w+)"', found) == ["p", "r"]
    assert re.findall(r'href="#(\w+)"', found) == ["p", "p", "r"]


def test_a_path_that_only_moves_goes() -> None:
    """A line of one place draws nothing; a line of two places stays."""
    line = '<path d="m1 2 0 3" class="a"/>'
    assert body(without_moves(drawing('<path d="m1.5-2" class="a"/>', line, '<path d="m1 2.5" class="a"/>'))) == [line]


def test_error_bars_keep_their_marks() -> None:
    """Of two points with error bars both marks are drawn, and nothing names a shape that is not there."""
    figure = Figure()
    figure.add_subplot().errorbar([1, 2], [1, 2], xerr=0.2, yerr=0.1, marker="o", linestyle="none")
    found = svg(figure, "test")
    names = re.findall(r' id="(\w+)"', found)
    used = re.findall(r'(?:href="|url\()#(\w+)', found)
    assert set(used) <= set(names)
    circle = re.search(r'<path id="(\w+)" d="[^"]*c', found)
    assert circle
    assert used.count(circle[1]) == 2
