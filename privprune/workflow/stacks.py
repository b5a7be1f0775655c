"""Train the networks of a cell: some of them stacked in one group, and groups in parallel on the cores."""

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
from privprune.workflow.workers import run_in_workers


@dataclass(frozen=True)
class TrainingOutcome:
    """What training gave for a group of networks, or for all networks of a cell.

    Attributes:
        states: one state dict per network.
        masks: per network, weight name -> bool of the weight's shape.
        history: curve -> [epochs][networks].
        phases: (name, epochs) of each training phase, in order.
        measured: metric of the defence or of pruning -> one value per network.
        surrogates: state dict of the decoder that each network was trained against; empty where there was none.
        structures: channels and blocks that remain of each network; empty where none were removed.

    """

    states: list[dict[str, Tensor]]
    masks: list[dict[str, Tensor]]
    history: History
    phases: tuple[tuple[str, int], ...]
    measured: dict[str, list[float]] = field(default_factory=dict)
    surrogates: list[dict[str, Tensor]] = field(default_factory=list)
    structures: tuple[Structure, ...] = ()

    def converted(self, convert: Callable[[Any], Any]) -> TrainingOutcome:
        """Return the same outcome with every state, mask and surrogate converted."""

        def all_of(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{name: convert(value) for name, value in part.items()} for part in parts]

        return replace(self, states=all_of(self.states), masks=all_of(self.masks), surrogates=all_of(self.surrogates))


def train_stacks(
    networks: int, stack: int, work: Callable[[Sequence[int]], TrainingOutcome], checkpoints: Checkpoints
) -> TrainingOutcome:
    """Train networks 0 to networks - 1 in groups, as many groups at once as there are cores.

    Args:
        networks: how many.
        stack: number of networks in a group.
        work: trains the networks of the given numbers. Each group has generators of its own, so that neither the number
            of workers nor their timing changes a result.
        checkpoints: where the outcome of each group is stored under its `group_name`.

    Returns:
        the outcomes of all groups, joined in the order of the networks.

    """
    groups = [range(first, min(first + stack, networks)) for first in range(0, networks, stack)]

    def picklable(group: Sequence[int]) -> TrainingOutcome:
        return checkpoints.done(group_name(group), lambda: work(group).converted(as_array))

    return _join_groups([outcome.converted(as_tensor) for outcome in run_in_workers(picklable, groups)])


def group_name(group: Sequence[int]) -> str:
    """Name a group of networks in checkpoints and progress lines."""
    return f"network {group[0]}" if len(group) == 1 else f"networks {group[0]}-{group[-1]}"


def as_array(value: Tensor) -> Any:
    """Convert a tensor to an array, which is sent between processes by value."""
    return value.cpu().numpy()


def as_tensor(value: Any) -> Tensor:
    """Convert an array back to a tensor."""
    return torch.from_numpy(value)


def _join_groups(outcomes: Sequence[TrainingOutcome]) -> TrainingOutcome:
    """Join the outcomes of groups, network after network."""
    first = outcomes[0]
    history = {
        name: [list(chain.from_iterable(rows)) for rows in zip(*(one.history[name] for one in outcomes), strict=True)]
        for name in first.history
    }
    return TrainingOutcome(
        states=[state for outcome in outcomes for state in outcome.states],
        masks=[mask for outcome in outcomes for mask in outcome.masks],
        history=history,
        phases=first.phases,
        measured={name: [value for one in outcomes for value in one.measured[name]] for name in first.measured},
        surrogates=[surrogate for outcome in outcomes for surrogate in outcome.surrogates],
        structures=tuple(structure for outcome in outcomes for structure in outcome.structures),
    )


def surrogates_of(defence: Defence) -> list[dict[str, Tensor]]:
    """Copy the weights of the decoder that a single network was trained against to the CPU; empty without a decoder."""
    if defence.surrogate is None:
        return []
    return [{name: value.detach().cpu() for name, value in defence.surrogate().items()}]


def join_phases(phases: Sequence[tuple[str, History]]) -> tuple[History, tuple[tuple[str, int], ...]]:
    """Join the histories of training phases; a curve that a phase does not have is NaN there.

    Args:
        phases: name and history of each phase, in order.

    Returns:
        the joined history, curve -> [epochs][networks], and (name, epochs) of each phase.

    """
    joined: History = {}
    lengths = tuple((name, len(history.get("loss", []))) for name, history in phases)
    for curve in {curve for _, history in phases for curve in history}:
        rows: list[list[float]] = []
        for (_, history), (_, epochs) in zip(phases, lengths, strict=True):
            rows += history.get(curve) or [[float("nan")] * len(phases[0][1]["loss"][0])] * epochs
        joined[curve] = rows
    return joined, lengths
