"""A training step of VGG11-BN with CEM, compared with one without CEM and with that of CEM's released code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from benchmarks.cem_loss import CLUSTERS, DEVIATION, FORM, looped_loss
from benchmarks.measuring import BatchSize, Timing, by_turns, on_each_device, place, threads, top_operators
from benchmarks.result import Result
from privprune.defences import DefenceContext
from privprune.defences.cem import Cem, CemSettings
from privprune.defences.cem.as_released import AsReleased, ClassClusters, fit_classes
from privprune.defences.cem.features import CollectedSettings
from privprune.models import BlockNet, CutSettings, build, reseed
from privprune.models.wire.gaussian import GaussianSettings
from privprune.training.batches import TrainingData, as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import OptimiserSettings, ScheduleSettings, Step, Term, TrainingPlan, train

NAME = "cem-step"
AIM_WITHOUT = 1.10
AIM_RELEASED = 2.0
RATE, MOMENTUM, DECAY, WEIGHT = 0.05, 0.9, 0.0005, 16.0
CUT = CutSettings(4, 8, extra_convolution=False, wire=GaussianSettings("gaussian", DEVIATION), skip=None)


FULL = BatchSize("vgg11_bn", batch=128, batches=4, rounds=5)
QUICK = BatchSize("photos_cnn", batch=16, batches=1, rounds=1)


class Fitted(Term):
    """CEM's term with given clusters that are never refitted, so that only training steps are measured."""

    def __init__(self, clusters: ClassClusters, context: DefenceContext) -> None:
        settings = CemSettings("cem", FORM, WEIGHT, "constant", CollectedSettings("collected"), None)
        self._term = Cem(settings, replace(context, epochs=2), DEVIATION)
        form = self._term._form  # noqa: SLF001 (the next lines set what a fit would set)
        assert isinstance(form, AsReleased)  # noqa: S101 (FORM says so)
        form._clusters = clusters  # noqa: SLF001 (same)

    def penalty(self, step: Step) -> Tensor | None:
        """Return CEM's penalty, and let the term collect the features."""
        return self._term.penalty(step)


def network(model: str, device: torch.device) -> BlockNet:
    """Build the network with CEM's bottleneck and noise."""
    chance = torch.Generator().manual_seed(0)
    model_with_cut = build(model, in_channels=3, image_size=32, classes=10, generator=chance, cut=CUT)
    reseed(model_with_cut, 1)
    return model_with_cut.to(device)


def ours(
    size: BatchSize, context: DefenceContext, precision: Literal["float32", "bfloat16"], clusters: ClassClusters | None
) -> None:
    """Train for an epoch with the project's loop, without CEM if `clusters` is None."""
    data = TrainingData(context.images, context.labels, context.members)
    schedule = ScheduleSettings("constant", (), 1.0)
    plan = TrainingPlan(1, size.batch, OptimiserSettings("sgd", RATE, MOMENTUM, DECAY), schedule, "none", precision)
    ensemble = Ensemble([network(size.model, context.images.device).to(memory_format=torch.channels_last)])
    terms = () if clusters is None else (Fitted(clusters, context),)
    train(ensemble, data, plan, [torch.Generator().manual_seed(2)], terms=terms)


