"""PyTorch's optimisers, without the compiler that they import on their first step.

`torch.optim` wraps what its optimisers do in calls that import `torch._dynamo`. Nothing here is compiled, and that
import costs a second or two, in every stage and in each of its worker processes: more than a small stage computes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch


class _Uncompiled(torch.optim.Optimizer):
    """What every step needs, as PyTorch has it inside its wrappers."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See `torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.zero_grad)(self, set_to_none)


class SGD(_Uncompiled, torch.optim.SGD):
    """`torch.optim.SGD`, uncompiled."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """See `torch.optim.SGD`."""
        return inspect.unwrap(torch.optim.SGD.step)(self, closure)


class Adam(_Uncompiled, torch.optim.Adam):
    """`torch.optim.Adam`, uncompiled."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """See `torch.optim.Adam`."""
        return inspect.unwrap(torch.optim.Adam.step)(self, closure)
