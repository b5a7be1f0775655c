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

_TORCHVISION_NAMES = {"resnet18_imagenet": "resnet18", "mobilenet_v2_imagenet": "mobilenet_v2"}
PRETRAINED = tuple(_TORCHVISION_NAMES)  # the networks that there are published weights for
_OURS_ONLY = "normalise."  # the fixed first block, which torchvision keeps in its transforms
_SOURCE = "torchvision's weights come from https://download.pytorch.org/models, under the name that the suite gives"
_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")  # torchvision's file names end with the beginning of their sha256


def load_pretrained(model: BlockNet, name: str, path: Path) -> None:
    """Overwrite a network's values with those of torchvision's network of the same architecture.

    Args:
        model: as `build(name, ...)` made it, with 1000 classes; changed in place.
        name: `resnet18_imagenet` or `mobilenet_v2_imagenet`.
        path: torchvision's state dict, as downloaded (.pth) or as safetensors.

    Raises:
        UserError: no such model, no such file, a damaged or unreadable one, or one of another architecture.

    """
    if name not in _TORCHVISION_NAMES:
        raise UserError(f"weights: found model {name!r}, pretrained weights exist for {', '.join(PRETRAINED)}")
    _check_digest(path)
    found = _read(path)
    state = {key: value for key, value in model.state_dict().items() if not key.startswith(_OURS_ONLY)}
    # Both networks list their layers in the order of the computation, so the names pair up one by one.
    for ours, theirs in zip(state, _torchvision_keys(_TORCHVISION_NAMES[name]), strict=True):
        if ours.endswith("num_batches_tracked"):
            continue  # older files lack it, and nothing here reads it
        if theirs not in found or found[theirs].shape != state[ours].shape:
            shape = tuple(found[theirs].shape) if theirs in found else "nothing"
            raise UserError(f"{path}: {theirs} is {shape}, expected {tuple(state[ours].shape)} for {name}")
        state[ours].copy_(found[theirs])


def _check_digest(path: Path) -> None:
    """Compare a file with the checksum in its name, if both are there."""
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
    from torchvision import models  # noqa: PLC0415 (costs a second, and only ImageNet's rows need it)

    with torch.device("meta"):
        return list(models.get_model(name, weights=None).state_dict())
