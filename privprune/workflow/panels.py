"""Panels of images as small PNG files in base64, the same bytes for the same pixels."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

_MISSING = 128  # mid grey


def panel(images: Tensor, records: Tensor, shown: Tensor) -> str:
    """Arrange images in a grid.

    Args:
        images: uint8 [n, channels, height, width], of 1 or 3 channels.
        records: int64 [n], the record of each image.
        shown: int64 [rows, columns], the record at each place of the grid, grey where it has no image.

    Returns:
        PNG in base64.

    """
    image_of = dict(zip(records.tolist(), images, strict=True))
    missing = torch.full_like(images[0], _MISSING)
    rows = [torch.cat([image_of.get(record, missing) for record in row], dim=2) for row in shown.tolist()]
    pixels = torch.cat(rows, dim=1).permute(1, 2, 0).squeeze(2).contiguous().numpy()
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, format="PNG", optimize=True)
    return base64.b64encode(png.getvalue()).decode("ascii")
