"""Torchvision's published ImageNet weights, read from a file that the user gives."""

from __future__ import annotations

import hashlib
import pickle
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from privprune.errors import UserError
from privprune.models.block_net import BlockNet
from privprune.models.catalogue import MODELS

_OURS_ONLY = "normalise."  # the first block, a constant; torchvision normalises images in its transforms instead
_SOURCE = "torchvision's weights come from https://download.pytorch.org/models, under the name that the suite gives"
_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")  # torchvision's file names end with the beginning of their sha256


def pretrained_models() -> tuple[str, ...]:
    """Return the names of the networks that published weights can be loaded into."""
    return tuple(name for name, spec in MODELS.items() if spec.pretrained is not None)


def load_pretrained(model: BlockNet, name: str, path: Path) -> None:
    """Overwrite a network's values with those of torchvision's network of the same architecture.

    Args:
        model: as `build(name, ...)` made it, with 1000 classes; changed in place.
        name: one of `pretrained_models`.
        path: torchvision's state dict, as downloaded (.pth) or as safetensors.

    Raises:
        UserError: no such model, no such file, a damaged or unreadable one, or one of another architecture.

    """
    theirs_name = MODELS[name].pretrained if name in MODELS else None
    if theirs_name is None:
        allowed = ", ".join(pretrained_models())
        raise UserError(f"weights: found model {name!r}, pretrained weights exist for {allowed}")
    _check_digest(path)
    found = _read(path)
    state = {key: value for key, value in model.state_dict().items() if not key.startswith(_OURS_ONLY)}
    # Both networks list their layers in the order of computation, so the n-th name here is the n-th name there.
    for ours, theirs in zip(state, _torchvision_keys(theirs_name), strict=True):
        if ours.endswith("num_batches_tracked"):
            continue  # older files lack it, and no layer here uses it
        if theirs not in found or found[theirs].shape != state[ours].shape:
            shape = tuple(found[theirs].shape) if theirs in found else "nothing"
            raise UserError(f"{path}: {theirs} is {shape}, expected {tuple(state[ours].shape)} for {name}")
        state[ours].copy_(found[theirs])


def _check_digest(path: Path) -> None:
    """Compare a file with the checksum in its name, if the file exists and its name has one."""
    named = _DIGEST.search(path.name)
    if named is None or not path.is_file():
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(named[1]):
        raise UserError(
            f"{path}: found sha256 {found[: len(named[1])]}..., its name says {named[1]}; download it again"
        )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise UserError(f"{path}: the file is missing, {_SOURCE}") from None
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, TypeError) as broken:
        first = str(broken).splitlines()[0] if str(broken) else type(broken).__name__
        raise UserError(f"{path}: not readable as weights, {first}") from None


def _torchvision_keys(name: str) -> list[str]:
    from torchvision import models  # noqa: PLC0415 (takes a second, and only ImageNet's rows need it)

    with torch.device("meta"):
        return list(models.get_model(name, weights=None).state_dict())
