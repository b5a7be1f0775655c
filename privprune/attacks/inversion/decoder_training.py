"""How a decoder is trained to turn features into images; the decoding-based and the GAN-based attack build on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import ThreatModel, as_channels_last
from privprune.models.decoder import build_decoder
from privprune.settings import AtLeastOne, NonNegative, Positive
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_DECODED_AT_ONCE = 500  # images


@dataclass(frozen=True)
class FitSettings:
    """How a decoder is trained.

    Attributes:
        epochs: passes over the attack's records; 50 in CEM's paper and released code.
        batch: records per step at most; 256 in the released code.
        learning_rate: of Adam; 0.005 in the paper, 0.001 in the released code.
        weight_decay: 0.0001 in the released code.
        schedule: of the learning rate; a cosine in the released code (to 1e-5, here to 0).
        precision: of the convolutions.

    """

    epochs: AtLeastOne
    batch: AtLeastOne
    learning_rate: Positive
    weight_decay: NonNegative
    schedule: ScheduleSettings
    precision: Literal["float32", "bfloat16"]


def fresh_decoder(
    feature_shape: tuple[int, ...], threat: ThreatModel, blocks: int, width: int, generator: torch.Generator
) -> nn.Sequential:
    """Build an untrained decoder for a threat model, on the device of its images.

    Args:
        feature_shape: of one image's features, (c, h, w) or (c,).
        threat: gives image shape and device.
        blocks: residual blocks, see `models.decoder`.
        width: channels.
        generator: draws the initial weights.

    """
    decoder = build_decoder(feature_shape, threat.image_shape, blocks=blocks, width=width, generator=generator)
    return decoder.to(threat.images.device).to(memory_format=torch.channels_last)


def fit(
    decoder: nn.Module,
    pairs: FeatureImagePairs,
    settings: FitSettings,
    generator: torch.Generator,
    loop: str = "fit",
) -> Mapping[str, list[float]]:
    """Train a decoder by the mean squared error between its output and the images.

    Args:
        decoder: trained in place.
        pairs: the training data.
        settings: of the training.
        generator: draws the batches.
        loop: name of the loop in checkpoints, unique within an attack.

    Returns:
        `loss`: the mean over each epoch.

    """
    optimiser = Adam(decoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True)
    decoder.train()
    losses: list[Tensor] = []
    for epoch in pairs.threat.turns(loop, settings.epochs, [decoder, optimiser, generator, losses]):
        batches = pairs.batches(settings.batch, generator)
        total = torch.zeros((), device=batches[0].device)
        for number, positions in enumerate(batches):
            rate = settings.schedule.rate(epoch + number / len(batches), settings.epochs)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * rate
            sent, images = pairs.take(positions)
            with torch.autocast(sent.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                decoded = decoder(sent)
            loss = F.mse_loss(decoded.float(), images)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(positions)
        losses.append(total / sum(map(len, batches)))
    return {"loss": torch.stack(losses).tolist()}


@torch.no_grad()
def decode(decoder: nn.Module, features: Tensor) -> Tensor:
    """Turn features [m, *feature_shape] into images, float32 [m, C, H, W], in evaluation mode."""
    decoder.eval()
    return torch.cat([decoder(as_channels_last(part)).contiguous() for part in features.split(_DECODED_AT_ONCE)])
