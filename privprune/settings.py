"""Read settings strictly into frozen dataclasses: a mistake is reported in one line, and no default hides a number.

Every key is required but for those whose attribute has the default None: null is what most entries have there.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, Union

from privprune.annotations import OneOf, hints_of, keys_of, names_of, nullable
from privprune.errors import MissingAt, MissingKeysError, UserError, shortened, shown, together, within
from privprune.names import FILES, NAMES, PRINTED, Rule

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Range:
    """The range of numbers that a setting may have: from `low` to `high`, without a limit where it is None.

    At an open end the number itself is outside. An `even` range has even numbers only.
    """

    low: float | None
    high: float | None
    open_low: bool = False
    open_high: bool = False
    even: bool = False

    def __contains__(self, value: float) -> bool:
        """Return whether the value is in the range."""
        if self.even and value % 2:
            return False
        above = self.low is None or value > self.low or (value == self.low and not self.open_low)
        below = self.high is None or value < self.high or (value == self.high and not self.open_high)
        return above and below

    def __str__(self) -> str:
        """Return the range in words, for messages."""
        low = None if self.low is None else f"{'above' if self.open_low else 'at least'} {_written(self.low)}"
        high = None if self.high is None else f"{'below' if self.open_high else 'at most'} {_written(self.high)}"
        return " and ".join(part for part in (low, high) if part) + (", even" if self.even else "")


def _written(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


Name = Annotated[str, NAMES]
FileName = Annotated[str, FILES]
Printed = Annotated[str, PRINTED]

# The ranges of all settings. A number at either end can be computed with: float32 holds it and its square, and no
# list or tensor of that many parts is larger than a machine. Whether it makes sense is for the suite to say.
Count = Annotated[int, Range(0, 1_000_000)]
AtLeastOne = Annotated[int, Range(1, 1_000_000)]
Positive = Annotated[float, Range(1e-12, 1_000_000)]
NonNegative = Annotated[float, Range(0, 1_000_000)]
Fraction = Annotated[float, Range(0, 1)]
Seed = Annotated[int, Range(0, 2**32 - 1)]  # seeds of shadow models count up from it, in 64 bits
RecordCount = Annotated[int, Range(1, 100_000_000)]
Shadows = Annotated[int, Range(0, 1000, even=True)]  # complementary pairs
Batch = Annotated[int, Range(1, 65_536)]
Width = Annotated[int, Range(1, 512)]  # channels or units inside of an attacker's or adversary's network
Depth = Annotated[int, Range(0, 32)]  # blocks of such a network
Repeats = Annotated[int, Range(1, 1000)]  # how often something is done within a step, for an image, or on a batch
Resamples = Annotated[int, Range(1, 100_000)]  # of a bootstrap
Stack = Annotated[int, Range(1, 1000)]  # networks that run as one


def read(kind: type[Settings] | OneOf[Settings], found: object, where: str) -> Settings:
    """Build a settings dataclass from a mapping of a suite's file.

    Args:
        kind: the frozen dataclass, whose annotations define what is allowed; or the choice of one by the key `name`.
        found: content of the file at this location.
        where: the location, as file and dotted key, for the message.

    Raises:
        UserError: an unknown or missing key, a wrong type, a value out of range, or one that the dataclass refuses.

    """
    if isinstance(kind, OneOf):
        return _named(kind.kinds(), found, where)
    settings_class: Any = kind
    hints, fields, may_be_left_out = hints_of(settings_class), keys_of(settings_class), nullable(settings_class)
    if not isinstance(found, Mapping):
        raise UserError(f"{where}: found {shown(found)}, allowed a mapping with the keys {_listed(fields)}")
    for key in found:
        if key not in fields:
            raise UserError(f"{where}.{_key_shown(key)}: unknown key, allowed {_listed(fields)}")
    missing = tuple(key for key, name in fields.items() if key not in found and name not in may_be_left_out)
    own = [partial(_refuse_missing, MissingAt(where, missing, tuple(fields)))] if missing else []
    given = {name: key for key, name in fields.items() if key in found}
    reads = [partial(_value, hints[name], found[key], f"{where}.{key}") for name, key in given.items()]
    values = dict(zip(given, together([*own, *reads]), strict=True))
    try:
        return kind(**values)
    except ValueError as broken:
        raise UserError(within(where, broken, fields)) from None


def _refuse_missing(place: MissingAt) -> typing.NoReturn:
    raise MissingKeysError([place])


def _value(hint: Any, found: Any, where: str) -> Any:
    """Check one value against one annotation, and return it as the annotation's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None:
        return _CHECKS[origin](arguments, found, where)
    if dataclasses.is_dataclass(hint):
        return read(typing.cast("type[Any]", hint), found, where)
    return _scalar(hint, found, where)


