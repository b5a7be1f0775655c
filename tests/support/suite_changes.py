"""Changes of the miniature suite, for the tests of what is told about mistakes."""

from collections.abc import Callable
from typing import Any

Suite = dict[str, Any]


def put(path: str, value: Any) -> Callable[[Suite], None]:
    """Return the change that sets a dotted key."""

    def change(suite: Suite) -> None:
        *folders, key = path.split("/")
        place = suite
        for folder in folders:
            place = place[folder]
        place[key] = value

    return change


def drop(path: str) -> Callable[[Suite], None]:
    """Return the change that removes a key."""

    def change(suite: Suite) -> None:
        *folders, key = path.split("/")
        place = suite
        for folder in folders:
            place = place[folder]
        del place[key]

    return change
