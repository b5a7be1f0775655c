"""The work of a stage that is killed and goes on: every kind of entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interruption import interrupted, same

from privprune.cells import Cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.settings import read
from privprune.workflow import workers
from privprune.workflow.attack import attack_cell
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.context import DataContext
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.invert import invert_cell
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell

Tiny = dict[str, Any]
SEARCH = {
    "budgets": {"ratios": [2, 4], "largest_drop": 1.0},
    "inference": {"attack": "nasr", "variant": "paper", "initialisation": "he", "learning_rate": 0.001, "batch": 64},
    "seed": 5,
}
SEARCH["inference"] |= {"validation": 0.2, "steps": 1, "interval": 1, "patience": 1}


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all work be done in this process, where turns can be counted."""
    monkeypatch.setattr(workers, "cores", lambda: 1)


@pytest.fixture(scope="module")
def cells(context: DataContext, tiny: Tiny) -> dict[str, Cell]:
    """Return the cells that the work starts from."""
    return {
        name: train_cell(read(TrainEntry, tiny["train"][name], name), context, name)[0] for name in ("base", "dense")
    }


def train(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Train four networks for two epochs each."""
    del cells
    return train_cell(read(TrainEntry, tiny["train"]["base"], "tiny"), context, "base", checkpoints)


def harden(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Train two stacks of two for two epochs each."""
    del cells
    return harden_cell(read(HardenEntry, tiny["harden"]["game"], "tiny"), context, None, "game", checkpoints)


def search(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Prune two targets at two ratios, then four networks at one, in two phases of one epoch each."""
    entry = read(PruneEntry, {**tiny["prune"]["pruned"], "search": SEARCH}, "tiny")
    return vars(prune_cell(entry, context, cells["base"], "pruned", checkpoints))


def remove(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Train two networks with masks for an epoch, and what is left of them for another."""
    return vars(
        prune_cell(read(PruneEntry, tiny["prune"]["removed"], "tiny"), context, cells["dense"], "removed", checkpoints)
    )


def attack(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Train attack networks on two targets in two turns each, again at other odds, and one for four turns."""
    entry = read(AttackEntry, tiny["attack"]["base"], "tiny")
    return vars(attack_cell(entry, entry.chosen("tiny"), cells["base"], context, checkpoints))


def invert(context: DataContext, tiny: Tiny, cells: dict[str, Cell], checkpoints: Checkpoints) -> Any:
    """Fit a decoder to two targets for two epochs each, and invert each in two steps."""
    entry = read(InversionEntry, {**tiny["attack"]["cut-inverted"], "target": "dense"}, "tiny")
    return vars(invert_cell(entry, entry.built("tiny"), cells["dense"], context, checkpoints))


CASES: list[tuple[Callable[..., Any], tuple[int, ...]]] = [
    (train, (1, 2, 5)),
    (harden, (1, 2, 1)),
    (search, (3, 6, 7)),
    (remove, (1, 2, 1)),
    (attack, (3, 2, 7)),
    (invert, (3, 2, 3)),
]


@pytest.mark.parametrize(("work", "lives"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_work_killed_twice_gives_the_same(
    context: DataContext,
    tiny: Tiny,
    cells: dict[str, Cell],
    tmp_path: Path,
    work: Callable[..., Any],
    lives: tuple[int, ...],
) -> None:
    """All that comes of it is that of undisturbed work, and no turn of any of its loops is done twice."""

    def done(checkpoints: Checkpoints) -> Any:
        return work(context, tiny, cells, checkpoints)

    same(interrupted(done, tmp_path, *lives), done(NONE))