def _annotated(arguments: tuple[Any, ...], found: Any, where: str) -> Any:
    """Read `Annotated[X, ...]`: X with a `Range`, a `Rule` or a `Key`, or the class that a `OneOf` chooses."""
    hint, *extras = arguments
    for extra in extras:
        if isinstance(extra, OneOf):
            return read(extra, found, where)
    value = _value(hint, found, where)
    for extra in extras:
        if isinstance(extra, Range | Rule) and value not in extra:
            raise UserError(f"{where}: found {shown(found)}, allowed {extra}")
    return value


def _literal(choices: tuple[Any, ...], found: Any, where: str) -> Any:
    if not any(type(found) is type(choice) and found == choice for choice in choices):
        raise UserError(f"{where}: found {shown(found)}, allowed {_listed(choices)}")
    return found


def _union(hints: tuple[Any, ...], found: Any, where: str) -> Any:
    """Read `X | None`, or one of several dataclasses that differ in their Literal field `name`."""
    if found is None and type(None) in hints:
        return None
    kinds = [hint for hint in hints if hint is not type(None)]
    if len(kinds) == 1:
        return _value(kinds[0], found, where)
    return _named({name: kind for kind in kinds for name in names_of(kind)}, found, where)


def _named(kinds: Mapping[str, type[Settings]], found: Any, where: str) -> Settings:
    """Read a mapping as the settings class that its key `name` chooses."""
    if not isinstance(found, Mapping):
        raise UserError(f"{where}: found {shown(found)}, allowed a mapping with name: {_listed(kinds)}")
    if "name" not in found:
        raise UserError(f"{where}.name: missing, allowed {_listed(kinds)}")
    name = found["name"]
    if not isinstance(name, str) or name not in kinds:
        raise UserError(f"{where}.name: found {shown(name)}, allowed {_listed(kinds)}")
    return read(kinds[name], found, where)


def _sequence(arguments: tuple[Any, ...], found: Any, where: str) -> tuple[Any, ...]:
    """Read `tuple[X, ...]`, which is a list in the file."""
    if not isinstance(found, list | tuple):
        raise UserError(f"{where}: found {shown(found)}, allowed a list")
    return tuple(
        together(partial(_value, arguments[0], item, f"{where}[{position}]") for position, item in enumerate(found))
    )


def _mapping(arguments: tuple[Any, ...], found: Any, where: str) -> dict[str, Any]:
    """Read `dict[str, X]` or `dict[Name, X]`, which is a mapping in the file."""
    if not isinstance(found, Mapping):
        raise UserError(f"{where}: found {shown(found)}, allowed a mapping")
    for key in found:
        _value(arguments[0], key, f"{where}.{_key_shown(key)}: this name")
    reads = [partial(_value, arguments[1], item, f"{where}.{key}") for key, item in found.items()]
    return dict(zip(map(str, found), together(reads), strict=True))


_CHECKS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    Annotated: _annotated,
    Union: _union,
    types.UnionType: _union,
    Literal: _literal,
    tuple: _sequence,
    dict: _mapping,
}


def _scalar(hint: Any, found: Any, where: str) -> Any:
    if hint is Any or hint is object:
        return found
    if hint is float and isinstance(found, int) and not isinstance(found, bool) and abs(found) <= sys.float_info.max:
        return float(found)
    exact = isinstance(found, hint) and isinstance(found, bool) == (hint is bool)
    if not exact or (hint is float and not math.isfinite(found)):
        names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
        raise UserError(f"{where}: found {shown(found)}, allowed {names[hint]}")
    return found


def _key_shown(key: object) -> str:
    return shortened(str(key), 64)


def _listed(names: typing.Iterable[object]) -> str:
    return ", ".join(str(name) for name in names) or "none"


def at(suite: Mapping[str, Any], *keys: str, file: str) -> Any:
    """Look up one entry of a suite by its keys.

    Raises:
        UserError: the entry does not exist; the message lists those that do.

    """
    found: Any = suite
    for depth, key in enumerate(keys):
        if not isinstance(found, Mapping) or key not in found:
            allowed = _listed(found) if isinstance(found, Mapping) else "none"
            raise UserError(f"{file}: {'.'.join(keys[: depth + 1])} does not exist, allowed {allowed}")
        found = found[key]
    return found
