"""Smaller files of the same figure: shorter SVG, photographs in it as WebP, a palette for figures with photographs.

An SVG says the same with fewer letters, to a hundredth of a point. Photographs are the only thing that loses anything,
and less than eyes see: the record keeps each one without loss. Without this a page of reconstructions is twice as big.
"""

import base64
import io
import re

from PIL import Image

_QUALITY = 90  # of WebP, out of 100: a noisy panel of 192 x 192 pixels takes 28 KB instead of 120
_COLOURS = 256
_PHOTOGRAPH = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_PATH_DATA = re.compile(r'(?<= d=")[^"]*')
_GLYPH = re.compile(r'(?<=["#])DejaVuSans(-Bold)?-(?=[0-9a-f]+")')
_SHIFTED = re.compile(r'(?<=") transform="translate\((-?[\d.]+) 0\)"(?=/>)')
_PLACES = re.compile(r'(?:(?<= x=")|(?<= y="))-?[\d.]+|(?<=translate\()-?[\d.]+ -?[\d.]+')
_IDLE = re.compile(r'<!DOCTYPE[^>]*>|<!--.*?-->|<metadata>.*?</metadata>|(?<=<g) id="[^"]*"|(?<=\n)\s+', re.DOTALL)


def shorter(svg: str) -> str:
    """Return the same SVG with coordinates to a hundredth of a point, without comments, indents and idle names."""
    svg = _PATH_DATA.sub(lambda found: _path(found.group()), svg)
    svg = _SHIFTED.sub(lambda found: f' x="{_number(found[1])}"', svg)
    svg = _PLACES.sub(lambda found: " ".join(_number(one) for one in found.group().split()), svg)
    svg = _GLYPH.sub(lambda found: "B" if found[1] else "D", svg)
    return _IDLE.sub("", svg)


def lighter(svg: str) -> str:
    """Return the same SVG with its photographs, PNG before, as WebP of the same pixels."""
    return _PHOTOGRAPH.sub(lambda found: f"data:image/webp;base64,{_webp(found[1])}", svg)


def with_palette(png: bytes) -> bytes:
    """Return a PNG with the 256 colours that suit it best, a third of its size where it shows photographs."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(_COLOURS).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _webp(encoded: str) -> str:
    """Return a PNG in base64 as WebP in base64."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        image.convert("RGB").save(buffer, format="webp", quality=_QUALITY, method=6)
    return base64.b64encode(buffer.getvalue()).decode()


def _path(data: str) -> str:
    """Return path data without commands that the one before implies, all on one line."""
    kept: list[str] = []
    last = ""
    for token in data.split():
        if not token.isalpha():
            kept.append(_number(token))
            continue
        implied = token == last != "M" or (last, token) == ("M", "L")  # pairs after a move are lines
        if not implied:
            kept.append(token)
        last = token
    return " ".join(kept)


def _number(text: str) -> str:
    """Return a number to two decimals, without zeros at its end."""
    whole, point, decimals = text.partition(".")
    return f"{float(text):.2f}".rstrip("0").rstrip(".") if point and decimals else whole
