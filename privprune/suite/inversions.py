"""Check the inversion attacks of a suite: against their targets, and against each other for equal budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from privprune.errors import UserError
from privprune.workflow.inversions import InversionEntry

_BUDGET = ("attacker_data", "blocks", "width", "queries", "fit")  # what decoders of equal budget have in common
_START = "start"  # the only setting in which attacks of one label may differ between cells


def check_classes(entry: InversionEntry, identities: bool, where: str) -> None:
    """Check that no attack needs the classes that a re-identification network does not predict.

    Args:
        entry: the attacks, which have been built.
        identities: whether the target finds identities again.
        where: location of the entry, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    for label in entry.inversions if identities else ():
        if entry.method(label).needs_classes:
            raise UserError(
                f"{where}.inversions.{label}: found {entry.inversions[label]['attack']}, allowed attacks without "
                f"classes ({entry.target} finds identities again)"
            )


def check_budgets(entries: Mapping[str, InversionEntry], file: str) -> None:
    """Check that attacks whose errors are compared have equal budgets.

    A decoder that starts from the surrogate of the target's game needs, where there are fresh decoders beside it, one
    with the same records, size, queries and training. An attack of one label has the same settings in all cells of a
    paper on one dataset that are cut in the same place, but for its start, which depends on whether there was a game.

    Args:
        entries: name -> entry, of all inversion attacks of the suite.
        file: name of the suite's file, for messages.

    Raises:
        UserError: one line about the first mistake.

    """
    seen: dict[tuple[str, str, str, str], tuple[str, Mapping[str, object]]] = {}
    for name, entry in entries.items():
        where = f"{file}: attack.{name}.inversions"
        _check_surrogates(entry, where)
        for label, settings in entry.inversions.items():
            other, theirs = seen.setdefault((entry.paper, entry.data, str(entry.cut), label), (name, settings))
            for key in _differences(settings, theirs):
                found, allowed = (_at(one, key) for one in (settings, theirs))
                raise UserError(
                    f"{where}.{label}.{key}: found {found}, allowed {allowed} as in attack.{other} (equal budgets in "
                    f"all cells of {entry.paper} on {entry.data})"
                )


def _check_surrogates(entry: InversionEntry, where: str) -> None:
    decoders = {label: one for label, one in entry.inversions.items() if one["attack"] == "decoder"}
    fresh = [one for one in decoders.values() if one[_START] == "fresh"]
    for label, one in decoders.items():
        if one[_START] == "fresh" or not fresh:
            continue
        unequal = [tuple(key for key in _BUDGET if one[key] != other[key]) for other in fresh]
        if all(unequal):
            fewest = min(unequal, key=len)
            raise UserError(
                f"{where}.{label}: found other {', '.join(fewest)} than in every decoder with start: fresh, "
                "allowed the same in one (equal budgets)"
            )


def _differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys in which two settings differ, the start of decoders left out."""
    for key in dict.fromkeys((*one, *other)):
        ours, theirs = one.get(key), other.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            yield from _differences(ours, theirs, f"{prefix}{key}.")
        elif ours != theirs and not (key == _START and one.get("attack") == "decoder"):
            yield f"{prefix}{key}"


def _at(settings: Mapping[str, Any], key: str) -> object:
    """Return the value at a dotted key; None where there is none."""
    value: Any = settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
