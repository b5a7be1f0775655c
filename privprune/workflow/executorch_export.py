"""Export networks to ExecuTorch, PyTorch's runtime for phones, and run them: the optional second runtime.

Operators are XNNPACK's, in float32. A file is for one image at a time. ExecuTorch is the extra `executorch` of the
package, which the environment of the repository leaves out: it brings twenty packages, and needs some ten seconds.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor, nn

from privprune.errors import UserError


def require_executorch(where: str) -> None:
    """Check that ExecuTorch is installed.

    Raises:
        UserError: it is not.

    """
    if importlib.util.find_spec("executorch") is None:
        raise UserError(f"{where}: found true, allowed false without ExecuTorch: uv sync --extra executorch")


def export_executorch(model: nn.Module, image: Tensor) -> bytes:
    """Export a network as an ExecuTorch program.

    Args:
        model: in evaluation mode, on the CPU.
        image: float32 [1, ...], an example of its input.

    Returns:
        content of a `.pte` file; the same for the same network.

    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner  # noqa: PLC0415 (an extra)
    from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415 (an extra)

    program = torch.export.export(model, (image,))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    return bytes(lowered.to_executorch().buffer)


def executorch_session(model: bytes) -> Callable[[Tensor], Tensor]:
    """Load a program that `export_executorch` returned; returns a function of one image, float32 [1, ...]."""
    from executorch.runtime import Runtime  # noqa: PLC0415 (an extra)

    program = Runtime.get().load_program(model)
    method = program.load_method("forward")

    def run(image: Tensor) -> Tensor:
        (output,) = method.execute([image.contiguous()])
        made: Tensor = output.clone()  # the runtime writes the next output to the same memory
        return made

    run.program = program  # type: ignore[attr-defined] # it must live as long as its method
    return run
