"""The decoding-based attack of CEM's tables (of ResSFL, CVPR 2022): learn to turn features back into images.

PATROL (Ding et al., WACV 2024) trains the edge against a surrogate decoder. An adaptive attacker, whom the paper is
said not to try (second-hand summary), gets that decoder's weights to start from, and undoes any scaling of channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor, nn

from privprune.attacks.inversion.threat_model import (
    AttackerData,
    Library,
    Reconstruction,
    ThreatModel,
    as_channels_last,
)
from privprune.models.decoder import Standardise, build_decoder, check_decoder, fold
from privprune.settings import AtLeastOne, Count, NonNegative, Positive
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_TOGETHER = 500  # features decoded at once


@dataclass(frozen=True)
class FitSettings:
    """How a decoder is fitted.

    Attributes:
        epochs: passes over the known records; 50 in paper and released code.
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


@dataclass(frozen=True)
class DecoderSettings:
    """Settings of the decoding-based attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        blocks: residual blocks of the decoder, see `models.decoder`; 8 in CEM.
        width: its channels; 64 in CEM.
        queries: how often each image is asked for where the wire is random; the answers are averaged.
        start: `fresh` weights, or those of the `surrogate` that the target was trained against.
        rescale: standardise each channel by the known records' features first.
        fit: how it is trained.

    """

    attacker_data: AttackerData
    blocks: Count
    width: AtLeastOne
    queries: AtLeastOne
    start: Literal["fresh", "surrogate"]
    rescale: bool
    fit: FitSettings


class DecoderAttack:
    """Train a decoder on what the target sends of known images, with fresh noise in every batch; MSE loss.

    CEM scores the decoder of the last epoch, and so does this. History: `loss`, the mean squared error of training.
    """

    limit = None

    def __init__(self, settings: DecoderSettings) -> None:
        self.settings = settings
        self.attacker_data = settings.attacker_data

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features that the decoder cannot match.

        Raises:
            ValueError: one line.

        """
        check_decoder(feature_shape, image_shape)

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; the generator draws first weights and batches."""
        own = self.settings
        library = Library(victim, victim.known, own.queries)
        decoder = self._begun(victim, library, generator)
        history = fit(decoder, library, own.fit, generator)
        return Reconstruction(decoded(decoder, victim.intercepted(own.queries)), history)

    def check_surrogate(
        self, surrogate: Mapping[str, Tensor], feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]
    ) -> None:
        """Refuse a surrogate that the decoder cannot start from.

        Raises:
            ValueError: one line: there is none, or it is of another architecture.

        """
        if self.settings.start == "fresh":
            return
        if not surrogate:
            raise ValueError("start: found surrogate against a target trained without one, allowed fresh")
        sizes = {"blocks": self.settings.blocks, "width": self.settings.width}
        wanted = build_decoder(feature_shape, image_shape, **sizes, generator=torch.Generator()).state_dict()
        shapes, found = ({name: tuple(value.shape) for name, value in one.items()} for one in (wanted, surrogate))
        if shapes != found:
            wrong = min(set(found.items()) ^ set(shapes.items()))[0]
            raise ValueError(
                f"start: found a surrogate with {wrong} of shape {found.get(wrong, 'none')}, "
                f"allowed {shapes.get(wrong, 'none')} (blocks and width of its own)"
            )

    def _begun(self, victim: ThreatModel, library: Library, generator: torch.Generator) -> nn.Sequential:
        """Build the decoder as it is before it is fitted."""
        own = self.settings
        self.check_surrogate(victim.surrogate, library.feature_shape, victim.image_shape)
        decoder = fresh_decoder(library.feature_shape, victim, own.blocks, own.width, generator)
        if own.start == "surrogate":
            decoder.load_state_dict(dict(victim.surrogate))
        if not own.rescale:
            return decoder
        scaling = Standardise(*library.moments())
        if own.start == "surrogate":
            fold(scaling, decoder)
        return nn.Sequential(scaling, decoder)


def fresh_decoder(
    feature_shape: tuple[int, ...], victim: ThreatModel, blocks: int, width: int, generator: torch.Generator
) -> nn.Sequential:
    """Build a decoder against a victim, on the device of its images."""
    decoder = build_decoder(feature_shape, victim.image_shape, blocks=blocks, width=width, generator=generator)
    return decoder.to(victim.images.device).to(memory_format=torch.channels_last)


def fit(
    decoder: nn.Module, library: Library, settings: FitSettings, generator: torch.Generator, loop: str = "fit"
) -> Mapping[str, list[float]]:
    """Fit a decoder to the pairs of a library, in a loop of that name; returns the loss per epoch."""
    optimiser = Adam(decoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True)
    decoder.train()
    losses: list[Tensor] = []
    for epoch in library.victim.turns(loop, settings.epochs, [decoder, optimiser, generator, losses]):
        batches = library.batches(settings.batch, generator)
        total = torch.zeros((), device=batches[0].device)
        for number, positions in enumerate(batches):
            rate = settings.schedule.rate(epoch + number / len(batches), settings.epochs)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * rate
            sent, images = library.take(positions)
            with torch.autocast(sent.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                made = decoder(sent)
            loss = F.mse_loss(made.float(), images)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(positions)
        losses.append(total / sum(map(len, batches)))
    return {"loss": torch.stack(losses).tolist()}


@torch.no_grad()
def decoded(decoder: nn.Module, sent: Tensor) -> Tensor:
    """Turn features [m, *feature_shape] into images, float32 [m, C, H, W], in evaluation mode."""
    decoder.eval()
    return torch.cat([decoder(as_channels_last(part)).contiguous() for part in sent.split(_TOGETHER)])
