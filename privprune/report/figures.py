"""Figures inside the page: SVG as data URIs, so that the page is one file."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from markupsafe import Markup

from privprune.plots.drawing import Picture
from privprune.report.view import FigureView

_PIXELS_PER_INCH = 96  # of CSS
_PLAIN = " !$'()*+,/:;=?@[]{}<>"  # needs no escape in a data URI inside an attribute in double quotes


_MAIN = (("published", "tradeoff", "figure4"), ("cloud",), ("cross",))  # of each: the first kind that there is


def figure_views(pictures: Sequence[Picture]) -> tuple[FigureView, ...]:
    """Return figures as the page shows them: the first of the main kinds open, all others folded."""
    kinds = [picture.name.partition("-")[0] for picture in pictures]
    main = [next((kind for kind in among if kind in kinds), "") for among in _MAIN]
    firsts = {kinds.index(kind) for kind in main if kind}
    return tuple(figure_view(picture, folded=place not in firsts) for place, picture in enumerate(pictures))


def figure_view(picture: Picture, *, folded: bool = False) -> FigureView:
    """Return a figure as the page shows it."""
    return FigureView(
        anchor=f"figure-{picture.name}",
        title=picture.title,
        caption=picture.caption,
        alt=picture.alt,
        source=data_uri(picture.svg),
        width=round(picture.width * _PIXELS_PER_INCH),
        height=round(picture.height * _PIXELS_PER_INCH),
        folded=folded,
    )


def data_uri(picture: str) -> Markup:
    """Return SVG text as a data URI; only what browsers would not read as it stands is escaped, which is short.

    Double quotes become single ones; line ends are removed between tags and become spaces elsewhere. The URI stands
    between double quotes, where angle brackets neither end an attribute nor begin a tag.

    Raises:
        ValueError: the text already contains single quotes.

    """
    if "'" in picture:
        raise ValueError("the picture contains single quotes, which the double ones are to become")
    line = picture.replace(">\n<", "><").replace("\n", " ").replace('"', "'")
    return Markup("data:image/svg+xml," + quote(line, safe=_PLAIN))  # noqa: S704 (escaped above)
