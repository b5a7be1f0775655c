"""Figures as bytes and files; the same figure gives the same bytes."""

import io
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_bytes, write_json
from privprune.plots.classes import with_classes
from privprune.plots.compact import lighter, shorter, with_palette
from privprune.plots.drawing import Drawing, Picture
from privprune.plots.joined import joined, without_moves
from privprune.plots.style import DARK, journal


def svg(figure: Figure, name: str) -> str:
    """Return a figure as SVG text without date; `name` salts what Matplotlib numbers, so that the bytes are the same.

    The text is shortened by `compact`, `classes` and `joined`. The picture follows the reader's colour scheme: its
    style sheet maps each colour of `style` to its counterpart for dark screens; viewers without colour schemes show the
    light colours. Words are text in the reader's own font, which takes a third of the bytes of outlines.
    """
    with journal(), mpl.rc_context({"svg.hashsalt": name}):
        _settle(figure)
        _photographs(figure, "none")  # at the original resolution, so that the viewer scales it
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return joined(with_classes(lighter(without_moves(shorter(buffer.getvalue()))), DARK))


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes at 150 dots per inch, without date or software version.

    A figure with photographs is reduced to a palette of 256 colours, since the noise in photographs compresses badly.
    """
    with journal():
        _settle(figure)
        _photographs(figure, "antialiased")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    photographs = any(axes.images for axes in figure.axes)
    return with_palette(buffer.getvalue()) if photographs else buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Compute the layout of a figure once, so that all formats share it."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _photographs(figure: Figure, interpolation: str) -> None:
    """Set how the photographs in a figure are scaled."""
    for axes in figure.axes:
        for image in axes.images:
            image.set_interpolation(interpolation)


def picture(drawing: Drawing) -> Picture:
    """Turn a drawing into text."""
    width, height = (float(inches) for inches in drawing.figure.get_size_inches())
    text = svg(drawing.figure, drawing.name)
    words = drawing.name, drawing.title, drawing.caption, drawing.alt
    return Picture(*words, width, height, text, drawing.leads, drawing.answers)


def save_all(drawings: Sequence[Drawing], folder: Path) -> None:
    """Write every drawing as PNG and SVG, and `figures.json` with their order and texts; all files or none.

    Raises:
        UserError: the place cannot be written to, or its disk is full.

    """
    with new_folder(folder) as unfinished:
        entries = []
        for drawn, pixels in _all_drawn(drawings):
            entry = asdict(drawn)
            (unfinished / f"{drawn.name}.svg").write_text(entry.pop("svg"), encoding="utf-8")
            (unfinished / f"{drawn.name}.png").write_bytes(pixels)
            entries.append(entry)
        write_json(unfinished / "figures.json", entries)


def _all_drawn(drawings: Sequence[Drawing]) -> list[tuple[Picture, bytes]]:
    """Return each drawing as SVG and PNG, drawn in parallel where there are several cores."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if min(cores, len(drawings)) <= 1:
        return [(picture(drawing), png(drawing.figure)) for drawing in drawings]
    context = multiprocessing.get_context("fork")  # forked processes inherit the figures, which need not be pickled
    with context.Pool(min(cores, len(drawings)), _WAITING.extend, (drawings,)) as pool:
        return pool.map(_drawn, range(len(drawings)), chunksize=1)


_WAITING: list[Drawing] = []  # set in each forked process: the drawings of the pool


def _drawn(number: int) -> tuple[Picture, bytes]:
    return picture(_WAITING[number]), png(_WAITING[number].figure)


def read_pictures(folder: Path) -> list[Picture]:
    """Return the pictures that `save_all` wrote, in their order.

    Raises:
        UserError: a file is missing or damaged.

    """
    try:
        return [
            Picture(**entry, svg=(folder / f"{entry['name']}.svg").read_text(encoding="utf-8"))
            for entry in read_json(folder / "figures.json")
        ]
    except (OSError, TypeError, KeyError):
        raise UserError(f"{folder}: figures are missing or damaged, run `dvc repro` to draw them again") from None


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.png` and `<name>.svg` into a folder, each completely or not at all, and return their paths.

    Raises:
        UserError: the place cannot be written to, or its disk is full.

    """
    paths = folder / f"{name}.png", folder / f"{name}.svg"
    write_bytes(paths[0], png(figure))
    write_bytes(paths[1], svg(figure, name).encode())
    return paths
