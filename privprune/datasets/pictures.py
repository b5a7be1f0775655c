"""Pictures of any kind to square records of one size: upright, without transparency, with 8 bits per channel."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image

from privprune.datasets.decoding import in_8_bits, no_image, white_of
from privprune.errors import UserError

SUFFIXES = {  # of Pillow's formats
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "JPEG2000": (".jp2", ".j2k"),
    "PNG": (".png", ".apng"),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
_FORMATS = tuple(SUFFIXES)  # JPEG reads the MPO files of phones, with a second picture behind the first, too
_SHARPER = 2  # a JPEG file may be decoded at half or less of its size, as long as that is so many times the record's
_BACKGROUND = "white"
_UPRIGHT = {  # orientation of the EXIF data -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def square_picture(path: Path, side: int, channels: int) -> Image.Image:
    """Decode an image file to a square.

    The picture is turned as its EXIF data says. Transparent parts show a white background, of an animation counts the
    first frame, of 16 bits per channel the upper eight. The largest central square is resized to `side`, bilinearly,
    each pixel averaging all that it covers.

    Args:
        path: the file; it is recognised by its content.
        side: of the square, in pixels.
        channels: 1 for grey, 3 for colour; files of the other kind, of palettes and CMYK are converted.

    Raises:
        UserError: the file is missing, empty, truncated, not an image of `SUFFIXES`, has 32 bits per channel, or more
            pixels than Pillow takes for a decompression bomb (inside of `without_warnings`).

    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            white = white_of(opened)
            opened.draft(None, (_SHARPER * side, _SHARPER * side))
            opened.load()  # which turns TIFF files and takes the orientation away
            orientation = opened.getexif().get(ExifTags.Base.Orientation)
            image = in_8_bits(opened, white)
            if orientation in _UPRIGHT:
                image = image.transpose(_UPRIGHT[orientation])
            return _cropped(_opaque(image).convert("L" if channels == 1 else "RGB"), side)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"{Image.MAX_IMAGE_PIXELS:,}"
        raise UserError(f"{path}: found a picture of more than {most} pixels, allowed at most these") from None
    except Exception as failure:  # files from anywhere raise anything: EOFError, struct.error, KeyError
        raise no_image(path, failure) from failure


def _opaque(image: Image.Image) -> Image.Image:
    """Put an image with transparent parts on the background."""
    if not image.has_transparency_data:
        return image
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, _BACKGROUND), picture)


def _cropped(image: Image.Image, side: int) -> Image.Image:
    """Resize the largest central square."""
    shorter = min(image.size)
    left, top = ((length - shorter) // 2 for length in image.size)
    square = image.crop((left, top, left + shorter, top + shorter))  # first: the filter reaches beyond a `box`
    return square.resize((side, side), Image.Resampling.BILINEAR)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Let Pillow refuse what it would warn of as a decompression bomb, and say nothing else; not for single threads.

    Python's filters belong to the whole process, so this stands around the threads that decode.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on files that it can read, which name no file
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
