"""A GPU that is not there: tensors that say they lie on it, and whose values lie in this machine's memory.

Whatever is asked of them goes through `_computed`. It refuses what a GPU refuses, tensors or generators of two devices
in one operation, and counts what makes a program wait for a GPU, values that are read back. The arithmetic is that of
the CPU, so that results must be the CPU's too. For a process of its own: PyTorch takes one such device per process.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn, Self

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "simulated"
read_back: Counter[str] = Counter()  # operation -> how often the host had to wait for a value

_aten = torch.ops.aten
_MOVES = (_aten._to_copy.default, _aten.copy_.default)
_TAKE_INDICES_OF_THE_HOST = (_aten.index.Tensor, _aten.index_put_.default, _aten._index_put_impl_.default)
_ANSWER_THE_HOST = (
    *(_aten._local_scalar_dense.default, _aten.equal.default, _aten.is_nonzero.default, _aten.bincount.default),
    *(_aten.nonzero.default, _aten.masked_select.default, _aten._unique2.default, _aten.unique_dim.default),
)
_plain_generator, _plain_tensor = torch.Generator, torch.tensor
_drawing_there: dict[int, torch.Generator] = {}  # an operation is handed another object around the same generator


class Simulation(TorchDispatchMode):
    """While it lasts, tensors can be made on the device."""

    def __torch_dispatch__(self, operation: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        return _computed(operation, given, options or {})


class SimulatedTensor(Tensor):
    """A tensor on the device; `values` are its values, on the CPU."""

    values: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __new__(cls, values: Tensor) -> Self:
        """Wrap values."""
        made: Self = Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=torch.device(NAME, 0),
        )
        made.values = values
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        return _computed(operation, given, options or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        made = self.detach().clone()
        if isinstance(self, nn.Parameter):
            made = nn.Parameter(made, self.requires_grad)
        memo[id(self)] = made
        return made

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def new_tensor(self, data: Any) -> Tensor:
        return torch.tensor(data, dtype=self.dtype, device=self.device)

    def numpy(self, **options: Any) -> NoReturn:
        raise TypeError(f"can't convert a tensor of {NAME} to numpy, use cpu() first ({options})")


class SimulatedGenerator(torch.Generator):
    """A generator that draws on the device."""

    @property
    def device(self) -> torch.device:
        """Return the device."""
        return torch.device(NAME, 0)


class _Kind(type(torch.Generator)):  # type: ignore[misc]
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _plain_generator)


class _Generator(_plain_generator, metaclass=_Kind):  # type: ignore[valid-type,misc]
    def __new__(cls, device: Any = "cpu") -> Any:
        if torch.device(device).type != NAME:
            return _plain_generator(device)
        made = SimulatedGenerator()
        _drawing_there[made._cdata] = made  # type: ignore[attr-defined]
        return made


class _Backend:
    """What PyTorch asks the module of a device."""

    def __getattr__(self, name: str) -> Any:
        answers = {"is_initialized": True, "is_available": True, "current_device": 0, "device_count": 1}
        answers |= {"_is_in_bad_fork": False, "get_amp_supported_dtype": [torch.bfloat16]}
        if name not in answers:
            raise AttributeError(name)
        return lambda: answers[name]


def begin() -> Simulation:
    """Put the device into this process, for as long as it lives; the caller enters what is returned."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.Generator = _Generator  # type: ignore[misc]
    torch.tensor = _tensor
    return Simulation()


def _tensor(data: Any, *, device: Any = None, **options: Any) -> Tensor:
    made = _plain_tensor(data, **options)
    return made if device is None else made.to(device)


def _computed(operation: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Compute on the CPU what was asked for, and put the result where a GPU would leave it."""
    parts = tree_leaves((given, options))
    there = [part for part in parts if isinstance(part, SimulatedTensor)]
    wanted = None if options.get("device") is None else torch.device(options["device"]).type
    if wanted is not None:
        options = {**options, "device": torch.device("cpu")}
    lands = wanted == NAME if wanted is not None else bool(there)
    if operation is _aten.copy_.default:
        lands = isinstance(given[0], SimulatedTensor)
    _refuse(operation, parts, lands, mixed=bool(there))
    if there and (operation in _ANSWER_THE_HOST or not lands):
        read_back[str(operation)] += 1
    owners = {id(each.values): each for each in there}
    made = operation(*tree_map(_inside, given), **tree_map(_inside, options))
    return tree_map(lambda value: _outside(value, owners) if lands else value, made)


def _refuse(operation: Any, parts: list[Any], lands: bool, *, mixed: bool) -> None:
    """Raise as a GPU would where two devices meet."""
    for part in parts:
        if isinstance(part, torch.Generator) and (part._cdata in _drawing_there) != lands:  # type: ignore[attr-defined]
            raise RuntimeError(f"{operation}: found a generator of another device than what it fills")
        here = isinstance(part, Tensor) and not isinstance(part, SimulatedTensor) and part.dim() > 0
        if mixed and here and operation not in (*_MOVES, *_TAKE_INDICES_OF_THE_HOST):
            raise RuntimeError(f"{operation}: found a tensor {tuple(part.shape)} on the CPU beside one on {NAME}")


def _inside(value: Any) -> Any:
    return value.values if isinstance(value, SimulatedTensor) else value


def _outside(value: Any, owners: dict[int, SimulatedTensor]) -> Any:
    """Wrap a result, unless it is a tensor that was changed in place."""
    if not isinstance(value, Tensor):
        return value
    owner = owners.get(id(value))
    if owner is not None and owner.shape != value.shape:
        raise NotImplementedError("a change of shape in place")
    return SimulatedTensor(value) if owner is None else owner
