"""What sending the image would cost: as it is, and as a JPEG that is as bad as the best reconstruction of an attack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from privprune.cells import Cell
from privprune.metrics.jpeg import jpeg_of_error
from privprune.workflow.context import DataContext
from privprune.workflow.inversion_targets import evenly_spaced, target_records

_CODED = 64  # test images, evenly spaced


def image_bytes(errors: Mapping[str, Sequence[float]], cell: Cell, context: DataContext) -> dict[str, list[float]]:
    """Measure the bytes of an image.

    Args:
        errors: attack -> mean squared error on each target, on [0, 1]; controls are not among them.
        cell: the targets.
        context: the data.

    Returns:
        one value per target: `image_bytes` of the image as it is; of a JPEG with the lowest error of any attack,
        `jpeg_bytes`, `jpeg_mse`, `jpeg_quality` and `jpeg_side`, pixels. No JPEG without an attack, or for images that
        it cannot code.

    """
    targets = cell.manifest.targets
    found = {"image_bytes": [float(math.prod(context.image_shape))] * targets}
    for number in range(targets) if errors else ():
        records = evenly_spaced(target_records(cell, number, context).test, _CODED).to(context.device)
        images = context.dataset.images[records].to(torch.uint8).cpu().numpy()
        jpeg = jpeg_of_error(images, min(values[number] for values in errors.values()))
        if jpeg is None:
            break
        measured = {"bytes": jpeg.size, "mse": jpeg.mse, "quality": jpeg.quality, "side": jpeg.side}
        for name, value in measured.items():
            found.setdefault(f"jpeg_{name}", []).append(float(value))
    return found
