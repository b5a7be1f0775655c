"""Which papers are included: one file each, beside that of what other papers claim."""

from __future__ import annotations

from importlib import resources

LITERATURE = "literature"  # stem of the file, which lies beside those of the papers whose numbers are measured again


def names() -> tuple[str, ...]:
    """Return the names of the papers whose printed numbers are included."""
    files = resources.files(__package__).iterdir()
    found = [file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")]
    return tuple(sorted(name for name in found if name != LITERATURE))
