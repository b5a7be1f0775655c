"""A suite without anchors: each value stands where it is used, so that a change of one key changes no other.

`dvc exp run -S KEY=VALUE` edits params.yaml as it is written. What stands under an anchor would change wherever its
aliases are, and what comes by `<<:` is not there to be changed.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from privprune.errors import UserError
from privprune.yaml_file import MOST_BYTES, load_yaml, problem_of

_WIDTH = 120  # characters of a line
_SHORT = 110  # characters up to which a mapping that was written on one line stays there
_SECTIONS = 2  # levels whose keys keep the lines of comments above them: sections and entries
_BESIDE = re.compile(r"\s#\s?(.*)$")


def flat(file: Path) -> str:
    """Return a suite's text without anchors and aliases: same keys, same values, same comments.

    A comment at the end of a line goes with its key to each place where it is written out; lines of comments stay above
    the section or entry that they were written for.

    Raises:
        UserError: the file cannot be read as a suite, see `load_yaml`, or is too large without anchors, or has what DVC
            cannot edit, such as a tab in front of a value.

    """
    content = load_yaml(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    try:
        editable = YAML().load("\n".join(lines))
    except YAMLError as failure:
        raise UserError(f"{file}: {problem_of(failure)}, allowed what DVC can edit, with spaces alone") from None
    writer = _Writer(dict(_beside(lines)), dict(_above(lines)))
    text = "".join(f"{line}\n" for line in writer.mapping(editable, 0))
    if len(text) > MOST_BYTES:
        raise UserError(
            f"{file}: found {len(text):,} bytes without anchors, allowed {MOST_BYTES:,}, copy it to params.yaml"
        )
    if YAML(typ="safe").load(text) != content:
        raise UserError(f"{file}: could not be written without anchors, allowed plain keys and values")
    return text


def _beside(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of a line, from 0, and the comment at its end."""
    for number, line in enumerate(lines):
        found = _BESIDE.search(line)
        if found and not line.lstrip().startswith("#"):
            yield number, found[1]


def _above(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of a line and the lines of comments and empty lines directly above it."""
    pending: list[str] = []
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            pending.append(line.strip())
        else:
            yield number, pending
            pending = []


@dataclass(frozen=True)
class _Writer:
    """Writes mappings and lists line by line.

    Attributes:
        beside: number of a line of the original -> the comment at its end.
        above: number of a line of the original -> the lines of comments, and empty lines, above it.

    """

    beside: dict[int, str]
    above: dict[int, list[str]]

    def mapping(self, node: CommentedMap, depth: int) -> Iterator[str]:
        """Yield the lines of a mapping, with what comes by `<<:` written out."""
        margin, seen = "  " * depth, set[int]()
        for key in _keys(node):
            number = _line(node, key)
            if depth < _SECTIONS and not _comes_by_merge(node, key):
                yield from (f"{margin}{line}".rstrip() for line in self.above.get(number, []))
            # What was on one line with others has one comment, which stays with the first of them.
            comment = "" if number in seen else self.beside.get(number, "")
            seen.add(number)
            yield from self._entry(f"{margin}{_scalar(key)}:", node[key], comment, depth)

    def _entry(self, start: str, value: Any, comment: str, depth: int) -> Iterator[str]:
        """Yield the lines of one key or item: on one line where it was and is short, else one line for each part."""
        text = _on_one_line(value)
        inline = not isinstance(value, CommentedMap | CommentedSeq) or not value
        if inline or (value.fa.flow_style() and len(start) + len(text) < _SHORT):
            yield from _commented(f"{start} {text}", comment)
            return
        yield from _commented(start, comment)
        if isinstance(value, CommentedMap):
            yield from self.mapping(value, depth + 1)
            return
        for item in value:
            yield from self._item(item, depth + 1)

    def _item(self, item: Any, depth: int) -> Iterator[str]:
        margin = "  " * depth
        if not isinstance(item, CommentedMap) or len(margin) + len(_on_one_line(item)) < _SHORT:
            yield f"{margin}- {_on_one_line(item)}"
            return
        for number, line in enumerate(self.mapping(item, depth + 1)):
            yield line if number else f"{margin}- {line.lstrip()}"


def _commented(line: str, comment: str) -> Iterator[str]:
    """Yield a line with its comment, which goes above it where both together are too long."""
    if comment and len(line) + len(comment) + 4 > _WIDTH:
        margin = line[: len(line) - len(line.lstrip())]
        yield f"{margin}# {comment}"
        comment = ""
    yield f"{line}  # {comment}" if comment else line


def _keys(node: CommentedMap) -> list[Any]:
    """Return the keys in the order of what is merged, so that entries that share a form look alike."""
    merged = [key for one in getattr(node, "merge", ()) for key in _keys(one)]
    return list(dict.fromkeys([*merged, *node]))


def _comes_by_merge(node: CommentedMap, key: Any) -> bool:
    return key not in (node.lc.data or {})


def _line(node: CommentedMap, key: Any) -> int:
    """Return the number of the line on which a key is written, here or where it is merged from; -1: none."""
    if not _comes_by_merge(node, key):
        return int(node.lc.data[key][0])
    return next((_line(one, key) for one in getattr(node, "merge", ()) if key in one), -1)


def _on_one_line(value: Any) -> str:
    if isinstance(value, CommentedMap):
        return "{" + ", ".join(f"{_scalar(key)}: {_on_one_line(value[key])}" for key in _keys(value)) + "}"
    if isinstance(value, CommentedSeq):
        return "[" + ", ".join(_on_one_line(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Return a number as it was written, or a text with quotes where YAML needs them."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is int:
        return str(value)
    if hasattr(value, "yaml_set_anchor"):
        value.yaml_set_anchor(None)
    return _dumped(type(value).__name__, value, str(getattr(value, "__dict__", "")))


@functools.lru_cache(maxsize=10_000)
def _dumped(_kind: str, value: Any, _form: str) -> str:
    yaml, text = YAML(), io.StringIO()
    yaml.width = 10 * _WIDTH
    yaml.default_flow_style = True  # in a list on one line, quotes stand where they must
    yaml.dump([value], text)
    return text.getvalue().strip().removeprefix("[").removesuffix("]")
