"""Read a YAML file as plain data: YAML 1.2 as DVC reads it, and one line for each mistake.

The reader is the one that DVC uses, the safe loader of ruamel.yaml. Its C extension (`ruamel-yaml-clib`) reads
params/paper.yaml, 120 KB, in 0.22 s; without it the same takes 0.88 s. PyYAML, which reads YAML 1.1, takes 0.12 s.

A file is measured before any of it is built, since YAML can describe more than a machine has: the loader recurses into
nested lists, and ten lines of aliases stand for a billion values.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode

from privprune.errors import UserError, shortened, shown

# The largest suite here, params/paper.yaml, has 125,000 bytes, 10,000 values, a depth of 8, and 1,200,000 characters
# and 180,000 values with its anchors written out. A file at one of these limits is read in less than a second.
MOST_BYTES = 500_000
MOST_VALUES = 50_000  # as written
MOST_WRITTEN_OUT = 5_000_000  # characters and values, with each alias replaced by what it stands for
MOST_VALUES_WRITTEN_OUT = 400_000  # which take time where mappings are merged, however short they are
MOST_DEPTH = 50  # with all aliases written out; what is merged counts as one level more
MOST_BRACKETS = 10_000  # [ and {, wherever they stand: the time of libyaml grows with the square of those that are open
_LONGEST_NUMBER = 100  # characters
_LONGEST_PROBLEM = 200  # characters of what the parser says
_TAG = "tag:yaml.org,2002:"
_NUMBERS = {f"{_TAG}int": "an integer", f"{_TAG}float": "a number", f"{_TAG}bool": "true or false"}
_PLAIN = {*_NUMBERS, *(f"{_TAG}{kind}" for kind in ("null", "str", "seq", "map"))}


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping, such as a suite.

    Returns:
        dictionaries, lists and scalars; a new copy at each call. `5e-2` is a number, `yes` a text.

    Raises:
        UserError: the file is missing, cannot be read, is not YAML, is too large or too deeply nested, gives a key
            twice, has values other than numbers, texts, true, false and null, or contains no mapping.

    """
    try:
        content = _parsed(_text(path))
    except FileNotFoundError:
        raise UserError(f"{path}: the file is missing, allowed a suite file such as params/laptop.yaml") from None
    except OSError as failure:
        raise UserError(f"{path}: could not be read, {failure.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as failure:
        raise UserError(f"{path}: not readable as YAML, {problem_of(failure)}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found {shown(content)}, allowed a mapping with a suite's sections")
    return copy.deepcopy(content)


def _text(path: Path) -> str:
    """Read the file as far as it may be long."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise YAMLError(f"found more than {MOST_BYTES:,} bytes, allowed at most these")
    return content.decode("utf-8")


@functools.lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    """Parse the text of a file; a stage reads the same suite several times."""
    _measure(text)
    yaml = YAML(typ="safe")
    yaml.Constructor = _PlainConstructor
    return yaml.load(text)


def _measure(text: str) -> None:
    """Refuse a text that is nested too deeply, or too long with its aliases written out, before it is built."""
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise YAMLError(f"found more than {MOST_BRACKETS:,} brackets, allowed at most these")
    measure = _Measure()
    for event in YAML(typ="safe").parse(text):
        measure.count(event)


@dataclass
class _Part:
    """What a part of a text stands for, with its aliases written out.

    Attributes:
        characters: those of scalars, and one for each value.
        values: lists, mappings and scalars.
        levels: of lists and mappings in one another.

    """

    characters: int = 1
    values: int = 1
    levels: int = 0


class _Measure:
    """Counts what a text contains, event by event."""

    def __init__(self) -> None:
        self._values = 0  # as written
        self._whole = _Part(0, 0)  # what the text stands for so far
        self._named: dict[str, _Part] = {}  # what anchors name
        self._opened: list[tuple[str | None, _Part]] = []  # anchor and content of each list or mapping that is open

    def count(self, event: Any) -> None:
        """Count one event.

        Raises:
            ConstructorError: a limit has been reached, or an alias has no anchor above.

        """
        anchor = getattr(event, "anchor", None)
        self._values += isinstance(event, NodeEvent)
        if isinstance(event, CollectionStartEvent):
            self._opened.append((anchor, _Part(levels=1)))
            self._grow(self._whole, _Part())
        elif isinstance(event, CollectionEndEvent):
            self._place(*self._opened.pop())
        elif isinstance(event, ScalarEvent | AliasEvent):
            part = self._of_alias(event) if isinstance(event, AliasEvent) else _Part(1 + len(event.value))
            self._grow(self._whole, part)
            self._place(None if isinstance(event, AliasEvent) else anchor, part)
        self._check_limits(event)

    def _place(self, anchor: str | None, part: _Part) -> None:
        """Add a part that has ended to the list or mapping around it, and note what its anchor names."""
        if anchor is not None:
            self._named[anchor] = part
        if self._opened:
            around = self._opened[-1][1]
            self._grow(around, part)
            around.levels = max(around.levels, 1 + part.levels)
            self._whole.levels = max(self._whole.levels, len(self._opened) + part.levels)

    @staticmethod
    def _grow(around: _Part, part: _Part) -> None:
        around.characters += part.characters
        around.values += part.values

    def _of_alias(self, event: Any) -> _Part:
        if event.anchor not in self._named:
            raise _refused(event, f"found the alias *{event.anchor}, allowed those of anchors that end above")
        return self._named[event.anchor]

    def _check_limits(self, event: Any) -> None:
        for found, most, what in (
            (max(len(self._opened), self._whole.levels), MOST_DEPTH, "levels of lists and mappings"),
            (self._values, MOST_VALUES, "values"),
            (self._whole.characters, MOST_WRITTEN_OUT, "characters with all aliases written out"),
            (self._whole.values, MOST_VALUES_WRITTEN_OUT, "values with all aliases written out"),
        ):
            if found > most:
                raise _refused(event, f"found more than {most:,} {what}, allowed at most these")


def _refused(place: Any, problem: str) -> ConstructorError:
    """Return the error of an event or a node, with its line and column."""
    return ConstructorError(None, None, problem, place.start_mark)


class _PlainConstructor(SafeConstructor):
    """Builds numbers, texts, true, false, null, lists, and mappings of scalar keys; a mistake has its line."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Build the value of a node.

        Raises:
            ConstructorError: it is none of the plain values, or a number that cannot be made or is too long.

        """
        if node.tag not in _PLAIN:
            problem = f"found {_quoted(node)}, which YAML reads as {node.tag.removeprefix(_TAG)}"
            raise _refused(node, f"{problem}, allowed numbers, texts, true, false, null")
        if isinstance(node, ScalarNode) and node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            raise _refused(node, f"found {_quoted(node)}, allowed a number of at most {_LONGEST_NUMBER} characters")
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError):  # `0x_`, `!!int x`, `!!bool x`, `!!int ""`
            raise _refused(node, f"found {_quoted(node)}, allowed {_NUMBERS.get(node.tag, 'another value')}") from None

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Build a mapping.

        Raises:
            ConstructorError: a key is a list or a mapping.

        """
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if not isinstance(key, ScalarNode):
                raise _refused(key, "found a list or mapping as a key, allowed a text")
        return super().construct_mapping(node, deep=deep)


def _quoted(node: Any) -> str:
    return shown(node.value) if isinstance(node, ScalarNode) else f"a {node.id}"


def problem_of(failure: Exception) -> str:
    """Say in one line what a reader of YAML found wrong, and where: line and column count from 1."""
    if not isinstance(failure, MarkedYAMLError) or failure.problem_mark is None:
        return " ".join(str(failure).split())
    mark = failure.problem_mark
    problem = str(failure.problem).split(' with value "')[0]  # a duplicate key is reported with both of its values
    return f"{shortened(problem, _LONGEST_PROBLEM)} in line {mark.line + 1}, column {mark.column + 1}"
