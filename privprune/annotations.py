"""What the annotations of a settings class say: its keys, which of them may be left out, and its name in a suite."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, Union

from privprune.errors import UserError

Settings = TypeVar("Settings")
_ORIGINS = (Annotated, Union, types.UnionType, Literal, tuple, dict)  # those that `settings.read` knows
_READABLE = (
    "int, float, str, bool, Literal, tuple[X, ...], dict[Name, X], another settings class, and any of them | None"
)


@dataclass(frozen=True)
class Key:
    """Another key for a field in the file, for keys such as `from` that are reserved words in Python."""

    name: str


@dataclass(frozen=True)
class OneOf(Generic[Settings]):
    """A settings class that is chosen by the mapping's key `name`, for instance among those of a registry.

    Attributes:
        kinds: returns the choices, name -> settings class; called when settings are read.

    """

    kinds: Callable[[], Mapping[str, type[Settings]]]


@functools.cache
def hints_of(kind: Any) -> dict[str, Any]:
    """Return attribute -> annotation; cached, as this is the slowest part and a suite has hundreds of one kind.

    Raises:
        UserError: an annotation is not of those that `read` knows; whoever wrote the class has made a mistake.

    """
    where = f"{kind.__module__}.{kind.__qualname__}"
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError) as failure:
        raise UserError(f"{where}: its annotations could not be read ({failure})") from failure
    for field in dataclasses.fields(kind):
        if field.init and not _readable(hints[field.name]):
            found = getattr(hints[field.name], "__name__", "") or str(hints[field.name])
            raise UserError(f"{where}.{field.name}: found the type {found}, allowed {_READABLE}")
    return hints


def _readable(hint: Any) -> bool:
    """Return whether `settings.read` can read values of an annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return True
    if origin is Annotated:
        return any(isinstance(one, OneOf) for one in arguments[1:]) or _readable(arguments[0])
    if origin is not None:
        return origin in _ORIGINS and all(one in (Ellipsis, type(None)) or _readable(one) for one in arguments)
    return dataclasses.is_dataclass(hint) or hint in (int, float, str, bool, Any, object)


@functools.cache
def keys_of(kind: Any) -> dict[str, str]:
    """Return key in the file -> attribute; the key is that of the attribute's `Key`, or its name."""
    hints = hints_of(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    return {_key(hints[name], name): name for name in names}


@functools.cache
def nullable(kind: Any) -> frozenset[str]:
    """Return the attributes that may be left out, which are those with the default null."""
    return frozenset(field.name for field in dataclasses.fields(kind) if field.init and field.default is None)


def _key(hint: Any, name: str) -> str:
    extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    return next((extra.name for extra in extras if isinstance(extra, Key)), name)


def names_of(kind: Any) -> tuple[str, ...]:
    """Return the names that the literal field `name` of a settings class allows.

    Raises:
        UserError: it has no such field; whoever wrote the class has made a mistake.

    """
    hint = hints_of(kind).get("name")
    if typing.get_origin(hint) is not Literal:
        raise UserError(f"{kind.__module__}.{kind.__qualname__}.name: missing, allowed Literal[...] with its name")
    return typing.get_args(hint)


def name_of(settings: type[Any]) -> str:
    """Return the one name that the literal field `name` of a settings class allows."""
    (name,) = names_of(settings)
    return str(name)
