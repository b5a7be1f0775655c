"""The one place where a figure becomes bytes and files: the same figure gives the same bytes."""

import io
import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from privprune.files import write_bytes
from privprune.plots.style import DARK, journal

_PATH_DATA = re.compile(r'(?<= d=")[^"]*')
_LONG_NUMBER = re.compile(r"(\.\d{2})\d+")
_IDLE = re.compile(r"<!DOCTYPE[^>]*>|<!--.*?-->|<metadata>.*?</metadata>|(?<=\n)\s+", re.DOTALL)
_STYLED = ("fill", "stroke")


def svg(figure: Figure, name: str) -> str:
    """Return a figure as SVG text without date; `name` salts its ids, so that figures may share one page.

    Coordinates are kept to a hundredth of a point; comments and indents are dropped. The picture follows the reader's
    colour scheme: its style sheet maps each colour of `style` to its counterpart for dark screens, and viewers that
    know no schemes show it light.
    """
    with journal(), mpl.rc_context({"svg.hashsalt": name}):
        _settle(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = _PATH_DATA.sub(lambda found: _LONG_NUMBER.sub(r"\1", found.group()), buffer.getvalue())
    return _IDLE.sub("", text).replace("</style>", _dark_rules() + "</style>", 1)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes at 150 dots per inch, without date or software version."""
    with journal():
        _settle(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Lay a figure out once and for all, so that every format has the same layout and none repeats the work."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.png` and `<name>.svg` into a folder, each whole or not at all, and return their paths.

    Raises:
        UserError: the place cannot be written to, or its disk is full.

    """
    paths = folder / f"{name}.png", folder / f"{name}.svg"
    write_bytes(paths[0], png(figure))
    write_bytes(paths[1], svg(figure, name).encode())
    return paths


def _dark_rules() -> str:
    """Return style rules that swap each light colour for its dark one where the reader's screen is dark.

    Matplotlib writes colours as inline styles, which only an important rule with a matching attribute can override.
    """
    rules = [
        f'[style*="{key}: {light}"]{{{key}: {dark} !important}}' for light, dark in DARK.items() for key in _STYLED
    ]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"
