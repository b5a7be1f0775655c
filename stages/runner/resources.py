"""What this machine has for stages that say in dvc.yaml what they need: `meta: {gpu: 1, memory: 16}`.

`gpu` counts GPUs, a half is a half of one; `memory` is in GiB. Most stages say nothing and need nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from privprune.errors import UserError
from stages.harness.records_stage import PARAMS

GPU, MEMORY = "gpu", "memory"
_EDGE = 1e-9  # parts of a GPU are not exact
_GIB = 2**30
_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container

Needs = Mapping[str, Mapping[str, float]]


class Room:
    """What is free. A stage takes its share before it runs and gives it back after."""

    def __init__(self, needs: Needs, gpus: list[str], memory: float, stages: float) -> None:
        """Begin with a free machine.

        Args:
            needs: stage -> what it needs.
            gpus: names of the GPUs, as CUDA_VISIBLE_DEVICES takes them.
            memory: GiB.
            stages: how many run at once.

        Raises:
            UserError: a stage needs more than there is, or what no machine has.

        """
        self._needs = needs
        self._free = dict.fromkeys(gpus, 1.0)
        self._memory = memory
        self._stages = stages
        self._taken: dict[str, list[str]] = {}
        for stage, wanted in needs.items():
            self._check(stage, wanted)

    def _check(self, stage: str, wanted: Mapping[str, float]) -> None:
        there = {GPU: float(len(self._free)), MEMORY: self._memory}
        for name, count in wanted.items():
            where = f"dvc.yaml: {stage}.meta: found {name}: {count:g}"
            if name not in there:
                raise UserError(f"{where}, allowed {GPU} and {MEMORY} (GiB)")
            if name == GPU and count > 1 and count != int(count):
                raise UserError(f"{where}, allowed whole ones or a part of one")
            if count > there[name]:
                raise UserError(f"{where}, more than this machine has, {there[name]:.3g}")

    def take(self, stage: str) -> list[str] | None:
        """Take what a stage needs; returns its GPUs, or None where too little is free."""
        wanted = self._needs.get(stage, {})
        share = min(1.0, wanted.get(GPU, 0.0))
        fitting = [gpu for gpu, free in self._free.items() if free >= share - _EDGE]
        count = 0 if not share else max(1, int(wanted[GPU]))
        if not self._stages or len(fitting) < count or self._memory < wanted.get(MEMORY, 0.0):
            return None
        for gpu in fitting[:count]:
            self._free[gpu] -= share
        self._stages -= 1
        self._memory -= wanted.get(MEMORY, 0.0)
        self._taken[stage] = fitting[:count]
        return fitting[:count]

    def give(self, stage: str) -> None:
        """Give back what a stage took."""
        wanted = self._needs.get(stage, {})
        self._stages += 1
        for gpu in self._taken.pop(stage, []):
            self._free[gpu] += min(1.0, wanted[GPU])
        self._memory += wanted.get(MEMORY, 0.0)


def room_here(needs: Needs, device: object, jobs: int) -> Room:
    """Look at this machine; its GPUs only where one is needed, as that takes seconds.

    Args:
        needs: stage -> what it needs.
        device: what the suite wants to compute on; `cuda` insists on a GPU.
        jobs: how many stages run at once.

    Raises:
        UserError: as for `Room`, or the suite insists on a GPU and there is none.

    """
    insists = device == "cuda"
    there = gpus() if insists or any(GPU in wanted for wanted in needs.values()) else []
    if insists and not there:
        raise UserError(f"{PARAMS}: device: found cuda, allowed cpu or found, as torch finds no GPU here")
    return Room(needs, there, memory(), jobs)


def gpus() -> list[str]:
    """Return the GPUs that torch may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    import torch  # noqa: PLC0415 (seconds)

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return named[:count] if named[0] else [str(number) for number in range(count)]


def memory() -> float:
    """Return how much memory the machine, or the container, has, in GiB."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        return min(whole, int(_LIMIT.read_text()) / _GIB)
    return whole
