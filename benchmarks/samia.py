"""Training the network of SAMIA, of the size in the released code, to its plateau on known records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

import torch

from benchmarks.measuring import by_turns, on_one_thread, top_operators
from benchmarks.result import Result
from privprune.attacks.membership import Evidence, Outputs
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings
from privprune.attacks.membership.samia import SamiaAttack, SamiaSettings, noisy_views
from privprune.metrics.membership import Scores, point

NAME = "samia"
AIM = 30.0
CLASSES = 10
LEAK = 1.0  # by which the logit of the true class is higher for members; the attack's area under the curve is about .68
TRAINING = AttackTrainingSettings(steps=2000, interval=50, patience=4, validation=0.2, batch=128, learning_rate=0.001)
SETTINGS = SamiaSettings("posteriors", 0.001, 10, width=64, layers=3, dropout=0.2, training=TRAINING)


@dataclass(frozen=True)
class Size:
    """Size of the measurement: known records, steps at most, and rounds."""

    known: int
    steps: int
    rounds: int


FULL = Size(known=10_000, steps=2000, rounds=1)
QUICK = Size(known=60, steps=4, rounds=1)


def evidence_of(records: int, settings: SamiaSettings) -> Evidence:
    """Return evidence with so many known records, and as many to evaluate, half of them members."""
    draw = torch.Generator().manual_seed(0)

    def part(member: bool) -> Outputs:
        labels = torch.randint(CLASSES, (records // 2,), generator=draw)
        sure = 2.5 + LEAK * member + 1.5 * torch.randn(len(labels), 1, generator=draw)
        logits = torch.randn(len(labels), CLASSES, generator=draw).scatter_add_(1, labels[:, None], sure)
        moved = 0.01 * (1.0 if member else 1.3) * torch.rand(len(labels), 1, generator=draw)
        views = {view: logits + moved * torch.randn(logits.shape, generator=draw) for view in noisy_views(settings)}
        return Outputs(logits, labels, torch.arange(len(labels)), views)

    known, evaluated = [(part(member=True), part(member=False)) for _ in range(2)]
    return Evidence(*known, *evaluated, population=None, shadows=None, odds=1.0)


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Attack one target, from its answers to the scores."""
    settings = replace(SETTINGS, training=replace(TRAINING, steps=size.steps))
    evidence = evidence_of(size.known, settings)
    found: list[Scores] = []

    def attack() -> None:
        found.append(SamiaAttack(settings)(evidence, torch.Generator().manual_seed(1)))

    timing = by_turns({"attack": attack}, size.rounds, warm_up=False)
    history = found[-1].history
    note = (
        f"{size.known:,} known records of {CLASSES} classes, {settings.layers} layers of width {settings.width}: ended "
        f"after {history['last_step'][0]:.0f} steps of {TRAINING.batch} records, best after "
        f"{history['best_step'][0]:.0f}; area under the curve {median(point(one)['auc'] for one in found):.3f}; "
        f"one thread"
    )
    result = Result(NAME, "SAMIA against one target", timing.median("attack"), "s", AIM, "lower", note)
    if result.reached == "no":
        short = replace(SETTINGS, training=replace(TRAINING, steps=5))
        busy = top_operators(lambda: SamiaAttack(short)(evidence, torch.Generator().manual_seed(1)))
        result = replace(result, note=f"{note}; {busy}")
    return [result]
