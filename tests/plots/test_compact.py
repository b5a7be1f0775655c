"""Smaller files show the same: shortened paths lead through the same points, photographs stay what they were."""

from __future__ import annotations

import base64
import io
import re
from itertools import pairwise

import numpy as np
import pytest
from example_inversions import encoded, photograph
from matplotlib.figure import Figure
from PIL import Image

from privprune.plots.compact import lighter, shorter, with_palette
from privprune.plots.saving import png, svg


def points(data: str) -> list[tuple[float, float]]:
    """Follow relative path data as SVG's grammar says, and return every absolute place on the way."""
    found: list[tuple[float, float]] = []
    here = start = (0.0, 0.0)
    for command, text in re.findall(r"([mlhvqcz])([^mlhvqcz]*)", data):
        numbers = [float(one) for one in re.findall(r"-?(?:\d+(?:\.\d+)?|\.\d+)", text)]
        if command == "z":
            here = start
        if command in "hv":  # a step across or up
            numbers = [one for step in numbers for one in ((step, 0.0) if command == "h" else (0.0, step))]
        size = {"m": 2, "l": 2, "h": 2, "v": 2, "q": 4, "c": 6, "z": 2}[command]
        for first in range(0, len(numbers), size):
            steps = numbers[first : first + size]
            found += [(here[0] + x, here[1] + y) for x, y in zip(steps[::2], steps[1::2], strict=True)]
            here = found[-1]
            if command == "m" and first == 0:
                start = here
    return found


@pytest.mark.parametrize(
    "data",
    [
        "M 1 2 \nL 3.004 4.006 \nL -5 6.126 \nz\nM 7 8 \nL 9 10 ",
        "M 0 1.5 \nC 0.397805 1.5 0.77937 1.341951 1.06066 1.06066 \nC 1 2 3 4 5 6 \nz\n",
        "M 10 10 \nQ 20 20 30 10 \nQ 40 0 50 10 \nL 0.001 -0.001 \nz\nM 1 1 \nL 2 2 \n",
        "M 0.5 0.5 \nL 0.9 0.7 \nL 0.9 9 \nL 0.9 12.3 \nL -4 12.3 \nL -4.4 11.9 \nL -3.5 11.4 \nL -3.5 11.4 \nz\n",
        "M 0 0 \n" + "".join(f"L {0.004 * step} {-0.006 * step} \n" for step in range(1, 200)),
    ],
)
def test_short_paths_lead_through_the_same_places(data: str) -> None:
    """A path leads by every place within a tenth and a half of a point, one with curves within half a hundredth."""
    found = re.search(r' d="([^"]*)"', shorter(f'<path d="{data}"/>'))
    wanted = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", data)]

    assert found
    assert len(found[1]) < len(data)
    if set("QC") & set(data):
        assert np.allclose(points(found[1]), wanted, atol=0.005 + 1e-9, rtol=0)
    else:
        assert max(distance(place, points(found[1])) for place in wanted) <= 0.15
        assert points(found[1])[-1] == pytest.approx(wanted[-1], abs=0.05)


def distance(place: tuple[float, float], path: list[tuple[float, float]]) -> float:
    """Return how far a place lies from the nearest stretch between two neighbours of a path."""
    nearest = float("inf")
    for start, end in pairwise(path):
        way, there = np.subtract(end, start), np.subtract(place, start)
        share = np.clip(way @ there / max(way @ way, 1e-12), 0, 1)
        nearest = min(nearest, float(np.linalg.norm(there - share * way)))
    return nearest


def test_a_bend_is_kept() -> None:
    """Places between which a path turns, back included, are not left out."""
    for data in ("m0 0 10 0 0 5-10 0z", "m0 0 5 0-3 0 7 0"):
        written = points(data)
        long = "".join(f"{'ML'[number > 0]} {x} {y} \n" for number, (x, y) in enumerate(written[: data.count(" ") + 1]))
        found = re.search(r' d="([^"]*)"', shorter(f'<path d="{long}"/>'))

        assert found
        assert [one for one in written if min(np.hypot(*np.subtract(one, at)) for at in points(found[1])) > 0.05] == []


def test_marks_still_find_their_outlines() -> None:
    """Every reference of a shortened figure names an outline or a clip that is there, each name once."""
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 2], marker="o")
    text = svg(figure, "name")
    named = re.findall(r' id="([^"]+)"', text)

    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)) <= {(one, "") for one in named} | {
        ("", one) for one in named
    }
    assert len(named) == len(set(named)) > 2


def test_photographs_of_a_page_are_smaller_and_look_the_same() -> None:
    """WebP takes less than half of a noisy PNG and its brightness differs by a few levels of 255 on average."""
    noisy = np.clip(photograph(rows=96, columns=96) + np.random.default_rng(0).normal(0, 0.05, (96, 96, 3)), 0, 1)
    before = encoded(noisy)
    after = lighter(f'href="data:image/png;base64,{before}"').removeprefix('href="data:image/webp;base64,')
    with Image.open(io.BytesIO(base64.b64decode(after.removesuffix('"')))) as image:
        shown = np.asarray(image.convert("RGB")) / 255

    assert len(after) < 0.5 * len(before)
    assert np.abs((shown - noisy) @ (0.299, 0.587, 0.114)).mean() < 4 / 255


def test_only_figures_with_photographs_get_a_palette() -> None:
    """A drawing keeps all its colours; a photograph is drawn in 256 and takes less than its full colours do."""
    plain, pictured = Figure(figsize=(2, 2)), Figure(figsize=(2, 2))
    plain.subplots().plot([0, 1])
    axes = pictured.subplots()
    axes.imshow(np.random.default_rng(0).random((60, 60, 3)))
    modes = []
    for figure in (plain, pictured):
        with Image.open(io.BytesIO(png(figure))) as image:
            modes.append(image.mode)
    full = io.BytesIO()
    pictured.savefig(full, format="png", dpi=150)

    assert modes == ["RGBA", "P"]
    assert len(with_palette(full.getvalue())) < 0.6 * len(full.getvalue())


def test_large_pictures_have_fewer_greys_and_all_their_colours() -> None:
    """A large grey photograph takes half the bytes in 32 shades, and the colour of a frame around it is as it was."""
    grey = np.random.default_rng(0).integers(0, 256, (500, 500, 1), dtype=np.uint8).repeat(3, axis=2)
    grey[:, :4] = (176, 48, 92)
    full = io.BytesIO()
    Image.fromarray(grey).save(full, format="png")
    small = with_palette(full.getvalue())
    with Image.open(io.BytesIO(small)) as image:
        shown = np.asarray(image.convert("RGB"))

    assert len(small) < 0.75 * grey[:, :, 0].size
    assert (shown[:, :4] == (176, 48, 92)).all()
    assert len(np.unique(shown[:, 4:])) <= 32
    assert np.abs(shown.astype(int) - grey).max() <= 5
