"""Run an ONNX model in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

Array = np.ndarray[Any, Any]
# Without VNNI instructions, sums of two products of int8 overflow in 16 bits; with this setting ONNX Runtime computes
# them exactly there, which takes longer, and elsewhere as before. Its name: kOrtSessionOptionsAvx2PrecisionMode.
_EXACT_INT8 = "session.x64quantprecision", "1"


class Session:
    """An ONNX model in ONNX Runtime, on one thread of the CPU. Several threads may call it at the same time."""

    def __init__(self, model: bytes) -> None:
        """Load the content of an ONNX file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry(*_EXACT_INT8)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, values: Array) -> Array:
        """Run a batch, float32 [n, ...]; returns the only output, float32 [n, ...]."""
        (output,) = self._session.run(None, {self._input: values})
        return np.asarray(output)
