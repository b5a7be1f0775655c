"""What a suite computes in bfloat16 on a processor that has no instructions for it: it is right, and very slow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_SLOWER = "10 to 20"  # measured: 17 for a training step of VGG11 (33.7 s against 2.0 s), 9 for one convolution


def note_on_bfloat16(suite: Mapping[str, Any]) -> str | None:
    """Say in one line which entries compute in bfloat16, if this processor can only emulate it; else return None.

    Args:
        suite: its content, valid.

    """
    if _on_gpu(suite["device"]) or _native():
        return None
    sections = [suite.get(section) for section in ("train", "prune", "harden", "attack")]
    entries = [entry for section in sections if section for entry in section.values()]
    count = sum(map(_asks_for_it, entries))
    if not count:
        return None
    return (
        f"note: {count} of {len(entries)} entries compute in bfloat16, which this processor emulates, {_SLOWER} times "
        "slower than float32; `precision: float32` in the suite avoids it"
    )


def _on_gpu(device: str) -> bool:
    return device != "cpu" and torch.cuda.is_available()


def _native() -> bool:
    # Private to torch, whose public `get_capabilities` is younger than the oldest torch that we allow.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


def _asks_for_it(value: object) -> bool:
    """Return whether `precision: bfloat16` stands anywhere in a part of a suite."""
    if isinstance(value, Mapping):
        return value.get("precision") == "bfloat16" or any(map(_asks_for_it, value.values()))
    return isinstance(value, list) and any(map(_asks_for_it, value))
