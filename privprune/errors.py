"""The exception for mistakes of the user, and how what the user wrote is shown in its one line."""

from __future__ import annotations

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
