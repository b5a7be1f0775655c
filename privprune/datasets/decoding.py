"""Image files to pixels, with one line for a file that is not an image."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from privprune.datasets.raw import Array
from privprune.errors import UserError

_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF, and a value of the second


def open_image(content: Path | bytes, name: object, mode: str) -> Image.Image:
    """Decode one image.

    Args:
        content: the file, or its bytes.
        name: of the file, for the message.
        mode: `RGB` or `L` (grey); an image of another mode is converted, one of 16-bit grey to its nearest 8 bits.

    Raises:
        UserError: the file is missing, truncated, not an image, or has more than 16 bits per channel.

    """
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as opened:
            return in_8_bits(opened, white_of(opened)).convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as failure:
        raise no_image(name, failure) from None


def no_image(name: object, failure: Exception) -> UserError:
    """Return the refusal of a file that could not be decoded: whether it is there, and what is wrong with it.

    Args:
        name: of the file.
        failure: what opening or decoding it raised.

    """
    if isinstance(failure, FileNotFoundError):
        return UserError(f"{name}: the image is missing")
    reason = " ".join(str(failure).split()) or type(failure).__name__
    return UserError(f"{name}: not readable as an image ({reason})")


def white_of(image: Image.Image) -> int | None:
    """Return the value of white in an image that Pillow has just opened; None where it has 8 bits per channel.

    Raises:
        ValueError: its channels have 32 bits, of which nothing says where white is.

    """
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]  # TIFF files have 12 bits too
        return int(2**bits - 1)
    if image.mode == "I" and image.format == "PPM":  # which Pillow scales to 16 bits
        return 2**16 - 1
    if image.mode in ("I", "F"):
        raise ValueError(f"found 32 bits per channel ({image.mode}), allowed 8 or 16")
    return None


def in_8_bits(image: Image.Image, white: int | None) -> Image.Image:
    """Return an image of 8 bits per channel; Pillow's own conversion would make all above 255 white.

    Args:
        image: as it was opened, or turned.
        white: what `white_of` returned when it was opened.

    """
    if white is None:
        return image
    values = np.asarray(image).astype(np.uint32)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = white - values
    return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8))


def pixels_of(image: Image.Image) -> Array:
    """Return the pixels of an image, uint8 [C, H, W], with one channel if it is grey."""
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def decode_all(decode: Callable[[Any], Image.Image], files: Sequence[Any]) -> Array:
    """Decode at least one file, all to images of one size: uint8 [N, C, H, W], in the order of the files.

    Several threads decode. The first error ends it.
    """
    first = pixels_of(decode(files[0]))
    images = np.empty((len(files), *first.shape), dtype=np.uint8)  # written in place: it may be a third of memory

    def decode_into(position: int) -> None:
        images[position] = pixels_of(decode(files[position]))

    with ThreadPoolExecutor() as threads:
        for _ in threads.map(decode_into, range(len(files))):
            pass
    return images
