"""Picture files to pixels, and what is said about a file that is none."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privprune.errors import UserError


def open_image(content: Path | bytes, place: object, mode: str) -> Image.Image:
    """Decode one picture.

    Args:
        content: the file, or what stands in it.
        place: the file's name, for the message.
        mode: `RGB` or `L` (grey); a picture of another mode is converted.

    Raises:
        UserError: the file is missing, cut short, or is no picture.

    """
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as opened:
            return opened.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as broken:
        told = " ".join(str(broken).split())
        raise UserError(f"{place}: missing or not readable as an image ({told})") from None


def as_tensor(image: Image.Image) -> Tensor:
    """Return the pixels of a picture, uint8 [C, H, W], with one channel where it is grey."""
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def decoded(decode: Callable[[Any], Image.Image], files: Sequence[Any]) -> Tensor:
    """Decode pictures side by side, all of one size: uint8 [N, C, H, W], in the order of the files, at least one."""
    first = as_tensor(decode(files[0]))
    images = torch.empty(len(files), *first.shape, dtype=torch.uint8)  # filled in place: a set may be a third of memory

    def place(position: int) -> None:
        images[position] = as_tensor(decode(files[position]))

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for _ in threads.map(place, range(len(files))):  # the first failure ends it
            pass
    return images
