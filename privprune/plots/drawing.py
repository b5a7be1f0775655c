"""A finished figure with its title, caption and alternative text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

_UNSAFE = re.compile(r"[^a-z0-9_.+]+")


@dataclass(frozen=True)
class Drawing:
    """A figure, its file name without ending, and its texts.

    Attributes:
        name: unique within a suite and safe as a file's name.
        title: what is shown, and on which data.
        caption: what to look for; how to read bands, marks and shades.
        alt: alternative text with the main numbers, for readers who cannot see the figure.
        figure: the figure.
        leads: whether it is shown above a paper's tables instead of among the other figures.
        answers: the kind of figure that a question asks for, if it is shown beside an answer; else empty.

    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    leads: bool = False
    answers: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing as SVG text: what a page needs of it.

    Attributes:
        name, title, caption, alt, leads, answers: as in `Drawing`.
        width, height: inches.
        svg: the picture.

    """

    name: str
    title: str
    caption: str
    alt: str
    width: float
    height: float
    svg: str
    leads: bool = False
    answers: str = ""


def file_name(parts: Iterable[str]) -> str:
    """Join words to a name that is safe for a file: lower case, anything unusual becomes a dash."""
    return "-".join(_UNSAFE.sub("-", part.lower()).strip("-.") for part in parts)
