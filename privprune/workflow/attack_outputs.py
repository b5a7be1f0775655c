"""Files of attacks, written and read: scores of records, or reconstructed images."""

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
_ENTRY = "entry.json"  # beside either: names the attacks and the networks


def save_attack(
    folder: Path, file: str, arrays: Mapping[str, Any], target: str, manifest: Manifest, labels: Sequence[str]
) -> None:
    """Write the results of an entry's attacks, all or nothing.

    Args:
        folder: of the entry; replaced if it exists.
        file: `SCORES` or `RECONSTRUCTIONS`.
        arrays: name -> array.
        target: name of the cell that was attacked.
        manifest: of that cell.
        labels: of the attacks.

    Raises:
        UserError: the folder cannot be written.

    """
    description = {
        "target": target,
        "data": manifest.data,
        "fingerprint": manifest.fingerprint,
        "seeds": list(manifest.seeds),
        "attacks": list(labels),
    }
    with new_folder(folder) as unfinished:
        np.savez(unfinished / file, allow_pickle=False, **arrays)
        write_json(unfinished / _ENTRY, description)


@dataclass(frozen=True)
class Reconstructions:
    """Test images of one network that one attack reconstructed.

    Attributes:
        images: uint8 [n, C, H, W].
        records: int64 [n], the test records of the dataset that they reconstruct.

    """

    images: Tensor
    records: Tensor


def read_reconstructions(
    folder: Path, labels: Sequence[str], context: DataContext
) -> dict[tuple[str, str], list[Reconstructions]]:
    """Read the reconstructions of test records by the attacks of a paper on one dataset.

    Args:
        folder: of the paper's attacks, with a folder for each of their entries.
        labels: of the attacks that are read; an entry may lack some.
        context: the data.

    Returns:
        (target, label) -> one per network of the target.

    Raises:
        UserError: there are no such attacks, a file is damaged, or two attacks have the same target and label.

    """
    reconstructions: dict[tuple[str, str], list[Reconstructions]] = {}
    for path in sorted(folder.glob(f"*/{RECONSTRUCTIONS}")):
        entry = read_json(path.parent / _ENTRY)
        if entry["fingerprint"] != context.dataset.fingerprint:
            continue
        for label in (label for label in labels if label in entry["attacks"]):
            key = entry["target"], label
            if key in reconstructions:
                raise UserError(f"{folder}: found two attacks {label} on {key[0]}, remove what the suite has no more")
            reconstructions[key] = _read_attack(path, label, len(entry["seeds"]), context)
    if not reconstructions:
        raise UserError(f"{folder}: no {' or '.join(labels)} of {context.folder.name}, run `dvc repro` to make them")
    return reconstructions


def _read_attack(path: Path, label: str, networks: int, context: DataContext) -> list[Reconstructions]:
    """Read one attack's reconstructions of test records, one per network."""
    reconstructions = []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for number in range(networks):
                records = torch.from_numpy(arrays[f"{label}/{number}/records"])
                images = torch.from_numpy(arrays[f"{label}/{number}/images"])
                test = records >= context.dataset.official_train
                reconstructions.append(Reconstructions(images[test], records[test]))
    except (OSError, KeyError, ValueError, BadZipFile) as failure:
        reason = " ".join(str(failure).split())
        raise UserError(f"{path}: missing or damaged ({reason}), remove it and run `dvc repro` again") from None
    return reconstructions
