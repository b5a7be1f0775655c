"""Regularised maximum likelihood (He et al., ACSAC 2019): optimise an image until its features match those observed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.threat_model import ThreatModel, as_channels_last
from privprune.settings import AtLeastOne, NonNegative, Positive
from privprune.training.optimisers import Adam

_INVERTED_AT_ONCE = 256  # images
_INITIAL_NOISE = 0.01  # standard deviation around mid grey


@dataclass(frozen=True)
class RmleSettings:
    """Settings of the white-box gradient attack.

    Attributes:
        steps: number of Adam steps, each on all images.
        learning_rate: in units of the image's range [0, 1].
        total_variation: weight of the image's total variation.
        queries: how often each image is transmitted where the wire is random; the features are averaged.

    """

    steps: AtLeastOne
    learning_rate: Positive
    total_variation: NonNegative
    queries: AtLeastOne


class RmleAttack(Inversion):
    """White-box attack without any images of its own ("rMLE", He et al. 2019, Section 4).

    For each image, minimise over x in [0, 1] the mean squared difference between the expected features of x and the
    observed features, divided by the variance of the observed features (our addition, so that one weight suits networks
    of any scale), plus `total_variation` times the mean squared difference of neighbouring pixels. Adam, clipped to
    [0, 1] after each step, starts from mid grey with a little noise: exact grey is an input of zeros, where ReLUs may
    have no gradient. History: none.
    """

    def __init__(self, settings: RmleSettings) -> None:
        self.settings = settings

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert all scored images in batches; the generator draws the initial images."""
        observed = threat.observed(self.settings.queries)
        unit = variance(observed)
        starts = 0.5 + _INITIAL_NOISE * torch.randn(len(observed), *threat.image_shape, generator=generator).to(
            observed.device
        )
        parts = enumerate(zip(starts.split(_INVERTED_AT_ONCE), observed.split(_INVERTED_AT_ONCE), strict=True))
        inverted = [self._inverted(f"part {number}", threat, start, part, unit) for number, (start, part) in parts]
        return Reconstruction(torch.cat(inverted))

    def _inverted(self, loop: str, threat: ThreatModel, start: Tensor, observed: Tensor, unit: Tensor) -> Tensor:
        """Return the images, float [n, C, H, W], of observed features [n, *feature_shape].

        The losses of the images are summed, not averaged, so that no image depends on the size of its batch.
        """
        images = as_channels_last(start.clone()).requires_grad_()
        optimiser = Adam([images], lr=self.settings.learning_rate)
        for _ in threat.turns(loop, self.settings.steps, [images, optimiser]):
            errors = threat.mismatch(images, observed).sum() / unit
            loss = errors + self.settings.total_variation * total_variation(images).sum()
            (images.grad,) = torch.autograd.grad(loss, images)
            optimiser.step()
            with torch.no_grad():
                images.clamp_(0, 1)
        return images.detach().contiguous()


def variance(features: Tensor) -> Tensor:
    """Variance of features [n, *feature_shape] over images and positions, averaged over channels; a scalar."""
    return features.transpose(0, 1).flatten(1).var(dim=1, correction=0).mean().clamp(min=1e-12)


def total_variation(images: Tensor) -> Tensor:
    """Mean squared difference of vertical plus of horizontal neighbours in images [n, C, H, W]; float [n]."""
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).mean(1) + across.square().flatten(1).mean(1)


METHOD = InversionAttack(
    name="rmle",
    settings=RmleSettings,
    attack=RmleAttack,
    examples=({"attack": "rmle", "steps": 2, "learning_rate": 0.05, "total_variation": 0.1, "queries": 2},),
)
