"""The rule for names that a suite gives, which become files, arguments of a command, rows of a table, keys of YAML."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml
from ruamel.yaml import YAML

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # on Windows no file can have such a name


@dataclass(frozen=True)
class Rule:
    """Texts that are allowed.

    Attributes:
        allows: whether a text is.
        words: what is allowed, for messages.

    """

    allows: Callable[[str], bool]
    words: str

    def __contains__(self, text: object) -> bool:
        """Return whether this is a text that is allowed."""
        return isinstance(text, str) and self.allows(text)

    def __str__(self) -> str:
        """Return what is allowed in words."""
        return self.words


@functools.cache
def _is_name(text: str) -> bool:
    return (
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", text) is not None
        and _DEVICES.fullmatch(text) is None
        and text.lower() != "none"  # what DVC makes of null
        and _stays_text(text)
    )


def _stays_text(text: str) -> bool:
    """Return whether YAML reads a word as a text: YAML 1.2 as DVC does, and YAML 1.1 as PyYAML and Hydra do."""
    try:
        return all(isinstance(found, str) for found in (YAML(typ="safe").load(text), yaml.safe_load(text)))
    except ValueError:  # `2024-13-45`, which only begins like a date
        return False


NAMES = Rule(
    _is_name, "letters, digits, _ and -, at most 64, no - in front, no number, date or word such as null, yes or CON"
)
FILES = Rule(
    lambda text: re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", text) is not None,
    "a file's name of letters, digits, _ - and ., at most 100, no - or . in front",
)
PRINTED = Rule(
    lambda text: text.isprintable() and text == text.strip() and 0 < len(text) <= 100,
    "a text of one line, 1 to 100 characters, no space around it",
)
