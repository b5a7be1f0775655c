"""Fitting the attacker's decoder of CEM's tables: against the loop that public code has for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
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
EPOCHS = 4  # of an attack's 50; our edge runs once for all of them, and over four that still weighs too much
BYTES = 255


FULL = BatchSize("vgg11_bn", batch=256, batches=1, rounds=3)
QUICK = BatchSize("photos_cnn", batch=8, batches=1, rounds=1)


def threat_model_of(size: BatchSize, model: BlockNet) -> ThreatModel:
    """Return random images and a network that sends features of them with noise."""
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
    )


def ours(size: BatchSize, threat: ThreatModel) -> None:
    """Fit for some epochs: the edge runs once, the decoder in bfloat16 and channels last."""
    chance = torch.Generator().manual_seed(1)
    pairs = FeatureImagePairs(threat, threat.auxiliary, 1)
    decoder = fresh_decoder(pairs.feature_shape, threat, BLOCKS, WIDTH, chance)
    fit(
        decoder,
        pairs,
        FitSettings(EPOCHS, size.batch, RATE, 0.0, ScheduleSettings("constant", (), 1.0), "bfloat16"),
        chance,
    )


def customary(size: BatchSize, threat: ThreatModel, model: BlockNet) -> None:
    """Fit for some epochs as ResSFL's and CEM's code do: a loader, float32, the edge run for every batch."""
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
    """Compare both on one thread, and on a GPU."""
    return on_each_device(measured, size)


def measured(size: BatchSize, device: torch.device) -> list[Result]:
    """Compare both on a device."""
    model = network(size.model, device)
    threat = threat_model_of(size, model)
    sides: dict[str, Callable[[], object]] = {
        "ours": partial(ours, size, threat),
        "customary": partial(customary, size, threat, model),
    }
    timing = by_turns(sides, size.rounds)
    steps = EPOCHS * size.batches
    told = "; ".join(f"{side} {1000 * timing.median(side) / steps:.0f} ms" for side in sides)
    measured_on = f"{EPOCHS} epochs; a step of {size.batch} images: {told}; {threads(device)}"
    note = f"{timing.spread('ours', 'customary')}; {measured_on}"
    said = f"decoder of 711,539 parameters{place(device)}, images per second: ours against the customary loop"
    result = Result(NAME, said, timing.times_faster("ours", "customary"), "times", AIM, "higher", note)
    if result.reached == "no":
        result = replace(result, note=f"{result.note}; {top_operators(sides['ours'])}")
    return [result]
