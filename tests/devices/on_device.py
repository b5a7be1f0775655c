"""Run all stages of a suite that compute, in this process, on one device after another: `python on_device.py cpu cuda`.

A device is `cpu`, `cuda` or `simulated`, and works in the folder of its name, which has the suite as `params.yaml`.
`waits.json` there says of each entry how often a training step waited for the device.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import simulated_gpu
import torch

from privprune.training.loop import _Phase
from privprune.yaml_file import load_yaml
from stages.harness.compute_stage import DATA, PARAMS

STAGES = {"fetch": "datasets", **{name: name for name in ("train", "harden", "prune", "attack", "recognise")}}
_step = _Phase._step
_waited = [0]  # how often, by the steps of the entry that runs


def main(names: list[str]) -> None:
    """Run the stages on each device; data sets are fetched once."""
    torch.set_num_threads(1)
    torch.cuda.is_initialized = lambda: True  # type: ignore[assignment]  # one job after another, in this process
    _Phase._step = _watched  # type: ignore[method-assign]
    root, nothing = Path.cwd(), contextlib.nullcontext()
    # PyTorch starts a thread for each device with the first backward pass, so this comes before.
    simulation = simulated_gpu.begin() if simulated_gpu.NAME in names else nothing
    for name in names:
        os.chdir(root / name)
        if name != names[0]:
            shutil.copytree(root / names[0] / DATA / "datasets", DATA / "datasets")
        with simulation if name == simulated_gpu.NAME else nothing:
            _run(torch.device(name), [stage for stage in STAGES if name == names[0] or stage != "fetch"])


def _run(device: torch.device, stages: list[str]) -> None:
    suite, told = load_yaml(PARAMS), {}
    for stage in stages:
        module = importlib.import_module(f"stages.{stage}")
        module.device = lambda: device  # type: ignore[attr-defined]
        for entry in suite[STAGES[stage]]:
            with _counted() as count:
                module.main(entry)
            told[f"{stage}@{entry}"] = count[0]
    Path("waits.json").write_text(json.dumps(told))


@contextlib.contextmanager
def _counted() -> Iterator[list[int]]:
    _waited[0], count = 0, [0]
    yield count
    count[0] = _waited[0]


def _watched(phase: _Phase, *given: Any, passed: float) -> Any:
    """Take a step, which may wait where it ends an epoch; on a real GPU PyTorch raises where another one does."""
    if passed >= 1:
        return _step(phase, *given, passed=passed)
    before = simulated_gpu.read_back.total()
    with _held(phase.data.images.device):
        made = _step(phase, *given, passed=passed)
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
    main(sys.argv[1:])
