"""Training steps of large networks and of the attack's decoder, with the project's own loops, for measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import nn

from benchmarks.cem_step import network
from benchmarks.decoder_attack import BLOCKS, RATE, WIDTH, threat_model_of
from benchmarks.measuring import BatchSize
from privprune.attacks.inversion.decoder_training import FitSettings, fit, fresh_decoder
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.models import build
from privprune.training.batches import TrainingData, augmented, shuffled
from privprune.training.ensemble import Ensemble
from privprune.training.loop import OptimiserSettings, ScheduleSettings, TrainingPlan, train

Precision = Literal["float32", "bfloat16"]
NAMES = {"vgg16": "VGG16", "resnet18": "ResNet-18"}
CONSTANT = ScheduleSettings("constant", (), 1.0)
# The labels are random. A small rate avoids extreme values of the weights, with which arithmetic may be slower.
SMALL = OptimiserSettings("sgd", 0.0001, 0.9, 0.0005)


@dataclass(frozen=True)
class Steps:
    """One epoch of training in two precisions, and the preparation of its batches alone.

    Attributes:
        name: of the network that is trained.
        fast: trains in bfloat16, channels last.
        slow: trains in float32.
        slow_is: precision and memory layout of `slow`, in words.
        batches: prepares the batches as the loop does, without training.

    """

    name: str
    fast: Callable[[], object]
    slow: Callable[[], object]
    slow_is: str
    batches: Callable[[], object]


def network_steps(size: BatchSize, device: torch.device) -> Steps:
    """Return training steps of a network on random images of 32 x 32, cropped and mirrored at random."""
    chance = torch.Generator().manual_seed(0)
    count = size.batch * size.batches
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=chance).to(device)
    labels = torch.randint(0, 10, (count,), generator=chance).to(device)
    data = TrainingData(images, labels, torch.arange(count, device=device)[None])
    plan = TrainingPlan(1, size.batch, SMALL, CONSTANT, "crop_flip", "float32")

    def epoch(precision: Precision, layout: torch.memory_format) -> Callable[[], object]:
        model = build(size.model, in_channels=3, image_size=32, classes=10, generator=chance)
        ensemble = Ensemble([model.to(device).to(memory_format=layout)])
        return partial(train, ensemble, data, replace(plan, precision=precision), [chance])

    return Steps(
        name=NAMES.get(size.model, size.model),
        fast=epoch("bfloat16", torch.channels_last),
        slow=epoch("float32", torch.contiguous_format),
        slow_is="float32 NCHW",
        batches=partial(network_batches, data, plan, chance),
    )


def network_batches(data: TrainingData, plan: TrainingPlan, chance: torch.Generator) -> None:
    """Draw, gather and augment the batches of an epoch as the loop does."""
    for positions in shuffled(data, plan.batch, [chance]):
        records = data.indices.gather(1, positions).flatten()
        augmented(data.images[records], plan.augmentation, [chance])
        _ = data.labels[records]


def decoder_steps(size: BatchSize, device: torch.device) -> Steps:
    """Return training steps of the decoder of CEM's attacks; both precisions are channels last, as in the loop."""
    chance = torch.Generator().manual_seed(1)
    threat = threat_model_of(size, network(size.model, device))
    pairs = FeatureImagePairs(threat, threat.auxiliary, 1)

    def epoch(precision: Precision) -> Callable[[], object]:
        decoder: nn.Module = fresh_decoder(pairs.feature_shape, threat, BLOCKS, WIDTH, chance)
        settings = FitSettings(1, size.batch, RATE, 0.0, CONSTANT, precision, 0.0, None)
        return partial(fit, decoder, pairs, settings, chance)

    return Steps(
        name="the attack's decoder",
        fast=epoch("bfloat16"),
        slow=epoch("float32"),
        slow_is="float32 channels last",
        batches=partial(decoder_batches, pairs, size.batch, chance),
    )


def decoder_batches(pairs: FeatureImagePairs, batch: int, chance: torch.Generator) -> None:
    """Draw and gather the batches of an epoch as the loop does."""
    for positions in pairs.batches(batch, chance):
        pairs.take(positions)
