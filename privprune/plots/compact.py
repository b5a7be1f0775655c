"""Smaller files of the same figure: shorter SVG, photographs in it as WebP, a palette for figures with photographs.

A report's page contains all of its figures, and files in git should stay below 2 MiB. Measured on the 17 figures of
the demo, as SVG: 3.5 MB as Matplotlib writes them, 1.9 MB with photographs as WebP, 1.1 MB with shorter text as well.
The demo's page of 1.6 MB would take 2.4 MB without the shorter text, that of the laptop suite 4.3 instead of 2.8 MB.

Shorter text rounds places and lines to a tenth of a point (curves to a hundredth), and leaves out places of a line
that lie within a tenth of a point of the way between others, which no reader sees. Only photographs lose more: WebP
stores colour at half the resolution of brightness, as eyes do. The record has each one without loss.
"""

import base64
import io
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

_CURVES, _LINES = 100, 10  # parts of a point to which paths are rounded
_QUALITY = 78  # of WebP, out of 100: a noisy panel of 192 x 192 pixels takes 20 KB instead of 120
_COLOURS = 256
_LARGE = 150_000  # bytes of a PNG
_GREYS, _MOSTLY = 32, 0.8  # shades of grey in a large PNG, where that share of its pixels has no colour
_PHOTOGRAPH = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_PATH_DATA = re.compile(r'(?<= d=")[^"]*')
_COMMAND = re.compile(r"([MLQCz])([^MLQCz]*)")
_GLYPH = re.compile(r'(?<=["#])DejaVuSans(-Bold)?-(?=[0-9a-f]+")')
_SHIFTED = re.compile(r'(?<=") transform="translate\((-?[\d.]+) 0\)"(?=/>)')
_PLACES = re.compile(r'(?:(?<= x=")|(?<= y="))-?[\d.]+|(?<=translate\()-?[\d.]+ -?[\d.]+')
_IDLE = re.compile(r'<!DOCTYPE[^>]*>|<!--.*?-->|<metadata>.*?</metadata>|(?<=<g) id="[^"]*"|(?<=\n)\s+', re.DOTALL)


def shorter(svg: str) -> str:
    """Return the same SVG with shorter coordinates, without comments, indents and idle names."""
    svg = _PATH_DATA.sub(lambda found: _path(found.group()), svg)
    svg = _SHIFTED.sub(lambda found: f' x="{_number(found[1])}"', svg)
    svg = _PLACES.sub(lambda found: " ".join(_number(one, 1) for one in found.group().split()), svg)
    svg = _GLYPH.sub(lambda found: "B" if found[1] else "D", svg)
    return _IDLE.sub("", svg).replace(" xlink:href=", " href=")


def lighter(svg: str) -> str:
    """Return the same SVG with its photographs as WebP instead of PNG, with the same number of pixels."""
    return _PHOTOGRAPH.sub(lambda found: f"data:image/webp;base64,{_webp(found[1])}", svg)


def with_palette(png: bytes) -> bytes:
    """Return a PNG reduced to a palette of 256 colours, about a third of the size for photographs.

    One that is large even then gets fewer shades of grey, which halves photographs without colour; the noise in their
    last bits cannot be compressed, and colours stay.
    """
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB"))
    small = _with_palette(pixels)
    grey = (pixels == pixels[:, :, :1]).all(axis=2, keepdims=True)
    if len(small) <= _LARGE or grey.mean() < _MOSTLY:
        return small
    step = 255 / (_GREYS - 1)
    return _with_palette(np.where(grey, np.round(np.round(pixels / step) * step), pixels).astype(np.uint8))


def _with_palette(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).quantize(_COLOURS).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _webp(encoded: str) -> str:
    """Return a PNG in base64 as WebP in base64."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        image.convert("RGB").save(buffer, format="webp", quality=_QUALITY, method=6)
    return base64.b64encode(buffer.getvalue()).decode()


def _path(data: str) -> str:
    """Return path data in relative coordinates, without commands that follow from the one before.

    Paths with curves (letters and marks) are rounded to hundredths of a point, paths of straight lines to tenths.
    """
    unit = _CURVES if set(data) & set("QC") else _LINES
    written = _Path(unit)
    for command, pairs in _commands(data, unit):
        written.add(command, pairs)
    return written.text


def _commands(data: str, unit: int) -> Iterator[tuple[str, list[int]]]:
    """Return each command of absolute path data with its coordinates in whole parts of a point."""
    commands = [(one[1], [round(unit * float(number)) for number in one[2].split()]) for one in _COMMAND.finditer(data)]
    yield from commands if unit == _CURVES else _bends(commands)


def _bends(commands: Sequence[tuple[str, list[int]]]) -> Iterator[tuple[str, list[int]]]:
    """Return the commands without the places of lines between which the path hardly bends."""
    start, skipped = 0, list[list[int]]()  # the command before those that are skipped, and their places
    for number, (command, places) in enumerate(commands):
        follows = command == "L" and number > start and commands[start][0] in "ML"
        if follows and skipped and not _near(commands[start][1], places, skipped):
            yield commands[number - 1]
            start, skipped = number - 1, []
        if follows and number + 1 < len(commands) and commands[number + 1][0] == "L":
            skipped.append(places)
            continue
        yield command, places
        start, skipped = number, []


def _near(start: list[int], end: list[int], places: Sequence[list[int]]) -> bool:
    """Whether places lie within a tenth of a point of the line between two others."""
    across, up = end[0] - start[0], end[1] - start[1]
    length = across * across + up * up
    along = [(x - start[0]) * across + (y - start[1]) * up for x, y in places]
    beside = [(x - start[0]) * up - (y - start[1]) * across for x, y in places]
    return all(0 <= one <= length for one in along) and all(one * one <= length for one in beside)


class _Path:
    """Path data while it is written; coordinates are whole parts of a point, so that rounding errors do not add up."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self.text = ""
        self._last = self._number = ""
        self._at = self._start = (0, 0)

    def add(self, command: str, places: list[int]) -> None:
        """Write a command with its absolute coordinates."""
        steps = [place - self._at[axis % 2] for axis, place in enumerate(places)]
        letter = command.lower()
        if letter == "l" and 0 in steps:  # across or up
            letter, steps = ("v", steps[1:]) if steps[0] == 0 else ("h", steps[:1])
        implied = letter == self._last in ("l", "h", "v", "q", "c") or (self._last, letter) == ("m", "l")
        self.text += "" if implied else letter
        for place, step in enumerate(steps):
            self._write(_number(str(step / self._unit)), first=not implied and place == 0)
        self._at = (places[-2], places[-1]) if places else self._start
        self._start = self._at if letter == "m" else self._start
        self._last = letter

    def _write(self, number: str, *, first: bool) -> None:
        """Write a number, with a space before it where it would be read as part of the number before."""
        apart = number[0] == "-" or (number[0] == "." and "." in self._number)
        self.text += number if first or apart else f" {number}"
        self._number = number


def _number(text: str, decimals: int = 2) -> str:
    """Return a number to some decimals, without idle zeros: `.5` for `0.50`."""
    written = f"{float(text):.{decimals}f}".rstrip("0").rstrip(".")
    if written.startswith(("0.", "-0.")):
        return written.replace("0", "", 1)
    return "0" if written == "-0" else written
