"""Quantise an exported half to int8 by ONNX Runtime's static quantisation."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Array = np.ndarray[Any, Any]
_AT_ONCE = 16  # images per run of the calibration


class _Images(CalibrationDataReader):  # type: ignore[misc] # ONNX Runtime has no types
    """Gives calibration images in batches."""

    def __init__(self, name: str, images: Array) -> None:
        self._batches: Iterator[Array] = iter(np.split(images, range(_AT_ONCE, len(images), _AT_ONCE)))
        self._name = name

    def get_next(self) -> dict[str, Array] | None:
        """Return the next batch by the name of the input; None after the last one."""
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def quantise(model: bytes, images: Array) -> bytes:
    """Return a half in int8: weights with a scale per output channel, values between layers with one per tensor.

    The ranges of the values between layers are those of the calibration images. Input and output stay float32.

    Args:
        model: content of an ONNX file that `onnx_export.export` returned.
        images: float32 [n, ...], inputs for the calibration.

    Returns:
        content of an ONNX file; the same for the same arguments.

    """
    name = onnx.load_from_string(model).graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model)
        with _without_advice():
            quantize_static(
                source,
                target,
                _Images(name, images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,  # two to three times faster on x86 than signed values
                weight_type=QuantType.QInt8,
            )
        quantised = onnx.load(target)
    quantised.ClearField("metadata_props")
    written: bytes = quantised.SerializeToString(deterministic=True)
    return written


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Silence the advice to merge layers first, which the exporter has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
