"""Run the networks of a cell in groups: stacked inside a group, groups side by side in threads of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor

from privprune.training import History


@dataclass(frozen=True)
class Outcome:
    """What training a group of networks gave.

    Attributes:
        states: one state dict per network.
        masks: per network, weight name -> bool of the weight's shape.
        history: name -> epochs x networks.
        phases: (name, epochs) of each training phase.
        measured: name -> one value per network.

    """

    states: list[dict[str, Tensor]]
    masks: list[dict[str, Tensor]]
    history: History
    phases: tuple[tuple[str, int], ...]
    measured: dict[str, list[float]] = field(default_factory=dict)


def side_by_side(networks: int, stack: int, work: Callable[[Sequence[int]], Outcome]) -> Outcome:
    """Train networks 0 .. networks-1 in groups of `stack`, as many groups at once as there are cores.

    Threads are enough, because the operators release the interpreter; each group has its own generators, so that
    neither the number of threads nor their timing can change a result.
    """
    groups = [range(first, min(first + stack, networks)) for first in range(0, networks, stack)]
    threads = torch.get_num_threads()
    workers = min(threads, len(groups))
    if workers <= 1:
        return _merged([work(group) for group in groups])

    def alone(group: Sequence[int]) -> Outcome:
        torch.set_num_threads(max(1, threads // workers))
        return work(group)

    try:
        with ThreadPoolExecutor(workers) as pool:
            return _merged(list(pool.map(alone, groups)))
    finally:
        torch.set_num_threads(threads)


def _merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Join what the groups gave, network after network."""
    first = outcomes[0]
    history = {
        name: [list(chain.from_iterable(rows)) for rows in zip(*(one.history[name] for one in outcomes), strict=True)]
        for name in first.history
    }
    return Outcome(
        states=[state for one in outcomes for state in one.states],
        masks=[mask for one in outcomes for mask in one.masks],
        history=history,
        phases=first.phases,
        measured={name: [value for one in outcomes for value in one.measured[name]] for name in first.measured},
    )


def one_after_another(parts: Sequence[tuple[str, History]]) -> tuple[History, tuple[tuple[str, int], ...]]:
    """Join the histories of training phases; a name that a phase lacks is filled with its nearest known value.

    Returns:
        the joined history, and (name, epochs) of each phase.

    """
    joined: History = {}
    phases = tuple((name, len(history.get("loss", []))) for name, history in parts)
    for name in {name for _, history in parts for name in history}:
        rows: list[list[float]] = []
        for (_, history), (_, epochs) in zip(parts, phases, strict=True):
            rows += history.get(name) or [[float("nan")] * len(parts[0][1]["loss"][0])] * epochs
        joined[name] = rows
    return joined, phases
