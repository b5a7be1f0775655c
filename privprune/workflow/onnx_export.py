"""Export networks to ONNX with PyTorch, the same bytes for the same network."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from privprune.models.random_layers import RandomLayer


def export(model: nn.Module, example: Tensor, names: tuple[str, str], opset: int) -> bytes:
    """Export a network as an ONNX model for batches of any size.

    Batch normalisation is merged into the convolution before it. The metadata that the exporter adds (source lines,
    with paths of the machine) is removed, so that equal networks give equal bytes.

    Args:
        model: in evaluation mode, on the CPU.
        example: float32 [n, ...], an input of at least 2 samples.
        names: of input and output.
        opset: version of ONNX's operators.

    Returns:
        content of an ONNX file.

    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else it logs each of its steps
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
    assert program is not None  # noqa: S101 (with dynamo=True it returns a program)
    proto = program.model_proto
    for part in _with_metadata(proto):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.checker.check_model(proto)
    written: bytes = proto.SerializeToString(deterministic=True)
    return written


def _with_metadata(proto: onnx.ModelProto) -> Iterator[Any]:
    """Yield all parts of a model that may have metadata."""
    graph = proto.graph
    yield from (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for function in proto.functions:
        yield from (function, *function.node)


def without_random_layers(model: nn.Module) -> nn.Module:
    """Copy a network to the CPU in evaluation mode, with the identity in place of each random layer."""
    plain = copy.deepcopy(model).cpu().float().eval()
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, RandomLayer):
            plain.set_submodule(name, nn.Identity(), strict=True)
    return plain