def released(size: BatchSize, context: DefenceContext, clusters: ClassClusters) -> None:
    """Train for an epoch as CEM's released code does: float32, `looped_loss`, two backward passes per step."""
    ensemble = Ensemble([network(size.model, context.images.device)])
    edge = [value for name, value in ensemble.module.named_parameters() if _on_the_edge(ensemble, name)]
    optimiser = torch.optim.SGD(ensemble.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    for records in context.members[0].split(size.batch):
        inputs, labels = as_input(context.images[records]), context.labels[records]
        seen = ensemble.observe(inputs)
        assert seen.features is not None  # noqa: S101 (the network has a cut)
        optimiser.zero_grad()
        looped_loss(clusters, seen.features.flatten(1), labels, 5_000.0).backward(retain_graph=True)
        edge_gradients = [value.grad.clone() for value in edge if value.grad is not None]
        optimiser.zero_grad()
        F.cross_entropy(seen.logits, labels).backward()
        for value, gradient in zip(edge, edge_gradients, strict=True):
            assert value.grad is not None  # noqa: S101 (the loss reaches every weight)
            value.grad += WEIGHT * gradient
        optimiser.step()


def _on_the_edge(ensemble: Ensemble, name: str) -> bool:
    assert isinstance(ensemble.module, BlockNet)  # noqa: S101 (one network is the module itself)
    names = ensemble.module.block_names
    return names.index(name.split(".", maxsplit=1)[0]) < names.index("wire")


def random_setting(size: BatchSize, cut: CutSettings, device: torch.device) -> DefenceContext:
    """Return the context of a defence: random images of ten balanced classes, and networks with a cut."""
    chance = torch.Generator().manual_seed(3)
    count = size.batch * size.batches
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=chance).to(device)
    members = torch.arange(count, device=device)[None]
    none = torch.zeros(1, 0, dtype=torch.int64, device=device)
    return DefenceContext(
        images=images,
        labels=members[0] % 10,
        members=members,
        reference=none,
        selection=none,
        classes=10,
        cut=cut,
        epochs=1,
        batch=size.batch,
        target_accuracy=None,
        generators=[chance],
        precision="bfloat16",
    )


@torch.no_grad()
def fitted(size: BatchSize, context: DefenceContext) -> ClassClusters:
    """Cluster the features of the network before training."""
    features = Ensemble([network(size.model, context.images.device)]).encode(as_input(context.images)).flatten(1)
    form = replace(FORM, clusters_per_class=min(CLUSTERS, len(features) // 10))
    return fit_classes(form, features, context.labels, 10, None, context.generators[0])


def measure(size: BatchSize) -> list[Result]:
    """Compare all ways of training, on one thread and, if there is one, on a GPU."""
    return on_each_device(measured, size)


def measured(size: BatchSize, device: torch.device) -> list[Result]:
    """Compare all ways of training on a device."""
    context = random_setting(size, CUT, device)
    clusters = fitted(size, context)
    sides: dict[str, Callable[[], object]] = {
        "without": partial(ours, size, context, "bfloat16", None),
        "with CEM": partial(ours, size, context, "bfloat16", clusters),
        "with CEM in float32": partial(ours, size, context, "float32", clusters),
        "released": partial(released, size, context, clusters),
    }
    timing = by_turns(sides, size.rounds)
    times = "; ".join(f"{side} {1000 * timing.median(side) / size.batches:.0f} ms" for side in sides)
    note = f"a step of {size.batch} images: {times}; {threads(device)}"
    what = f"{size.model} with a cut{place(device)}"
    results = [
        _result(timing, what, "with CEM", "without", AIM_WITHOUT, note),
        _result(timing, what, "released", "with CEM", AIM_RELEASED, note),
        _result(timing, what, "released", "with CEM in float32", None, note),
    ]
    if any(result.reached == "no" for result in results):
        missed = top_operators(sides["with CEM"])
        results = [replace(one, note=f"{one.note}; {missed}") if one.reached == "no" else one for one in results]
    return results


def _result(timing: Timing, what: str, slow: str, fast: str, aim: float | None, note: str) -> Result:
    """Return the ratio of the times of two sides."""
    scheme = "the released scheme" if slow == "released" else f"ours {slow}"
    measured = f"{what}, time of a step: {scheme} against ours {fast}"
    spread = timing.spread(fast, slow)
    better: Literal["higher", "lower"] = "higher" if slow == "released" else "lower"
    return Result(NAME, measured, timing.times_faster(fast, slow), "times", aim, better, f"{spread}; {note}")
