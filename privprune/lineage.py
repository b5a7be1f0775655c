"""The lineage of a cell: the chain of keys `from`, from a cell back to the one that starts from a dataset."""

from __future__ import annotations

from collections.abc import Callable

CELLS = "models/"  # prefix of the name of a cell in `from`; that of a dataset is `datasets/`


def started_from(origin: str) -> str | None:
    """Return the cell that an origin names, or None where it names a dataset."""
    return origin.removeprefix(CELLS) if origin.startswith(CELLS) else None


def lineage(cell: str, origin_of: Callable[[str], str]) -> tuple[str, ...]:
    """Return a cell, the cell that it starts from, and so on, back to one that starts from a dataset.

    Args:
        cell: its name.
        origin_of: name of a cell -> what it starts from: `models/CELL`; any other text, as `datasets/NAME`, is the end.

    Raises:
        ValueError: the chain is a circle; the message is the chain.

    """
    chain = [cell]
    while (before := started_from(origin_of(chain[-1]))) is not None:
        if before in chain:
            raise ValueError(" from ".join([*chain, before]))
        chain.append(before)
    return tuple(chain)
