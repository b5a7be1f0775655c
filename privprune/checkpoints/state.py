"""The state of objects that work together: captured as plain values, and restored into objects built by the same code.

What a training remembers from step to step lies in many objects: networks, optimisers, generators, an adversary, a
fitted mixture, the best weights so far. `capture` walks through lists, dictionaries and the attributes of plain objects
down to what knows its own state: `state_dict()` of modules, optimisers and Opacus's accountants, `get_state()` of
generators, values of tensors and arrays. `restore` puts everything back in place, so that references between the
objects stay valid: an optimiser keeps its parameters, a hook its mask. Objects that were created after the beginning
are created again. A value of an unknown kind is refused: left out, it would change the resumed training.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Collection, Iterable
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
# Code, and references that the same code creates again: they are not captured.
_CODE = (
    *(type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
    *(weakref.ReferenceType, RemovableHandle),
)
_VALUES = (Tensor, np.ndarray, torch.Generator, np.random.Generator)
# Attributes of torch itself in every module: its state dict covers weights, the same code registers hooks again.
_OF_EVERY_MODULE = vars(nn.Module()).keys() - {"training"}


@dataclass(frozen=True)
class _Unchanged:
    """In place of a value that is not captured: a restoration leaves it as it is."""


@dataclass(frozen=True)
class _Reference:
    """A back-reference to the captured object with this number."""

    number: int


@dataclass(frozen=True)
class _Captured:
    """A captured object: its number in the order of the walk, its class, and its content, see `_Capture._content`."""

    number: int
    kind: type
    content: Any


def capture(value: Any, unchanged: Collection[object] = ()) -> Any:
    """Copy the state of a value and of all that it refers to, as plain values and tensors on the CPU.

    Gradients and hooks are left out: every step begins by clearing the former, and the same code registers the latter.

    Args:
        value: containers, modules, optimisers, generators, tensors, arrays and plain objects, nested in any way.
        unchanged: objects to leave out because nothing changes them, such as a dataset's images; compared by identity.

    Raises:
        TypeError: a value is of another kind; the message says where.

    """
    return _Capture(unchanged).of(value, "")


def restore(state: Any, value: Any) -> Any:
    """Restore a captured state into a value that was built by the same code.

    Returns:
        the value; a new one where it cannot be changed in place.

    Raises:
        TypeError: the state contains an object that does not exist in `value` and cannot be made without its own code.

    """
    with torch.no_grad():
        return _Restoration().of(state, value)


def _has_state_dict(kind: type) -> bool:
    return hasattr(kind, "state_dict") and hasattr(kind, "load_state_dict")


def _state_dict(value: Any) -> Any:
    """Return an object's state dict; that of a module with its weights themselves, so that they are recognised."""
    return value.state_dict(keep_vars=True) if isinstance(value, nn.Module) else value.state_dict()


def _submodules(value: Any) -> dict[str, nn.Module]:
    return dict(value.named_modules()) if isinstance(value, nn.Module) else {}


def _attributes(value: Any) -> dict[str, Any]:
    """Return an object's attributes; of a module those that its class adds, such as a random layer's generator."""
    hidden = _OF_EVERY_MODULE if isinstance(value, nn.Module) else ()
    return {name: part for name, part in vars(value).items() if name not in hidden}


def _is_plain(kind: type) -> bool:
    """Whether the attributes of an object are all of its state: a class with more defines how it is copied."""
    copied_by_attributes = all(getattr(kind, name) is getattr(object, name) for name in ("__reduce_ex__", "__reduce__"))
    return copied_by_attributes and kind.__dictoffset__ != 0


