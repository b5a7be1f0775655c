"""Run the networks of a cell in groups: stacked inside a group, groups side by side on the cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from privprune.checkpoints.store import Checkpoints
from privprune.defences.defence import Defence
from privprune.models import Structure
from privprune.training.loop import History
from privprune.workflow import workers


@dataclass(frozen=True)
class Outcome:
    """What training a group of networks gave.

    Attributes:
        states: one state dict per network.
        masks: per network, weight name -> bool of the weight's shape.
        history: name -> epochs x networks.
        phases: (name, epochs) of each training phase.
        measured: name -> one value per network.
        surrogates: weights of the decoder that each network was trained against; empty where there was none.
        structures: what is left of each network; empty where nothing was removed.

    """

    states: list[dict[str, Tensor]]
    masks: list[dict[str, Tensor]]
    history: History
    phases: tuple[tuple[str, int], ...]
    measured: dict[str, list[float]] = field(default_factory=dict)
    surrogates: list[dict[str, Tensor]] = field(default_factory=list)
    structures: tuple[Structure, ...] = ()

    def converted(self, convert: Callable[[Any], Any]) -> Outcome:
        """Return the same outcome with every state, mask and surrogate converted."""

        def all_of(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{name: convert(value) for name, value in part.items()} for part in parts]

        return replace(self, states=all_of(self.states), masks=all_of(self.masks), surrogates=all_of(self.surrogates))


def side_by_side(
    networks: int, stack: int, work: Callable[[Sequence[int]], Outcome], checkpoints: Checkpoints
) -> Outcome:
    """Train networks 0 .. networks-1 in groups of `stack`, as many groups at once as there are cores.

    Each group has its own generators, so that neither the number of workers nor their timing can change a result. What
    a group gave is kept under its `part_of`.
    """
    groups = [range(first, min(first + stack, networks)) for first in range(0, networks, stack)]

    def portable(group: Sequence[int]) -> Outcome:
        return checkpoints.done(part_of(group), lambda: work(group).converted(as_arrays))

    return _merged([outcome.converted(as_tensors) for outcome in workers.side_by_side(portable, groups)])


def part_of(group: Sequence[int]) -> str:
    """Name a group of networks, as a part of a cell's work."""
    return f"network {group[0]}" if len(group) == 1 else f"networks {group[0]}-{group[-1]}"


def as_arrays(value: Any) -> Any:
    """Turn a tensor into an array, which travels between processes by value."""
    return value.cpu().numpy()


def as_tensors(value: Any) -> Any:
    """Turn an array back into a tensor."""
    return torch.from_numpy(value)


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
        surrogates=[surrogate for one in outcomes for surrogate in one.surrogates],
        structures=tuple(structure for one in outcomes for structure in one.structures),
    )


def surrogates_of(defence: Defence) -> list[dict[str, Tensor]]:
    """Return the weights of the decoder that a single network was trained against, on the CPU; none without one."""
    if defence.surrogate is None:
        return []
    return [{name: value.detach().cpu() for name, value in defence.surrogate().items()}]


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
