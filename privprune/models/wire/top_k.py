"""Only the largest features are sent: what the released code of CEM calls `topkprune`.

That code ranks the features of a whole batch together, so that what is sent of an image depends on the other images of
its batch, in training and in deployment. Here each image's features are ranked separately.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from privprune.models.wire.method import WireMethod, WithoutRandomness
from privprune.settings import Range


@dataclass(frozen=True)
class TopKSettings(WithoutRandomness):
    """The fraction `dropped` (rounded down) of each image's features, the smallest in magnitude, is sent as 0."""

    name: Literal["top_k"]
    dropped: Annotated[float, Range(0, 1, open_low=True, open_high=True)]


class TopK(nn.Module):
    """Zero the smallest features of each image, in training and in evaluation."""

    def __init__(self, dropped: float) -> None:
        """Store the fraction of the features that is sent as 0."""
        super().__init__()
        self.dropped = dropped

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]; the gradient passes through those that are not zeroed."""
        flat = features.flatten(1)
        smallest = flat.detach().abs().topk(int(self.dropped * flat.shape[1]), dim=1, largest=False, sorted=False)
        large = torch.ones_like(flat, dtype=torch.bool).scatter(1, smallest.indices, value=False)
        return features * large.view_as(features)


def top_k(settings: TopKSettings) -> TopK:
    """Build the wire."""
    return TopK(settings.dropped)


METHOD = WireMethod(settings=TopKSettings, build=top_k, examples=({"name": "top_k", "dropped": 0.25},))
