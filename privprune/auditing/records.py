"""The user's records: members or non-members, as a pair of tensors or as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, Subset

from privprune.errors import UserError, shown

Records: TypeAlias = "tuple[Tensor, Tensor] | Dataset[Any]"  # inputs and labels, or a dataset of such pairs
FEWEST = 20  # members, and non-members: a tenth of them is two records for the choice of the strongest attack


@dataclass(frozen=True)
class AuditedRecords:
    """Members, and after them non-members.

    Attributes:
        inputs: [N, ...], what the model takes.
        labels: int64 [N], the true classes.
        members: how many of the records, the first ones, are members.
        given: members and non-members in the form in which they were given.

    """

    inputs: Tensor
    labels: Tensor
    members: int
    given: tuple[Any, Any]

    @property
    def nonmembers(self) -> int:
        """How many of the records, the last ones, are non-members."""
        return len(self.labels) - self.members

    def chosen(self, rows: Tensor) -> Any:
        """Return some records, int64 [n], for training a shadow model, in the form in which records were given."""
        if isinstance(self.given[0], Dataset) and isinstance(self.given[1], Dataset):
            return Subset(ConcatDataset(self.given), rows.tolist())
        return self.inputs[rows], self.labels[rows]


def read_records(members: Records, nonmembers: Records) -> AuditedRecords:
    """Read members and non-members into memory, on the CPU.

    Raises:
        UserError: they are of another form, too few, or do not fit together.

    """
    parts = [_read(one, name) for one, name in ((members, "members"), (nonmembers, "nonmembers"))]
    shapes = [tuple(inputs.shape[1:]) for inputs, _ in parts]
    if shapes[0] != shapes[1]:
        raise UserError(f"nonmembers: found inputs of shape {shapes[1]}, allowed {shapes[0]}, that of the members")
    inputs, labels = (torch.cat(both) for both in zip(*parts, strict=True))
    return AuditedRecords(inputs, labels, len(parts[0][1]), (members, nonmembers))


def _read(records: Any, name: str) -> tuple[Tensor, Tensor]:
    """Return inputs [n, ...] and labels int64 [n]."""
    inputs, labels = _dataset(records, name) if isinstance(records, Dataset) else _pair(records, name)
    check_labels(labels, len(inputs), name)
    if len(labels) < FEWEST:
        raise UserError(f"{name}: found {len(labels)} records, allowed at least {FEWEST}")
    if inputs.is_floating_point() and not bool(inputs.isfinite().all()):
        raise UserError(f"{name}: found inputs that are not finite, allowed numbers")
    return inputs.detach().cpu(), labels.detach().cpu().long()


def _pair(records: Any, name: str) -> tuple[Tensor, Tensor]:
    tensors = isinstance(records, Sequence) and len(records) == 2 and all(isinstance(one, Tensor) for one in records)
    if not tensors:
        raise UserError(
            f"{name}: found {shown(type(records).__name__)}, allowed a Dataset, or tensors (inputs, labels)"
        )
    return records[0], records[1]


def _dataset(records: Any, name: str) -> tuple[Tensor, Tensor]:
    """Read all items of a dataset, each an input and its class."""
    try:
        items = [records[place] for place in range(len(records))]
        inputs = torch.stack([torch.as_tensor(one) for one, _ in items])
        return inputs, torch.tensor([int(label) for _, label in items])
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as failure:
        why = f"{type(failure).__name__}: {failure}"
        raise UserError(f"{name}: not a dataset of inputs of one shape with their classes ({why})") from failure


def check_labels(labels: Tensor, records: int, name: str) -> None:
    """Refuse labels that are no classes, or not one per record.

    Raises:
        UserError: begins with the name.

    """
    if labels.dim() != 1 or len(labels) != records:
        raise UserError(f"{name}: found labels of shape {tuple(labels.shape)}, allowed ({records},), one per record")
    if labels.is_floating_point() or labels.dtype == torch.bool or labels.is_complex():
        raise UserError(f"{name}: found labels of type {labels.dtype}, allowed integers, the classes from 0")


def check_classes(labels: Tensor, classes: int, name: str) -> None:
    """Refuse labels that are none of the classes of the answers: UserError, begins with the name."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise UserError(f"{name}: found {low if low < 0 else high}, allowed 0 to {classes - 1}, the classes answered")
