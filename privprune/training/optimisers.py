"""PyTorch's optimisers, without the compiler that they import on their first step.

`torch.optim` wraps the steps of its optimisers in a function that imports `torch._dynamo`, which nothing here uses.
With PyTorch 2.15 on a busy machine of two cores the first step took 9 s of processor time and 160 MB of memory, in
every stage and each of its worker processes; without the wrapper 2 ms. The parameters move by the same bits. The
methods that write and read an optimiser's state, for a checkpoint, are wrapped in the same way.

The wrapper is taken off only where PyTorch is as this module expects it, see `_as_expected`. Elsewhere `SGD` and `Adam`
are those of `torch.optim`: slower to start, and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

__all__ = ["SGD", "Adam", "optimiser_named"]

_MAJOR_VERSION = "2"
_COMPILER = "_use_grad"  # of torch.optim.optimizer: imports torch._dynamo, and switches gradients off
_WRAPPERS = {_COMPILER, "wrapper"}  # the other one, `profile_hook_step`, is put around each class's `step` anyway


class _Uncompiled(torch.optim.Optimizer):
    """The methods that every step needs, without their wrappers, which some versions of PyTorch have."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See `torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """See `torch.optim.Optimizer`."""
        state: dict[str, Any] = inspect.unwrap(torch.optim.Optimizer.state_dict)(self)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer`."""
        inspect.unwrap(torch.optim.Optimizer.load_state_dict)(self, state_dict)


class _UncompiledSGD(_Uncompiled, torch.optim.SGD):
    """`torch.optim.SGD`, uncompiled."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """See `torch.optim.SGD`."""
        return inspect.unwrap(torch.optim.SGD.step)(self, closure)


class _UncompiledAdam(_Uncompiled, torch.optim.Adam):
    """`torch.optim.Adam`, uncompiled."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """See `torch.optim.Adam`."""
        return inspect.unwrap(torch.optim.Adam.step)(self, closure)


def _as_expected(kind: type[torch.optim.Optimizer]) -> bool:
    """Whether an optimiser of PyTorch can do without the wrappers of its step.

    Its version is known, its step is wrapped by the functions that are known, and takes the arguments that are known.
    """
    step: Any = kind.step
    wrappers = set()
    while hasattr(step, "__wrapped__"):
        wrappers.add(step.__code__.co_name)
        step = step.__wrapped__
    known = torch.__version__.split(".")[0] == _MAJOR_VERSION and _COMPILER in wrappers <= _WRAPPERS
    return known and list(inspect.signature(step).parameters) == ["self", "closure"]


if TYPE_CHECKING:
    from torch.optim import SGD, Adam
else:
    SGD = _UncompiledSGD if _as_expected(torch.optim.SGD) else torch.optim.SGD
    Adam = _UncompiledAdam if _as_expected(torch.optim.Adam) else torch.optim.Adam


def optimiser_named(
    name: Literal["sgd", "adam"], parameters: Sequence[Tensor], learning_rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Build an optimiser; Adam ignores the momentum. `decay` is the weight decay."""
    if name == "adam":
        return Adam(parameters, lr=learning_rate, weight_decay=decay, foreach=True)
    return SGD(parameters, lr=learning_rate, momentum=momentum, weight_decay=decay, foreach=True)
