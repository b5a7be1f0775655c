"""Threat models whose inversion is known: they transmit the image itself, nothing, or the image with noise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privprune.attacks.inversion import ThreatModel

CLASSES = 3
CONSTANT = {"name": "constant", "milestones": [], "factor": 1.0}
COSINE = {**CONSTANT, "name": "cosine"}
FIT = {
    "epochs": 30,
    "batch": 20,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "schedule": COSINE,
    "precision": "float32",
    "validation": 0.0,
    "patience": None,
}


class Constant(nn.Module):
    """Features without information."""

    def forward(self, images: Tensor) -> Tensor:
        """Send zeros of the images' shape."""
        return torch.zeros_like(images)


class Cloud(nn.Module):
    """A class for every answer, from the mean of the features."""

    def forward(self, sent: Tensor) -> Tensor:
        """Return logits [n, 3]."""
        mean = sent.flatten(1).mean(1, keepdim=True)
        return -(mean - torch.linspace(-0.5, 0.5, CLASSES)).abs()


class Noise(nn.Module):
    """Noise of deviation 0.5 on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = torch.Generator().manual_seed(3)

    def forward(self, features: Tensor) -> Tensor:
        """Send noisy features."""
        return features + 0.5 * torch.randn(features.shape, generator=self.draws)


class Recording(nn.Module):
    """The identity, which records the images that it has processed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """Send the images."""
        self.seen += list(images)
        return images


def pictures(count: int = 120, size: int = 8) -> Tensor:
    """Return smooth coloured pictures with black and white parts, uint8 [count, 3, size, size], all different."""
    coarse = torch.rand(count, 3, 3, 3, generator=torch.Generator().manual_seed(1)) * 1.6 - 0.3
    smooth = nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=True)
    return (smooth.clamp(0, 1) * 255).to(torch.uint8)


def threat_model(
    encoder: nn.Module | None = None,
    wire: nn.Module | None = None,
    share: float = 1.0,
    surrogate: Mapping[str, Tensor] | None = None,
    **changed: Tensor,
) -> ThreatModel:
    """Return a threat model with 100 auxiliary and 20 scored records."""
    records = {
        "images": pictures(),
        "auxiliary": torch.arange(100),
        "leaked": torch.arange(90, 118),
        "scored": torch.arange(100, 120),
        "labels": torch.arange(len(changed.get("images", pictures()))) % CLASSES,
    }
    return ThreatModel(
        encoder=encoder or nn.Identity(),
        wire=wire or nn.Identity(),
        random=wire is not None,
        random_edge=False,
        share=share,
        surrogate=surrogate or {},
        classes=CLASSES,
        cloud=Cloud(),
        **{**records, **changed},
    )
