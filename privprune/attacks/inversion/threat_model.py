"""What an inversion attack may use: the edge device's network, the features that it transmits, and some images.

The attacker knows the defended network and what the wire does to features (white box, as in CEM, Section 3), and
builds its attack after the defence is in place. Of the images that it is scored on, it has only the features that were
transmitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.memory import images_at_once
from privprune.models.wire import AdditiveNoise, RandomWire
from privprune.training.batches import as_input

AttackerData = Literal["train", "infer"]  # the target's training records, or the first 90 % of the test records


@dataclass(frozen=True)
class ThreatModel:
    """One target and the data that an attack on it may use.

    Attributes:
        encoder: what the edge device computes, in evaluation mode: images in [-1, 1] to features without noise.
        wire: features to what is transmitted of them; it has its own source of randomness.
        random: whether two transmissions of one image differ.
        random_edge: whether they differ before the wire already, so that the edge must run for each transmission.
        share: share of each feature that a random wire transmits on average: 1 where noise is added, else less.
        images: uint8 [N, C, H, W], all records of the dataset.
        auxiliary: int64 [n], the records that the attack trains on.
        leaked: int64 [k], test records on which the released GAN attack trains by mistake; see `gan.py`.
        scored: int64 [m], the records whose features are inverted.
        surrogate: state dict of the decoder that the target was trained against; empty where there was none.
        labels: int64 [N], the class of each record, in [0, classes); used only by attacks that say so.
        classes: number of classes of the target.
        cloud: what the cloud computes of transmitted features, in evaluation mode: logits.
        checkpoints: where the attack saves the state of long training.

    """

    encoder: nn.Module
    wire: nn.Module
    random: bool
    random_edge: bool
    share: float
    images: Tensor
    auxiliary: Tensor
    leaked: Tensor
    scored: Tensor
    surrogate: Mapping[str, Tensor]
    labels: Tensor
    classes: int
    cloud: nn.Module
    checkpoints: Checkpoints = NONE

    def turns(self, loop: str, number: int, state: list[Any]) -> Iterator[int]:
        """Count the iterations of an attack's loop, from 0 or from the checkpoint of an interrupted run.

        Args:
            loop: its name, unique within the attack.
            number: of iterations.
            state: all objects that an iteration changes; the random state of encoder and wire is saved with them.

        """
        halves = (self.encoder, self.wire)
        weights = [value for half in halves for value in (*half.parameters(), *half.buffers())]
        return self.checkpoints.turns(loop, number, [*state, *halves], weights)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @torch.no_grad()
    def features(self, records: Tensor) -> Tensor:
        """Encode records, int64 [n], without noise: float32 [n, *feature_shape]."""
        parts = records.split(self.images_at_once)
        return torch.cat([self.encoder(as_input(self.images[part])).float() for part in parts])

    @property
    def images_at_once(self) -> int:
        """How many images are encoded, or converted to floating point, in one batch."""
        return images_at_once(self.images[0].shape)

    @property
    def noise(self) -> float | None:
        """Standard deviation of the noise of one transmission where independent noise is all that is random.

        None where the wire does something else at random, or the edge does.
        """
        if not self.random:
            return 0.0
        return self.wire.noise_deviation if isinstance(self.wire, AdditiveNoise) and not self.random_edge else None

    def sent(self, features: Tensor, queries: int) -> Tensor:
        """Mean of `queries` transmissions of features [n, *feature_shape]; of one where nothing is random."""
        if self.random and isinstance(self.wire, RandomWire):
            return self.wire.averaged(features, queries)
        sent: Tensor = self.wire(features)
        if not self.random:
            return sent
        for _ in range(queries - 1):
            sent = sent + self.wire(features)
        return sent / queries

    def query(self, records: Tensor, queries: int) -> Tensor:
        """Mean of `queries` transmissions of records, int64 [n]: float32 [n, *feature_shape]."""
        if not self.random_edge:
            return self.sent(self.features(records), queries)
        sent = self.sent(self.features(records), 1)
        for _ in range(queries - 1):
            sent = sent + self.sent(self.features(records), 1)
        return sent / queries

    def expected(self, features: Tensor) -> Tensor:
        """Return the expectation of what the wire transmits of features, with gradients.

        Where the edge device is random too, this is one sample of the wire instead.
        """
        sent: Tensor = self.share * features if self.random and not self.random_edge else self.wire(features)
        return sent

    def observed(self, queries: int) -> Tensor:
        """Features that the attacker observed of the scored images: mean of `queries`, float32 [m, *feature_shape]."""
        return self.query(self.scored, queries)

    def mismatch(self, images: Tensor, observed: Tensor) -> Tensor:
        """Mean squared difference between the expected features of candidate images and the observed features.

        Args:
            images: float [n, C, H, W] in [0, 1].
            observed: float [n, *feature_shape].

        Returns:
            float [n], with gradients to the images.

        """
        expected = self.expected(self.encoder(2 * images - 1))
        return (expected - observed).square().flatten(1).mean(1)

    @torch.no_grad()
    def guesses(self, sent: Tensor) -> Tensor:
        """Return the classes, int64 [n], that the cloud predicts from transmitted features [n, *feature_shape]."""
        logits: Tensor = self.cloud(sent)
        return logits.argmax(1)

    def mean_image(self, records: Tensor) -> Tensor:
        """Return the mean of the images of records, int64 [n]: float32 [C, H, W] in [0, 1]."""
        sums = [self.images[part].float().sum(0, dtype=torch.float64) for part in records.split(self.images_at_once)]
        return (torch.stack(sums).sum(0) / (255 * len(records))).float()

    def targets(self, records: Tensor) -> Tensor:
        """Return the images of records, int64 [n]: float32 [n, C, H, W] in [0, 1]."""
        return self.images[records].float() / 255


def as_channels_last(values: Tensor) -> Tensor:
    """Return maps [n, c, h, w] in the memory layout that convolutions prefer, and vectors [n, c] as they are."""
    return values.contiguous(memory_format=torch.channels_last) if values.dim() == 4 else values