class _Capture:
    """One walk; an object that is met again becomes a reference."""

    def __init__(self, unchanged: Collection[object]) -> None:
        self._unchanged = {id(one) for one in unchanged}
        self._met: dict[int, tuple[int, Any]] = {}  # id -> number, and the object, so that no other gets its id

    def of(self, value: Any, where: str) -> Any:
        """Return the state of the value at a place, such as `.terms[0].decoder`."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, _CODE) or id(value) in self._unchanged or (isinstance(value, Tensor) and value.is_meta):
            return _Unchanged()
        if id(value) in self._met:
            return _Reference(self._met[id(value)][0])
        number = len(self._met)
        self._met[id(value)] = number, value
        return _Captured(number, type(value), self._content(value, where))

    def _content(self, value: Any, where: str) -> Any:
        if isinstance(value, _VALUES):
            return _values(value, where)
        if isinstance(value, list | tuple | set):
            return [self.of(part, f"{where}[{position}]") for position, part in enumerate(value)]
        if isinstance(value, dict):
            return [(self.of(key, where), self.of(part, f"{where}[{key!r:.40}]")) for key, part in list(value.items())]
        if _has_state_dict(type(value)):
            added = {name: self._attributes(module, f"{where}.{name}") for name, module in _submodules(value).items()}
            return self.of(_state_dict(value), where), added
        if _is_plain(type(value)):
            return self._attributes(value, where)
        raise TypeError(f"{where.lstrip('.')}: found {type(value).__name__}, whose state is not known how to keep")

    def _attributes(self, value: Any, where: str) -> dict[str, Any]:
        return {name: self.of(part, f"{where}.{name}") for name, part in _attributes(value).items()}


class _Restoration:
    """One walk over a state and the live objects that it is restored into."""

    def __init__(self) -> None:
        self._restored: dict[int, Any] = {}  # number -> the live object
        self._used: dict[int, Any] = {}  # id -> the live object, which stands for one captured object already

    def of(self, state: Any, live: Any) -> Any:
        """Return what takes the place of `live`: where possible, itself."""
        if isinstance(state, _Reference):
            return self._restored[state.number]
        if isinstance(state, _Unchanged):
            if live is None:
                raise TypeError("a checkpoint refers to an object that only its own code can make")
            return live
        if not isinstance(state, _Captured):
            return state
        if issubclass(state.kind, tuple):
            return self._note(state, self._tuple(state, live))
        usable = type(live) is state.kind and id(live) not in self._used and _fits(live, state.content)
        value = self._note(state, live if usable else _new(state))
        self._fill(value, state.content)
        return value

    def _note(self, state: _Captured, value: Any) -> Any:
        self._restored[state.number] = self._used[id(value)] = value
        return value

    def _tuple(self, state: _Captured, live: Any) -> Any:
        parts = self._parts(state.content, live if isinstance(live, tuple) else ())
        return state.kind(*parts) if hasattr(state.kind, "_fields") else state.kind(parts)

    def _parts(self, content: list[Any], live: Any) -> list[Any]:
        return [self.of(part, live[place] if place < len(live) else None) for place, part in enumerate(content)]

    def _fill(self, value: Any, content: Any) -> None:
        """Change an object, which others may refer to, into the captured one."""
        if isinstance(value, _VALUES):
            _set_values(value, content)
        elif isinstance(value, list):
            value[:] = self._parts(content, value)
        elif isinstance(value, set):
            value.clear()
            value.update(self._parts(content, ()))
        elif isinstance(value, dict):
            self._fill_dict(value, [(self.of(key, None), part) for key, part in content])
        elif _has_state_dict(type(value)):
            value.load_state_dict(self.of(content[0], _state_dict(value)))
            for name, module in _submodules(value).items():
                self._fill_attributes(module, content[1][name])
        else:
            self._fill_attributes(value, content)

    def _fill_dict(self, value: dict[Any, Any], content: Iterable[tuple[Any, Any]]) -> None:
        parts = {key: self.of(part, value.get(key)) for key, part in content}
        value.clear()
        value.update(parts)

    def _fill_attributes(self, value: Any, content: dict[str, Any]) -> None:
        """Change the dictionary itself: frozen dataclasses and modules refuse to have attributes set."""
        attributes = vars(value)
        for name in _attributes(value).keys() - content.keys():
            del attributes[name]
        for name, state in content.items():
            attributes[name] = self.of(state, attributes.get(name))


def _values(value: Any, where: str) -> Any:
    """Copy a tensor's or an array's values, or a generator's state; of PyTorch's with their device."""
    if isinstance(value, Tensor):
        if value.grad_fn is not None:
            raise TypeError(f"{where.lstrip('.')}: found a tensor with its graph, which cannot be kept")
        return value.detach().to("cpu", copy=True).requires_grad_(value.requires_grad), value.device
    if isinstance(value, torch.Generator):
        return value.get_state(), value.device
    return value.bit_generator.state if isinstance(value, np.random.Generator) else value.copy()


def _fits(live: Any, content: Any) -> bool:
    """Whether a live object can take the captured values: a tensor or an array has a fixed size, type and device."""
    if isinstance(live, Tensor):
        values, device = content
        return (live.shape, live.dtype, live.device) == (values.shape, values.dtype, device)
    return not isinstance(live, np.ndarray) or (live.shape, live.dtype) == (content.shape, content.dtype)


def _set_values(value: Any, content: Any) -> None:
    """Set the values of a tensor or an array, or the state of a generator."""
    if isinstance(value, Tensor):
        if not torch.equal(value.cpu(), content[0]):  # an expanded tensor refuses to be written to; it cannot change
            value.detach().copy_(content[0])
    elif isinstance(value, torch.Generator):
        value.set_state(content[0])
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = content
    else:
        value[...] = content


def _new(state: _Captured) -> Any:
    """Make an object of the captured one's class, to be filled."""
    kind, content = state.kind, state.content
    if issubclass(kind, Tensor):
        values, device = content
        return values.to(device, copy=True).requires_grad_(values.requires_grad)
    if issubclass(kind, torch.Generator):
        return torch.Generator(content[1])
    if issubclass(kind, np.random.Generator):
        return np.random.default_rng()
    if issubclass(kind, np.ndarray):
        return content.copy()
    if kind in (list, set, dict):
        return kind()
    if _has_state_dict(kind) or not _is_plain(kind):
        raise TypeError(f"a checkpoint contains a {kind.__name__}, which only its own code can make")
    return object.__new__(kind)
