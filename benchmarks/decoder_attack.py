"""Training the attacker's decoder of CEM's tables, compared with the loop of public code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.cem_step import network
from benchmarks.measuring import BatchSize, by_turns, on_each_device, place, threads, top_operators
from benchmarks.result import Result
from privprune.attacks.inversion.decoder_training import FitSettings, fit, fresh_decoder
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import ThreatModel
from privprune.models import BlockNet, split
from privprune.training.loop import ScheduleSettings

NAME = "decoder"
AIM = 2.0
BLOCKS, WIDTH, RATE = 8, 64, 0.001  # of CEM's attack
EPOCHS = 4  # an attack has 50; our edge runs once for all epochs, which over four counts more than over 50
BYTES = 255


FULL = BatchSize("vgg11_bn", batch=256, batches=1, rounds=3)
QUICK = BatchSize("photos_cnn", batch=8, batches=1, rounds=1)


def threat_model_of(size: BatchSize, model: BlockNet) -> ThreatModel:
    """Return a threat model of random images, and of a network that sends their features with noise."""
    device = next(model.parameters()).device
    images = torch.randint(0, 256, (size.batch * size.batches, 3, 32, 32), dtype=torch.uint8).to(device)
    records = torch.arange(len(images), device=device)
    names = model.block_names
    encoder = BlockNet(list(model.named_children())[: names.index("wire")]).eval()
    return ThreatModel(
        encoder=encoder,
        wire=model[names.index("wire")],
        random=True,
        random_edge=False,
        share=1.0,
        images=images,
        auxiliary=records,
        leaked=records[:1],
        scored=records[:1],
        surrogate={},
        labels=torch.zeros_like(records),
        classes=10,
        cloud=BlockNet(list(model.named_children())[names.index("wire") + 1 :]).eval(),
    )


def ours(size: BatchSize, threat: ThreatModel) -> None:
    """Train the decoder with the project's loop: the edge runs once, the decoder in bfloat16 and channels last."""
    chance = torch.Generator().manual_seed(1)
    pairs = FeatureImagePairs(threat, threat.auxiliary, 1)
    decoder = fresh_decoder(pairs.feature_shape, threat, BLOCKS, WIDTH, chance)
    fit(
        decoder,
        pairs,
        FitSettings(EPOCHS, size.batch, RATE, 0.0, ScheduleSettings("constant", (), 1.0), "bfloat16", 0.0, None),
        chance,
    )


def customary(size: BatchSize, threat: ThreatModel, model: BlockNet) -> None:
    """Train the decoder as the code of ResSFL and CEM does: a DataLoader, float32, the edge run for each batch."""
    edge, _ = split(model.eval(), "wire")
    decoder = fresh_decoder((8, 8, 8), threat, BLOCKS, WIDTH, torch.Generator().manual_seed(1))
    decoder = decoder.to(memory_format=torch.contiguous_format).train()
    optimiser = torch.optim.Adam(decoder.parameters(), lr=RATE)
    loader = DataLoader(TensorDataset(threat.images.cpu().float() / BYTES), size.batch, shuffle=True)
    for (batch,) in (pair for _ in range(EPOCHS) for pair in loader):
        images = batch.to(threat.images.device)
        with torch.no_grad():
            sent = edge(images * 2 - 1)
        optimiser.zero_grad()
        F.mse_loss(decoder(sent), images).backward()
        optimiser.step()


def measure(size: BatchSize) -> list[Result]:
    """Compare both loops, on one thread and, if there is one, on a GPU."""
    return on_each_device(measured, size)


def measured(size: BatchSize, device: torch.device) -> list[Result]:
    """Compare both loops on a device."""
    model = network(size.model, device)
    threat = threat_model_of(size, model)
    sides: dict[str, Callable[[], object]] = {
        "ours": partial(ours, size, threat),
        "customary": partial(customary, size, threat, model),
    }
    timing = by_turns(sides, size.rounds)
    steps = EPOCHS * size.batches
    times = "; ".join(f"{side} {1000 * timing.median(side) / steps:.0f} ms" for side in sides)
    measured_on = f"{EPOCHS} epochs; a step of {size.batch} images: {times}; {threads(device)}"
    note = f"{timing.spread('ours', 'customary')}; {measured_on}"
    description = f"decoder of 711,539 parameters{place(device)}, images per second: ours against the customary loop"
    result = Result(NAME, description, timing.times_faster("ours", "customary"), "times", AIM, "higher", note)
    if result.reached == "no":
        result = replace(result, note=f"{result.note}; {top_operators(sides['ours'])}")
    return [result]
