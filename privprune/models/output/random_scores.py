"""Answers with the scores of random images, in the order of the record's classes: the last part of HAMP.

Chen and Pattabiraman (NDSS 2024, arXiv 2307.01610): the scores of an answer say nothing of the record but how its
classes are ordered, so the predicted class and the accuracy stay the same. A deviation: the paper draws a new random
image for each query. Here some are drawn once for each network, and the order of the classes, which is answered anyway,
decides whose scores are taken. So equal queries have equal answers, an answer does not depend on the queries beside it,
and the layer can be exported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from privprune.models.output.method import OutputLayer, OutputMethod
from privprune.settings import AtLeastOne

_AT_ONCE = 250  # random images in one forward pass; it affects memory only


@dataclass(frozen=True)
class RandomScoresSettings:
    """How many random images a network has; the scores of each are one possible answer."""

    name: Literal["random_scores"]
    samples: AtLeastOne


class RandomScores(OutputLayer):
    """Replace the scores of a record by those of a random image, without changing the order of its classes."""

    scores: Tensor
    multipliers: Tensor

    def __init__(self, samples: int, classes: int) -> None:
        """Reserve the buffers.

        Args:
            samples: number of random images.
            classes: number of logits.

        """
        super().__init__()
        self.register_buffer("scores", torch.zeros(samples, classes))  # of each image, from the largest down
        self.register_buffer("multipliers", torch.zeros(classes, dtype=torch.int64))  # order of classes -> image

    @torch.no_grad()
    def fit(self, network: nn.Module, image_shape: tuple[int, int, int], generator: torch.Generator) -> None:
        """Query the network with images whose pixels are uniform on 0, ..., 255."""
        samples, classes = self.scores.shape
        device = self.scores.device
        pixels = torch.randint(256, (samples, *image_shape), generator=generator)
        images = pixels.to(device, torch.float32) / 127.5 - 1
        logits = torch.cat([network(part).float() for part in images.split(_AT_ONCE)])
        ranked = logits.sort(dim=1, descending=True).values
        # One class must be the largest: where two are equal, the first in the order would not stay the prediction.
        above = torch.nextafter(ranked[:, 1], torch.full_like(ranked[:, 1], torch.inf))
        ranked[:, 0] = torch.maximum(ranked[:, 0], above)
        self.scores.copy_(ranked)
        self.multipliers.copy_(torch.randint(samples, (classes,), generator=generator))

    def forward(self, logits: Tensor) -> Tensor:
        """Answer with scores [batch, classes] of random images; the gradient does not pass."""
        predicted = logits.argmax(dim=1, keepdim=True)
        # Infinite, so that the predicted class comes first also where logits are equal; ONNX has no stable sort.
        first = logits.scatter(1, predicted, torch.full_like(predicted, torch.inf, dtype=logits.dtype))
        order = first.sort(dim=1, descending=True).indices
        scores = self.scores[(order * self.multipliers).sum(1) % self.scores.shape[0]]
        return torch.zeros_like(scores).scatter(1, order, scores)


def random_scores(settings: RandomScoresSettings, classes: int) -> RandomScores:
    """Build the layer."""
    return RandomScores(settings.samples, classes)


METHOD = OutputMethod(
    settings=RandomScoresSettings,
    build=random_scores,
    examples=({"name": "random_scores", "samples": 50},),
)
