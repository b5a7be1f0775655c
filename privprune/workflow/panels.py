"""Panels of images as small PNG files in base64, the same bytes for the same pixels."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

_MISSING = 128  # mid grey


def panel(images: Tensor, records: Tensor, shown: Tensor) -> str:
    """Put images side by side.

    Args:
        images: uint8 [n, channels, height, width], of 1 or 3 channels.
        records: int64 [n], their records.
        shown: int64 [rows, columns], the record at each place; grey where its image is missing.

    Returns:
        PNG in base64.

    """
    place_of = {record: place for place, record in enumerate(records.tolist())}
    missing = torch.full_like(images[0], _MISSING)
    rows = [[images[place_of[one]] if one in place_of else missing for one in row] for row in shown.tolist()]
    whole = torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)
    pixels = whole.permute(1, 2, 0).squeeze(2).contiguous().numpy()
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode("ascii")
