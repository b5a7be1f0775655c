"""A finished figure with the words that belong to it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

_UNSAFE = re.compile(r"[^a-z0-9_.+]+")


@dataclass(frozen=True)
class Drawing:
    """A figure, its file name without ending, and the words that stand beside it.

    Attributes:
        name: unique within a suite and safe as a file's name.
        title: what is shown, and on what.
        caption: what to see in it; how bands, marks and shades are to be read.
        alt: the same for who cannot see it, with the main numbers.
        figure: the picture.
        leads: whether it stands above a paper's tables, not among the other figures.

    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    leads: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawing that has become text: what a page needs of it.

    Attributes:
        name, title, caption, alt, leads: as in `Drawing`.
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


def file_name(parts: Iterable[str]) -> str:
    """Join words to a name that is safe for a file: lower case, anything unusual becomes a dash."""
    return "-".join(_UNSAFE.sub("-", part.lower()).strip("-.") for part in parts)
