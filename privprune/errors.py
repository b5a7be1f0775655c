"""The exception for mistakes of the user, and how what the user wrote is shown in its one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")

LONGEST = 500  # characters of a message; lists of what is allowed can be longer
_LONGEST_VALUE = 60  # characters of what was found


class UserError(Exception):
    """A mistake of the user, described in one line: the file, the key, what was found and what is allowed.

    Stages print the line and end with exit status 1. Any other exception is a bug of this project, and is raised with
    its traceback. Whatever the user wrote, the message is one line of at most 500 characters.
    """

    def __init__(self, message: str) -> None:
        """Store the message, shortened, with characters that cannot be printed as their escapes."""
        super().__init__(_without_middle(printable(_without_middle(message))))  # escapes are longer


@dataclass(frozen=True)
class MissingAt:
    """Keys that one mapping of a suite lacks.

    Attributes:
        where: the mapping, as `FILE: DOTTED.KEY`, or `FILE` for the whole.
        missing: the keys that are not there.
        allowed: all keys of such a mapping.

    """

    where: str
    missing: tuple[str, ...]
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        """Return the message about this place alone."""
        keys = ", ".join(self.allowed) or "none"
        if len(self.missing) == 1:
            return f"{self.place(self.missing[0])}: missing, the keys are {keys}"
        return f"{self.where}: {', '.join(self.missing)} are missing, the keys are {keys}"

    def place(self, key: str) -> str:
        """Return file and dotted place of one of the keys."""
        return f"{self.where}{'.' if ': ' in self.where else ': '}{key}"


def within(where: str, refused: object, keys: Collection[str]) -> str:
    """Return a message about a part of a mapping as one about the file.

    Args:
        where: place of the mapping, as `FILE: DOTTED.KEY`, or `FILE` for the whole.
        refused: the message, or the exception that has it; it may begin with a key of the mapping.
        keys: of the mapping.

    """
    key = re.match(r"\w*", str(refused))
    of_key = key is not None and key[0] in keys and ": " in where
    return f"{where}{'.' if of_key else ': '}{refused}"


class MissingKeysError(UserError):
    """All keys that are missing in what was read, of which one message tells."""

    def __init__(self, places: Sequence[MissingAt]) -> None:
        """Store the places, and name every key of them."""
        self.places = tuple(places)
        super().__init__(str(places[0]) if len(places) == 1 else _all_missing(places))


def _all_missing(places: Sequence[MissingAt]) -> str:
    found = [place.place(key).partition(": ") for place in places for key in place.missing]
    return f"{found[0][0]}: {len(found)} keys are missing: {', '.join(key for _, _, key in found)}"


def together(reads: Iterable[Callable[[], Value]]) -> list[Value]:
    """Read several parts, and raise the missing keys of all of them at once; any other mistake is raised when met.

    Raises:
        MissingKeysError: keys are missing in one or several parts.

    """
    values: list[Value] = []
    places: list[MissingAt] = []
    for read in reads:
        try:
            values.append(read())
        except MissingKeysError as found:
            places += found.places
    if places:
        raise MissingKeysError(places)
    return values


def shown(found: object) -> str:
    """Return a value as a message quotes it: its representation, at most 60 characters."""
    return shortened(repr(found), _LONGEST_VALUE)


def _without_middle(message: str) -> str:
    """Shorten a message where paths and lists stand: it begins with what is wrong, and ends with what to do."""
    if len(message) <= LONGEST:
        return message
    end = LONGEST // 2
    return f"{message[: LONGEST - end - 3]}...{message[-end:]}"


def shortened(text: str, longest: int) -> str:
    """Cut a text off, with three points for what is left out."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def printable(text: str) -> str:
    r"""Replace what would end the line, move the cursor or cannot be encoded: a line feed becomes `\n`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
