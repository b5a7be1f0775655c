"""A training step of ResNet-20 with PATROL's Lipschitz terms, and with its game, compared with one without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from benchmarks.cem_step import random_setting
from benchmarks.measuring import BatchSize, Timing, by_turns, on_each_device, place, threads, top_operators
from benchmarks.result import Result
from privprune.defences import DefenceContext, build_defence
from privprune.defences.lipschitz import LipschitzSettings
from privprune.defences.patrol import PatrolGameSettings, PatrolSettings
from privprune.models import CutSettings, build
from privprune.models.wire.plain import PlainSettings
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import OptimiserSettings, ScheduleSettings, TrainingPlan, train

NAME = "lipschitz-step"
AIM_LIPSCHITZ = 1.5
AIM_GAME = 2.0
CONSTANT = ScheduleSettings("constant", (), 1.0)
CUT = CutSettings(5, None, extra_convolution=False, wire=PlainSettings("plain"), skip=None)
LIPSCHITZ = LipschitzSettings(weights=(0.01,), deviation=0.1, share=0.25, over="max", normalised=True)
GAME = PatrolGameSettings(
    weight=1.0,
    loss="mse",
    threshold=0.1,
    attack_steps=1,
    learning_rate=0.001,
    schedule=CONSTANT,
    blocks=0,
    width=16,
    pretraining=None,
    relative=False,
)
SIDES: dict[str, PatrolSettings | None] = {
    "without": None,
    "Lipschitz terms": PatrolSettings("patrol", LIPSCHITZ, None),
    "the game": PatrolSettings("patrol", None, GAME),
    "both": PatrolSettings("patrol", LIPSCHITZ, GAME),
}
AIMS = {"Lipschitz terms": AIM_LIPSCHITZ, "the game": AIM_GAME, "both": None}


FULL = BatchSize("resnet20", batch=128, batches=4, rounds=5)
QUICK = BatchSize("resnet20", batch=16, batches=1, rounds=1)


def epoch(size: BatchSize, context: DefenceContext, terms: PatrolSettings | None) -> None:
    """Train for an epoch with the project's loop."""
    data = TrainingData(context.images, context.labels, context.members)
    optimiser = OptimiserSettings("sgd", 0.05, 0.9, 0.0005)
    plan = TrainingPlan(1, size.batch, optimiser, CONSTANT, "none", context.precision)
    chance = torch.Generator().manual_seed(0)
    network = build(size.model, in_channels=3, image_size=32, classes=10, generator=chance, cut=CUT)
    loss_terms = () if terms is None else build_defence(terms, context).terms
    ensemble = Ensemble([network.to(context.images.device).to(memory_format=torch.channels_last)])
    train(ensemble, data, plan, [torch.Generator().manual_seed(2)], terms=loss_terms)


def measure(size: BatchSize) -> list[Result]:
    """Compare all sides, on one thread and, if there is one, on a GPU."""
    return on_each_device(measured, size)


def measured(size: BatchSize, device: torch.device) -> list[Result]:
    """Compare all sides on a device."""
    context = random_setting(size, CUT, device)
    sides: dict[str, Callable[[], object]] = {
        side: partial(epoch, size, context, terms) for side, terms in SIDES.items()
    }
    timing = by_turns(sides, size.rounds)
    times = "; ".join(f"{side} {1000 * timing.median(side) / size.batches:.0f} ms" for side in sides)
    note = (
        f"a step of {size.batch} images: {times}; a quarter of the batch passes with noise, a decoder of "
        f"{GAME.blocks + 2} blocks and width {GAME.width} takes one step per step; {threads(device)}"
    )
    results = [
        _result(timing, f"{size.model} cut after {CUT.after} blocks{place(device)}", side, aim, note)
        for side, aim in AIMS.items()
    ]
    return [
        replace(one, note=f"{one.note}; {top_operators(sides[side])}") if one.reached == "no" else one
        for side, one in zip(AIMS, results, strict=True)
    ]


def _result(timing: Timing, what: str, side: str, aim: float | None, note: str) -> Result:
    """Return how many times longer a step takes than without the terms."""
    measured = f"{what}, time of a step: with {side} against without"
    spread = timing.spread("without", side)
    return Result(NAME, measured, timing.times_faster("without", side), "times", aim, "lower", f"{spread}; {note}")
