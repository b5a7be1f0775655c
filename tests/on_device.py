"""Run all stages of the suite in this folder that compute, in this process: `python on_device.py DEVICE`.

DEVICE is `cpu`, `cuda` or `simulated`. `waits.json` says of each entry how often a training step waited for the device.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import simulated_gpu
import torch

from privprune.settings import load_yaml
from privprune.training import _Phase
from stages.stage import PARAMS

STAGES = {"fetch": "datasets", **{name: name for name in ("train", "harden", "prune", "attack", "recognise")}}
_step = _Phase._step
_waited = [0]  # how often, by the steps of the entry that runs


def main(name: str) -> None:
    """Run the stages."""
    suite, told = load_yaml(PARAMS), {}
    torch.set_num_threads(1)
    torch.cuda.is_initialized = lambda: True  # type: ignore[assignment]  # one job after another, in this process
    _Phase._step = _watched  # type: ignore[method-assign]
    with simulated_gpu.begin() if name == simulated_gpu.NAME else contextlib.nullcontext():
        for stage, section in STAGES.items():
            module = importlib.import_module(f"stages.{stage}")
            module.device = lambda: torch.device(name)
            for entry in suite[section]:
                with _counted() as count:
                    module.main(entry)
                told[f"{stage}@{entry}"] = count[0]
    Path("waits.json").write_text(json.dumps(told))


@contextlib.contextmanager
def _counted() -> Iterator[list[int]]:
    _waited[0], count = 0, [0]
    yield count
    count[0] = _waited[0]


def _watched(phase: _Phase, *given: Any, last: bool) -> Any:
    """Take a step, which may wait where it ends an epoch; on a real GPU PyTorch raises where another one does."""
    if last:
        return _step(phase, *given, last=last)
    before = simulated_gpu.read_back.total()
    with _held(phase.data.images.device):
        made = _step(phase, *given, last=last)
    _waited[0] += simulated_gpu.read_back.total() - before
    return made


@contextlib.contextmanager
def _held(device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


if __name__ == "__main__":
    main(sys.argv[1])
