"""Only the largest features on the wire: what the released code of CEM calls `topkprune`.

That code ranks the features of a whole batch together, so that what is sent of an image depends on the images beside
it, in training as in deployment. Here each image keeps the same number of its own features, whatever its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from privprune.settings import Range


@dataclass(frozen=True)
class TopKSettings:
    """Of each image the fraction `dropped` of the features, rounded down, is sent as 0: the smallest in magnitude."""

    name: Literal["top_k"]
    dropped: Annotated[float, Range(0, 1, open_low=True, open_high=True)]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return False

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature."""
        return 0.0


class TopK(nn.Module):
    """Zero the smallest features of each image, in training and in evaluation."""

    def __init__(self, dropped: float) -> None:
        """Take the fraction."""
        super().__init__()
        self.dropped = dropped

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]; the gradient passes through those that are kept."""
        flat = features.flatten(1)
        smallest = flat.detach().abs().topk(int(self.dropped * flat.shape[1]), dim=1, largest=False, sorted=False)
        kept = torch.ones_like(flat, dtype=torch.bool).scatter(1, smallest.indices, value=False)
        return features * kept.view_as(features)


def top_k(settings: TopKSettings) -> TopK:
    """Build the wire."""
    return TopK(settings.dropped)
