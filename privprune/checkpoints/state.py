"""The state of objects that work together, taken as plain values and put back into other objects of the same make.

What a training remembers from step to step lies in many places: weights, the optimisers' moments, generators, an
adversary, a mixture that was fitted, the best state so far. `captured` walks through all of it, and `restore` puts it
back in place, so that whoever holds a part of it (an optimiser its parameters, a hook its mask) goes on holding the
right one. What was made since the beginning is made again. A kind of value that is not known here is refused: left out
silently, it would make a resumed training another one.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_PLAIN = (
    *(type(None), bool, int, float, complex, str, bytes, np.generic, Enum, PurePath),
    *(torch.dtype, torch.device, torch.Size, torch.memory_format),
)
# Code, and what only points at something: the same wherever the objects are built by the same code.
_CODE = (
    *(type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
    *(weakref.ReferenceType, RemovableHandle),
)
_MISSING = object()


@dataclass(frozen=True)
class _Left:
    """Stands for what stays as it is built."""


@dataclass(frozen=True)
class _Again:
    """Stands for the object that was met as this one of all."""

    number: int


@dataclass(frozen=True)
class _Held:
    """The content of an object: what its kind keeps in it, see `_content`."""

    number: int
    kind: type
    content: Any


def captured(value: Any, unchanged: Collection[object] = ()) -> Any:
    """Copy the state of a value and of all that it reaches, as plain values and tensors on the CPU.

    Gradients are left out: every step begins by clearing them. So are hooks, which the same code hangs there again.

    Args:
        value: containers, modules, optimisers, generators and plain objects of ours, as deep as they go.
        unchanged: objects that stay as they are, such as a dataset's images; recognised by identity.

    Raises:
        TypeError: there is a value of another kind; says where.

    """
    return _Capture(unchanged).of(value, "")


def restore(state: Any, value: Any) -> Any:
    """Put a captured state into a value that was built by the same code.

    Returns:
        the value; a new one where it cannot change in place.

    """
    with torch.no_grad():
        return _Restoration().of(state, value)


class _Capture:
    """One walk; an object that is met twice is taken once."""

    def __init__(self, unchanged: Collection[object]) -> None:
        self._unchanged = {id(one) for one in unchanged}
        self._met: dict[int, tuple[int, Any]] = {}  # holds the objects, or their ids might come again

    def of(self, value: Any, where: str) -> Any:
        """Return the state of a value found at a place."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, _CODE) or id(value) in self._unchanged:
            return _Left()
        if id(value) in self._met:
            return _Again(self._met[id(value)][0])
        number = len(self._met)
        self._met[id(value)] = number, value
        return _Held(number, type(value), self._content(value, where))

    def _content(self, value: Any, where: str) -> Any:
        if isinstance(value, Tensor):
            return _tensor(value, where)
        if isinstance(value, torch.Generator):
            return value.device, value.get_state()
        if isinstance(value, np.ndarray):
            return value.copy()
        if isinstance(value, np.random.Generator):
            return value.bit_generator.state
        if isinstance(value, list | tuple | set):
            return [self.of(one, f"{where}[{place}]") for place, one in enumerate(value)]
        if isinstance(value, dict):
            return [(self.of(key, where), self.of(one, f"{where}[{key!r:.40}]")) for key, one in list(value.items())]
        if not _plain_object(value):
            raise TypeError(f"{where.lstrip('.')}: found {type(value).__name__}, whose state is not known how to keep")
        return {name: self.of(one, f"{where}.{name}") for name, one in _attributes(value).items()}


def _tensor(value: Tensor, where: str) -> tuple[Tensor, torch.device, bool] | None:
    """Copy a tensor; one on the meta device has no values."""
    if value.grad_fn is not None:
        raise TypeError(f"{where.lstrip('.')}: found a tensor with its graph, which cannot be kept")
    if value.is_meta:
        return None
    return value.detach().to("cpu", copy=True), value.device, value.requires_grad


def _attributes(value: Any) -> dict[str, Any]:
    """Return an object's attributes, without the hooks of modules and optimisers."""
    hooked = isinstance(value, nn.Module | torch.optim.Optimizer)
    return {name: one for name, one in vars(value).items() if not (hooked and "hook" in name)}


