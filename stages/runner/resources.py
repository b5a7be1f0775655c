"""The resources of this machine, for stages that say in dvc.yaml what they need: `meta: {gpu: 1, memory: 16}`.

`gpu` counts GPUs, 0.5 is half of one, which another stage may share; `memory` is in GiB. Most stages say nothing and
need nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from privprune.errors import UserError
from stages.harness.records_stage import PARAMS

GPU, MEMORY = "gpu", "memory"
_TOLERANCE = 1e-9  # sums of fractions of a GPU are not exact
_GIB = 2**30
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container

Requirements = Mapping[str, Mapping[str, float]]


class FreeResources:
    """The resources that no running stage has acquired."""

    def __init__(self, requirements: Requirements, gpus: list[str], memory: float, stages: float) -> None:
        """Start with all resources free.

        Args:
            requirements: stage -> resource -> how much of it the stage needs.
            gpus: names of the GPUs, as CUDA_VISIBLE_DEVICES takes them.
            memory: GiB.
            stages: how many may run at once.

        Raises:
            UserError: a stage needs more than there is, or an unknown resource.

        """
        self._requirements = requirements
        self._free_gpus = dict.fromkeys(gpus, 1.0)
        self._free_memory = memory
        self._free_stages = stages
        self._gpus_of: dict[str, list[str]] = {}
        for stage, required in requirements.items():
            self._check(stage, required)

    def _check(self, stage: str, required: Mapping[str, float]) -> None:
        available = {GPU: float(len(self._free_gpus)), MEMORY: self._free_memory}
        for name, count in required.items():
            where = f"dvc.yaml: {stage}.meta: found {name}: {count:g}"
            if name not in available:
                raise UserError(f"{where}, allowed {GPU} and {MEMORY} (GiB)")
            if name == GPU and count > 1 and count != int(count):
                raise UserError(f"{where}, allowed whole ones or a part of one")
            if count > available[name]:
                raise UserError(f"{where}, more than this machine has, {available[name]:.3g}")

    def acquire(self, stage: str) -> list[str] | None:
        """Acquire what a stage needs; returns the names of its GPUs, or None where too little is free."""
        required = self._requirements.get(stage, {})
        fraction = min(1.0, required.get(GPU, 0.0))
        fitting = [gpu for gpu, free in self._free_gpus.items() if free >= fraction - _TOLERANCE]
        count = 0 if not fraction else max(1, int(required[GPU]))
        if not self._free_stages or len(fitting) < count or self._free_memory < required.get(MEMORY, 0.0):
            return None
        for gpu in fitting[:count]:
            self._free_gpus[gpu] -= fraction
        self._free_stages -= 1
        self._free_memory -= required.get(MEMORY, 0.0)
        self._gpus_of[stage] = fitting[:count]
        return fitting[:count]

    def release(self, stage: str) -> None:
        """Release what a stage has acquired."""
        required = self._requirements.get(stage, {})
        self._free_stages += 1
        for gpu in self._gpus_of.pop(stage, []):
            self._free_gpus[gpu] += min(1.0, required[GPU])
        self._free_memory += required.get(MEMORY, 0.0)


def resources_of_this_machine(requirements: Requirements, device: object, jobs: int) -> FreeResources:
    """Look up what this machine has; its GPUs only where one is needed, as importing torch takes seconds.

    Args:
        requirements: stage -> resource -> how much of it the stage needs.
        device: of the suite; `cuda` allows nothing but a GPU.
        jobs: how many stages may run at once.

    Raises:
        UserError: as for `FreeResources`, or the suite allows nothing but a GPU and there is none.

    """
    gpu_only = device == "cuda"
    names = gpus() if gpu_only or any(GPU in required for required in requirements.values()) else []
    if gpu_only and not names:
        raise UserError(f"{PARAMS}: device: found cuda, allowed cpu or found, as torch finds no GPU here")
    return FreeResources(requirements, names, memory(), jobs)


def device_kind(device: object) -> str:
    """Return on what a suite with this `device` computes here, `cpu` or `cuda`; looking for a GPU takes seconds."""
    return "cuda" if device == "cuda" or (device != "cpu" and gpus()) else "cpu"


def gpus() -> list[str]:
    """Return the GPUs that torch may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    import torch  # noqa: PLC0415 (takes seconds)

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return named[:count] if named[0] else [str(number) for number in range(count)]


def memory() -> float:
    """Return how much memory the machine, or the container, has, in GiB."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        return min(machine, int(_MEMORY_LIMIT.read_text()) / _GIB)
    return machine
