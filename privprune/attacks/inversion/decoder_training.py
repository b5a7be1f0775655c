"""How a decoder is trained to turn features into images; the decoding-based and the GAN-based attack build on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.plateau import (
    HeldOut,
    HeldOutShare,
    Plateau,
    check_plateau,
    doubled_patience,
    doubled_schedule,
)
from privprune.attacks.inversion.threat_model import ThreatModel, as_channels_last
from privprune.models.decoder import build_decoder
from privprune.settings import AtLeastOne, Batch, NonNegative, Positive
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_DECODED_AT_ONCE = 500  # images


@dataclass(frozen=True)
class FitSettings:
    """How a decoder is trained.

    Attributes:
        epochs: passes over the attack's records, at most; 50 in CEM's paper and released code.
        batch: records per step at most; 256 in the released code.
        learning_rate: of Adam; 0.005 in the paper, 0.001 in the released code.
        weight_decay: 0.0001 in the released code.
        schedule: of the learning rate; a cosine in the released code (to 1e-5, here to 0).
        precision: of the convolutions.
        validation: share of the attack's records that are held out, see `plateau.py`; 0 in the released code.
        patience: epochs without progress on them after which the rate falls, see there; null in the released code.

    """

    epochs: AtLeastOne
    batch: Batch
    learning_rate: Positive
    weight_decay: NonNegative
    schedule: ScheduleSettings
    precision: Literal["float32", "bfloat16"]
    validation: HeldOutShare
    patience: AtLeastOne | None

    def __post_init__(self) -> None:
        """Refuse a patience that nothing measures: ValueError, one line."""
        check_plateau(self)

    def doubled(self) -> FitSettings:
        """Return the same training with twice the epochs, milestones and patience."""
        schedule, patience = doubled_schedule(self.schedule), doubled_patience(self.patience)
        return replace(self, epochs=2 * self.epochs, schedule=schedule, patience=patience)


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
        decoder: trained in place; it ends with the weights of the epoch whose held-out error was lowest, or with those
            of the last epoch where no records are held out.
        pairs: the training data, a part of which may be held out.
        settings: of the training.
        generator: draws the batches.
        loop: name of the loop in checkpoints, unique within an attack.

    Returns:
        `loss`: the mean over each epoch, and `validation_loss`, the held-out error after it.

    Raises:
        ValueError: the training diverged, or no record is left to train on; one line.

    """
    training, held = pairs.divided(settings.validation)
    held_out = HeldOut(held, settings.precision) if settings.validation else None
    optimiser = Adam(decoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True)
    decoder.train()
    losses: list[Tensor] = []
    plateau = Plateau(settings)
    for epoch in pairs.threat.turns(loop, settings.epochs, [decoder, optimiser, generator, losses, plateau]):
        if plateau.stopped:
            continue
        losses.append(_epoch(decoder, training, settings, optimiser, plateau.factor, epoch, generator))
        if held_out is not None:
            plateau.note(held_out.error(decoder), decoder)
    plateau.finish(decoder)
    curve = torch.stack(losses).tolist()
    if not all(map(math.isfinite, curve)):
        epoch = next(number for number, loss in enumerate(curve, 1) if not math.isfinite(loss))
        raise ValueError(f"fit: found a loss that is not a number in epoch {epoch}, allowed a lower learning_rate")
    return {"loss": curve, **({"validation_loss": plateau.errors} if held_out is not None else {})}


def _epoch(
    decoder: nn.Module,
    pairs: FeatureImagePairs,
    settings: FitSettings,
    optimiser: Adam,
    factor: float,
    epoch: int,
    generator: torch.Generator,
) -> Tensor:
    """Train for one pass over the pairs, with the schedule's rate times a factor; returns the mean loss, a scalar."""
    batches = pairs.batches(settings.batch, generator)
    total = torch.zeros((), device=batches[0].device)
    for number, positions in enumerate(batches):
        rate = factor * settings.schedule.rate(epoch + number / len(batches), settings.epochs)
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
    return total / sum(map(len, batches))


@torch.no_grad()
def decode(decoder: nn.Module, features: Tensor) -> Tensor:
    """Turn features [m, *feature_shape] into images, float32 [m, C, H, W], in evaluation mode."""
    decoder.eval()
    return torch.cat([decoder(as_channels_last(part)).contiguous() for part in features.split(_DECODED_AT_ONCE)])
