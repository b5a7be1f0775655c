"""Scores of a model from a file, `.npz` or `.csv`: its answers, the true classes, and which records were members.

docs/audit.md lists the names. Whatever is missing or odd is one line.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privprune.attacks.membership import Outputs, Shadows
from privprune.auditing.answers import Answers
from privprune.auditing.comma_separated import read_columns
from privprune.auditing.queries import are_probabilities, as_logits
from privprune.auditing.records import FEWEST, check_classes, check_labels
from privprune.auditing.shadows import LEAST
from privprune.errors import UserError, shown

Arrays = Mapping[str, NDArray[Any]]
ANSWERS = ("logits", "probabilities")
NAMES = (*ANSWERS, "labels", "members", "shadow_logits", "shadow_probabilities", "shadow_members")


def read_scores(path: Path) -> Answers:
    """Read the answers of a model, members first, otherwise in the order of the file.

    Raises:
        UserError: one line that begins with the file: what is missing or odd.

    """
    arrays = _npz(path) if path.suffix == ".npz" else read_columns(path)
    _check_names(arrays, path)
    (kind,) = (name for name in ANSWERS if name in arrays)
    answers = _answers(arrays[kind], kind, 2, f"{path}: {kind}")
    labels = torch.from_numpy(arrays["labels"])
    check_labels(labels, len(answers), f"{path}: labels")
    check_classes(labels, answers.shape[1], f"{path}: labels")
    members = _flags(arrays["members"], (len(labels),), f"{path}: members")
    counts = (int(members.sum()), int((~members).sum()))
    for name, count in zip(("members", "non-members"), counts, strict=True):
        if count < FEWEST:
            raise UserError(f"{path}: members: found {count} {name}, allowed at least {FEWEST}")
    order = torch.cat([members.nonzero()[:, 0], (~members).nonzero()[:, 0]])
    labels = labels.long()[order]
    outputs = Outputs(answers[order], labels, torch.arange(len(labels)))
    return Answers(outputs, counts[0], _shadows(arrays, answers, order, labels, path), kind == "probabilities")


def _npz(path: Path) -> Arrays:
    """Read all arrays of a file that NumPy wrote."""
    if path.suffix != ".npz" or not path.is_file():
        raise UserError(f"{path}: no such file, allowed one of .npz or .csv")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as failure:
        raise UserError(f"{path}: cannot be read, allowed arrays of numbers as `numpy.savez` writes them") from failure


def _check_names(arrays: Arrays, path: Path) -> None:
    unknown = [name for name in arrays if name not in NAMES]
    if unknown:
        raise UserError(f"{path}: found {shown(unknown[0])}, allowed {', '.join(NAMES)}")
    for prefix in ("", "shadow_"):
        found = [f"{prefix}{name}" for name in ANSWERS if f"{prefix}{name}" in arrays]
        if len(found) > 1:
            raise UserError(f"{path}: found both {found[0]} and {found[1]}, allowed one of them")
        if not prefix and not found:
            raise UserError(f"{path}: logits or probabilities: missing, allowed are {', '.join(NAMES)}")
        if prefix and bool(found) != ("shadow_members" in arrays):
            missing = "shadow_logits or shadow_probabilities" if not found else "shadow_members"
            raise UserError(f"{path}: {missing}: missing, the others of the shadow models are there")
    for name in ("labels", "members"):
        if name not in arrays:
            raise UserError(f"{path}: {name}: missing, allowed are {', '.join(NAMES)}")


def _answers(found: NDArray[Any], kind: str, dimensions: int, where: str) -> Tensor:
    """Return logits, float [..., records, classes], from logits or probabilities."""
    if found.ndim != dimensions or found.shape[-1] < 2 or not np.issubdtype(found.dtype, np.number):
        shape = "[records, classes]" if dimensions == 2 else "[shadow models, records, classes]"
        raise UserError(f"{where}: found {found.dtype} of shape {found.shape}, allowed numbers {shape}")
    if np.iscomplexobj(found) or not np.isfinite(found).all():
        raise UserError(f"{where}: found NaN, infinity or a complex number, allowed finite numbers")
    values = torch.from_numpy(found)
    if kind == "logits":
        return values if values.is_floating_point() else values.double()
    if not are_probabilities(values):
        sums = values.double().sum(-1)
        worst = float(sums.flatten()[(sums - 1).abs().argmax()])
        raise UserError(
            f"{where}: found a record with the smallest probability {float(values.min()):g} or the sum {worst:g}, "
            "allowed none below 0 and a sum of 1"
        )
    return as_logits(values)


def _flags(found: NDArray[Any], shape: tuple[int, ...], where: str) -> Tensor:
    """Return true and false from booleans or from 0 and 1."""
    if found.shape != shape:
        raise UserError(f"{where}: found shape {found.shape}, allowed {shape}")
    if found.dtype != np.bool_ and not (np.issubdtype(found.dtype, np.number) and np.isin(found, (0, 1)).all()):
        raise UserError(f"{where}: found other values than 0 and 1, allowed true and false, or 1 and 0")
    return torch.from_numpy(found.astype(np.bool_))


def _shadows(arrays: Arrays, answers: Tensor, order: Tensor, labels: Tensor, path: Path) -> Shadows | None:
    """Return the answers of shadow models to the records in their new order; None where the file has none."""
    kind = next((name for name in ANSWERS if f"shadow_{name}" in arrays), None)
    if kind is None:
        return None
    logits = _answers(arrays[f"shadow_{kind}"], kind, 3, f"{path}: shadow_{kind}")
    number = len(logits)
    if number < LEAST or logits.shape[1:] != answers.shape:
        raise UserError(
            f"{path}: shadow_{kind}: found shape {tuple(logits.shape)}, allowed at least {LEAST} shadow models with "
            f"the records and classes of the model, {tuple(answers.shape)}"
        )
    members = _flags(arrays["shadow_members"], (number, len(labels)), f"{path}: shadow_members")
    return Shadows(list(logits[:, order]), labels, members[:, order])
