"""Small files of the user's own, as the page on own data describes them, and entries of a suite for them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SPLIT = {"test": 0.25, "seed": 1}
POOLS = {
    "seed": 1,
    "members": None,
    "reference": 1,
    "selection": {"members": 1, "nonmembers": 1},
    "known": {"members": 1, "nonmembers": 1},
    "evaluation": {"members": None, "nonmembers": None},
}


def own_entry(name: str, path: Path, **keys: Any) -> dict[str, Any]:
    """Return an entry of a suite as it is written."""
    return {"name": name, "path": str(path), "targets": 1, "shadows": 2, "protocols": {"clean": POOLS}, **keys}


def write_pictures(folder: Path, count: int, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Write pictures by class, PNG and JPEG by turns; those of class k are of grey 40 + 40 k, with some noise."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for picture in range(count):
            pixels = 40 + 40 * number + draw.integers(-20, 20, (12, 20, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{picture}.{('png', 'jpg')[picture % 2]}")
    return folder


def write_table(path: Path, rows: list[list[Any]], delimiter: str = ",") -> Path:
    """Write a table; the first row names the columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def people(count: int) -> list[list[Any]]:
    """Return a table of people whose income can be guessed from their age."""
    draw = np.random.default_rng(0)
    rows: list[list[Any]] = [["age", "hours", "work", "postcode", "income"]]
    for _ in range(count):
        age, work = int(draw.integers(18, 80)), str(draw.choice(["state", "self", "none of these"]))
        income = "high" if age + draw.normal(0, 5) > 45 else "low"
        rows.append([age, f"{draw.normal(40, 8):.1f}", work, int(draw.integers(0, 4)), income])
    return rows
