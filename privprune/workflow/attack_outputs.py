"""What attacks leave on disk, and reading it again: scores, or the images that they rebuilt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from privprune.cells import Manifest
from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_json
from privprune.workflow.context import DataContext

SCORES, RECONSTRUCTIONS = "scores.npz", "reconstructions.npz"
_ENTRY = "entry.json"  # beside either: which attacks on which networks


def save_attack(
    folder: Path, file: str, arrays: Mapping[str, Any], target: str, manifest: Manifest, labels: Sequence[str]
) -> None:
    """Write what an entry's attacks gave, all or nothing.

    Args:
        folder: of the entry.
        file: `SCORES` or `RECONSTRUCTIONS`.
        arrays: name -> array.
        target: the cell that was attacked.
        manifest: what its networks are.
        labels: of the attacks.

    """
    facts = {
        "target": target,
        "data": manifest.data,
        "fingerprint": manifest.fingerprint,
        "seeds": list(manifest.seeds),
        "attacks": list(labels),
    }
    with new_folder(folder) as unfinished:
        np.savez(unfinished / file, allow_pickle=False, **arrays)
        write_json(unfinished / _ENTRY, facts)


@dataclass(frozen=True)
class Rebuilt:
    """What one attack made of the test records of one network.

    Attributes:
        images: uint8 [n, C, H, W].
        records: int64 [n], test records of the dataset.

    """

    images: Tensor
    records: Tensor


def read_rebuilt(folder: Path, labels: Sequence[str], context: DataContext) -> dict[tuple[str, str], list[Rebuilt]]:
    """Read what the attacks of a paper on this data made.

    Args:
        folder: of the paper's attacks, with a folder for each of their entries.
        labels: of the attacks that are read; an entry may lack some.
        context: the data.

    Returns:
        (target, label) -> one per network of the target.

    Raises:
        UserError: nothing is there, a file is damaged, or two attacks have the same target and label.

    """
    found: dict[tuple[str, str], list[Rebuilt]] = {}
    for path in sorted(folder.glob(f"*/{RECONSTRUCTIONS}")):
        facts = read_json(path.parent / _ENTRY)
        if facts["fingerprint"] != context.dataset.fingerprint:
            continue
        for label in (label for label in labels if label in facts["attacks"]):
            place = facts["target"], label
            if place in found:
                raise UserError(f"{folder}: found two attacks {label} on {place[0]}, remove what the suite has no more")
            found[place] = _read(path, label, len(facts["seeds"]), context)
    if not found:
        raise UserError(f"{folder}: no {' or '.join(labels)} of {context.folder.name}, run `dvc repro` to make them")
    return found


def _read(path: Path, label: str, networks: int, context: DataContext) -> list[Rebuilt]:
    """Read one attack's images of test records, network by network."""
    made = []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for number in range(networks):
                records = torch.from_numpy(arrays[f"{label}/{number}/records"])
                images = torch.from_numpy(arrays[f"{label}/{number}/images"])
                unseen = records >= context.dataset.official_train
                made.append(Rebuilt(images[unseen], records[unseen]))
    except (OSError, KeyError, ValueError, BadZipFile) as broken:
        told = " ".join(str(broken).split())
        raise UserError(f"{path}: missing or damaged ({told}), remove it and run `dvc repro` again") from None
    return made
