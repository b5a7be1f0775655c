"""Scores from a CSV file, as the arrays that an `.npz` file has: one row per record, one column per number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privprune.datasets.tables import read_table
from privprune.errors import UserError, shown

_ANSWER = re.compile(r"(?:shadow_(\d+)_)?(logit|probability)_(\d+)")
_SHADOW_MEMBER = re.compile(r"shadow_(\d+)_member")
_PLURAL = {"logit": "logits", "probability": "probabilities"}
_WORDS = {"true": 1.0, "false": 0.0}
_ALLOWED = "label, member, logit_0, logit_1 ... or probability_0 ..., and shadow_0_member, shadow_0_logit_0 ..."


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """Read a CSV file with a header.

    Returns:
        the arrays that `scores_file.NAMES` lists, those of which there are columns.

    Raises:
        UserError: one line that begins with the file.

    """
    header, table = _table(path)
    columns = {name: table[:, place] for place, name in enumerate(header)}
    arrays: dict[str, NDArray[Any]] = {}
    for column, array in (("label", "labels"), ("member", "members")):
        if column in columns:
            arrays[array] = columns[column]
    if "labels" in arrays:
        arrays["labels"] = _whole(arrays["labels"], path)
    answers = _sorted(header, path)
    for (shadow, kind), places in answers.items():
        if shadow is None:
            arrays[_PLURAL[kind]] = table[:, places]
    kinds = {kind for shadow, kind in answers if shadow is not None}
    shadows = sorted({shadow for shadow, _ in answers if shadow is not None})
    for kind in kinds:
        arrays[f"shadow_{_PLURAL[kind]}"] = _stacked(
            [table[:, answers.get((shadow, kind), [])] for shadow in shadows], f"{path}: shadow_*_{kind}_*"
        )
    flags = [columns[name] for name in _flag_columns(header, shadows, path)]
    if flags:
        arrays["shadow_members"] = np.stack(flags)
    return arrays


def _table(path: Path) -> tuple[list[str], NDArray[Any]]:
    """Return the names of the columns, and the numbers, float64 [records, columns]."""
    if path.suffix != ".csv" or not path.is_file():
        raise UserError(f"{path}: no such file, allowed one of .npz or .csv")
    table = read_table(path, ",")
    numbers = [
        [_number(text, path, line) for text, line in zip(texts, table.lines, strict=True)]
        for texts in table.columns.values()
    ]
    return list(table.columns), np.array(numbers).T


def _number(value: str, path: Path, line: int) -> float:
    word = value.strip().lower()
    try:
        return _WORDS[word] if word in _WORDS else float(word)
    except ValueError:
        raise UserError(f"{path}: line {line}: found {shown(value)}, allowed a number, true or false") from None


def _whole(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return labels as integers."""
    wrong = values[~(np.isfinite(values) & (values == np.round(values)))]
    if len(wrong):
        raise UserError(f"{path}: label: found {wrong[0]:g}, allowed integers, the classes from 0")
    return values.astype(np.int64)


def _sorted(header: Sequence[str], path: Path) -> dict[tuple[int | None, str], list[int]]:
    """Return (shadow model or None, `logit` or `probability`) -> places of the columns, in the order of the classes."""
    found: dict[tuple[int | None, str], dict[int, int]] = {}
    for place, name in enumerate(header):
        match = _ANSWER.fullmatch(name)
        if match:
            shadow = None if match[1] is None else int(match[1])
            found.setdefault((shadow, match[2]), {})[int(match[3])] = place
        elif name not in ("label", "member") and not _SHADOW_MEMBER.fullmatch(name):
            raise UserError(f"{path}: found the column {shown(name)}, allowed {_ALLOWED}")
    for (shadow, kind), places in found.items():
        prefix = "" if shadow is None else f"shadow_{shadow}_"
        missing = next(number for number in range(len(places) + 1) if number not in places)
        if missing < len(places):
            raise UserError(f"{path}: {prefix}{kind}_{missing}: missing, allowed one column per class, from 0")
    return {key: [places[number] for number in range(len(places))] for key, places in found.items()}


def _stacked(parts: Sequence[NDArray[Any]], where: str) -> NDArray[Any]:
    """Stack the answers of shadow models: [shadow models, records, classes]."""
    if len({part.shape for part in parts}) > 1:
        sizes = ", ".join(str(part.shape[1]) for part in parts)
        raise UserError(f"{where}: found {sizes} classes, allowed the same for every shadow model, of one kind")
    return np.stack(parts)


def _flag_columns(header: Sequence[str], shadows: Sequence[int], path: Path) -> list[str]:
    """Return the columns that say which records each shadow model was trained on, in the order of the models."""
    flags = sorted(int(match[1]) for name in header if (match := _SHADOW_MEMBER.fullmatch(name)))
    if flags and shadows and flags != list(shadows):
        different = min(set(flags) ^ set(shadows))
        raise UserError(f"{path}: shadow_{different}: found only a part of its columns, allowed answers and `_member`")
    return [f"shadow_{number}_member" for number in flags]
