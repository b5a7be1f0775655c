"""Networks as ONNX files: exported by PyTorch, the same bytes for the same network, run by ONNX Runtime."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from privprune.models.random_layers import RandomLayer

Array = np.ndarray[Any, Any]


def export(model: nn.Module, example: Tensor, names: tuple[str, str], opset: int) -> bytes:
    """Write a network as an ONNX model for batches of any size.

    Batch normalisation becomes part of the convolution before it. What the exporter notes about the program (source
    lines, with the paths of this machine) is left out, so that equal networks give equal bytes.

    Args:
        model: in evaluation mode, on the CPU.
        example: float32 [n, ...], n of at least 2, what it takes.
        names: of input and output.
        opset: version of ONNX's operators.

    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells its own steps
    program = torch.onnx.export(
        model,
        (example,),
        input_names=[names[0]],
        output_names=[names[1]],
        opset_version=opset,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # noqa: S101 (so it is with dynamo=True)
    proto = program.model_proto
    for part in _parts(proto):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.checker.check_model(proto)
    written: bytes = proto.SerializeToString(deterministic=True)
    return written


def _parts(proto: onnx.ModelProto) -> Iterator[Any]:
    """Yield all that may carry notes."""
    graph = proto.graph
    yield from (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for function in proto.functions:
        yield from (function, *function.node)


class Session:
    """An ONNX model in ONNX Runtime, on one thread of the CPU."""

    def __init__(self, model: bytes) -> None:
        """Load what `export` returned."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._given = self._session.get_inputs()[0].name

    def __call__(self, values: Array) -> Array:
        """Run a batch, float32 [n, ...]."""
        (made,) = self._session.run(None, {self._given: values})
        return np.asarray(made)


def without_chance(model: nn.Module) -> nn.Module:
    """Copy a network with each layer that draws random numbers replaced by one that does nothing."""
    plain = copy.deepcopy(model).cpu().float().eval()
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, RandomLayer):
            plain.set_submodule(name, nn.Identity(), strict=True)
    return plain
