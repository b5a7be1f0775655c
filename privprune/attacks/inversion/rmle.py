"""Regularised maximum likelihood: find the image whose features are those that were sent (He et al., ACSAC 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.inversion.threat_model import Reconstruction, ThreatModel, as_channels_last
from privprune.settings import AtLeastOne, NonNegative, Positive
from privprune.training.optimisers import Adam

_TOGETHER = 256  # images inverted at once
_NOISE = 0.01  # deviation of the start from grey


@dataclass(frozen=True)
class RmleSettings:
    """Settings of the white-box gradient attack.

    Attributes:
        steps: of Adam, on all images at once.
        learning_rate: in units of the image's range [0, 1].
        total_variation: weight of the image's roughness.
        queries: how often each image is asked for where the wire is random; the answers are averaged.

    """

    steps: AtLeastOne
    learning_rate: Positive
    total_variation: NonNegative
    queries: AtLeastOne


class RmleAttack:
    """White-box attack without any images of its own ("rMLE", He et al. 2019, Section 4).

    For each image, minimise over x in [0, 1] the mean squared difference between what would be sent of x, on average,
    and what was sent, in units of the variance of what is sent (ours: one weight then suits networks of any scale),
    plus `total_variation` times the mean squared difference of neighbouring pixels. Adam, clipped to [0, 1] after each
    step, from mid grey with a little noise: exact grey is all zeros to a network, where ReLUs may have no gradient.
    History: none.
    """

    limit = None
    attacker_data = None

    def __init__(self, settings: RmleSettings) -> None:
        self.settings = settings

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Take features of any shape."""

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert all scored images, side by side; the generator draws where they start."""
        sent = victim.intercepted(self.settings.queries)
        unit = variance(sent)
        starts = 0.5 + _NOISE * torch.randn(len(sent), *victim.image_shape, generator=generator).to(sent.device)
        parts = enumerate(zip(starts.split(_TOGETHER), sent.split(_TOGETHER), strict=True))
        made = [self._inverted(f"part {number}", victim, start, part, unit) for number, (start, part) in parts]
        return Reconstruction(torch.cat(made))

    def _inverted(self, loop: str, victim: ThreatModel, start: Tensor, sent: Tensor, unit: Tensor) -> Tensor:
        """Images [n, C, H, W] of what was sent, [n, *feature_shape]. Each image has its own loss: no mean over n."""
        images = as_channels_last(start.clone()).requires_grad_()
        optimiser = Adam([images], lr=self.settings.learning_rate)
        for _ in victim.turns(loop, self.settings.steps, [images, optimiser]):
            errors = mismatch(victim, images, sent).sum() / unit
            loss = errors + self.settings.total_variation * roughness(images).sum()
            (images.grad,) = torch.autograd.grad(loss, images)
            optimiser.step()
            with torch.no_grad():
                images.clamp_(0, 1)
        return images.detach().contiguous()


def mismatch(victim: ThreatModel, images: Tensor, sent: Tensor) -> Tensor:
    """Mean squared difference of each image's features, as sent on average, from what was sent: [n]."""
    would_be_sent = victim.expected(victim.encoder(2 * images - 1))
    return (would_be_sent - sent).square().flatten(1).mean(1)


def variance(sent: Tensor) -> Tensor:
    """Variance of what was sent, [n, *feature_shape], of each channel over images and places, mean of channels."""
    return sent.transpose(0, 1).flatten(1).var(dim=1, correction=0).mean().clamp(min=1e-12)


def roughness(images: Tensor) -> Tensor:
    """Total variation of each image: mean squared difference of neighbours, down plus across, [n]."""
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).mean(1) + across.square().flatten(1).mean(1)