def _plain_object(value: Any) -> bool:
    """Whether all that an object is stands in its attributes: one that is more brings its own way of being copied."""
    inherited = all(getattr(type(value), way) is getattr(object, way) for way in ("__reduce_ex__", "__reduce__"))
    return inherited and hasattr(value, "__dict__")


class _Restoration:
    """One walk over a state and the objects that it goes into."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._taken: dict[int, Any] = {}  # objects that stand for one of the state already

    def of(self, state: Any, live: Any) -> Any:
        """Return what stands where `live` stood."""
        if isinstance(state, _Left):
            if live is _MISSING:
                raise TypeError("a snapshot needs an object that only its own code can make")
            return live
        if isinstance(state, _Again):
            return self._made[state.number]
        if not isinstance(state, _Held):
            return state
        usable = type(live) is state.kind and id(live) not in self._taken
        made = self._filled(state, live if usable else _MISSING)
        self._made[state.number] = made
        self._taken[id(made)] = made
        return made

    def _filled(self, state: _Held, live: Any) -> Any:
        kind, content = state.kind, state.content
        if issubclass(kind, Tensor):
            return _filled_tensor(content, live)
        if issubclass(kind, torch.Generator | np.random.Generator):
            return _filled_generator(content, live)
        if issubclass(kind, np.ndarray):
            return _filled_array(content, live)
        if issubclass(kind, tuple):
            return self._tuple(kind, content, live)
        made = live if live is not _MISSING else _new(kind)
        self._made[state.number] = self._taken[id(made)] = made  # before its parts, which may lead back to it
        if issubclass(kind, list):
            made[:] = [self.of(one, _at(made, place)) for place, one in enumerate(content)]
        elif issubclass(kind, set):
            made.clear()
            made.update([self.of(one, _MISSING) for one in content])
        elif issubclass(kind, dict):
            pairs = [(self.of(key, _MISSING), one) for key, one in content]
            found = {key: self.of(one, made.get(key, _MISSING)) for key, one in pairs}
            made.clear()
            made.update(found)
        else:
            self._fill_attributes(made, content)
        return made

    def _tuple(self, kind: Any, content: list[Any], live: Any) -> Any:
        parts = [self.of(one, _at(() if live is _MISSING else live, place)) for place, one in enumerate(content)]
        if live is not _MISSING and len(live) == len(parts) and all(map(_is, live, parts)):
            return live
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)

    def _fill_attributes(self, made: Any, content: dict[str, Any]) -> None:
        """Write into the dictionary itself: frozen dataclasses and modules would not let their attributes be set."""
        own = vars(made)
        for name in _attributes(made).keys() - content.keys():
            del own[name]
        for name, state in content.items():
            own[name] = self.of(state, own.get(name, _MISSING))


def _filled_tensor(content: tuple[Tensor, torch.device, bool] | None, live: Any) -> Any:
    """Copy into the tensor that is there, which keeps its layout and whoever refers to it."""
    if content is None:
        return live
    values, device, moved = content
    if live is _MISSING or live.shape != values.shape or live.dtype != values.dtype or live.device != device:
        return values.to(device).requires_grad_(moved)
    if not torch.equal(live.cpu(), values):
        live.detach().copy_(values)
    return live


def _filled_array(content: np.ndarray[Any, Any], live: Any) -> Any:
    if live is _MISSING or live.shape != content.shape or live.dtype != content.dtype:
        return content
    live[...] = content
    return live


def _filled_generator(content: Any, live: Any) -> Any:
    """Set the state of a generator, PyTorch's or NumPy's."""
    if isinstance(content, dict):
        made = np.random.default_rng() if live is _MISSING else live
        made.bit_generator.state = content
        return made
    device, values = content
    made = torch.Generator(device) if live is _MISSING else live
    made.set_state(values)
    return made


def _new(kind: type) -> Any:
    """Make an empty object of a kind."""
    if kind in (list, set, dict):
        return kind()
    if issubclass(kind, list | set | dict | nn.Module | torch.optim.Optimizer):
        raise TypeError(f"a snapshot holds a {kind.__name__}, which only its own code can make")
    return object.__new__(kind)


def _at(values: Any, place: int) -> Any:
    return values[place] if place < len(values) else _MISSING


def _is(one: Any, other: Any) -> bool:
    return one is other
