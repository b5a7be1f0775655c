"""What an inversion attacker has and gives: the edge device's network, the features it sends, the images behind them.

The attacker knows the defended network and what happens on its wire (white box, as in CEM, section 3), and starts anew
against it. What he knows of the images that he is scored on are the features that were sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.training.batches import as_input

AttackerData = Literal["train", "infer"]  # the target's training records, or 90 % of the test records

_PIXELS_AT_ONCE = 6_200_000  # values of the images encoded at once: 2000 of CIFAR
_RECORDS_OF_MOMENTS = 2_000
_STORED = 2 * 2**30  # bytes of features that are kept; more are encoded batch by batch


@dataclass(frozen=True)
class ThreatModel:
    """One target and its data.

    Attributes:
        encoder: what the edge device computes, in evaluation mode: images in [-1, 1] to noise-free features.
        wire: features to what is sent of them; its randomness is its own.
        random: whether two queries with one image differ.
        random_edge: whether they do before the wire already, so that the edge must run for each.
        share: of each feature that a random wire lets through on average: 1 where noise is added, else less.
        images: uint8 [N, C, H, W], all records.
        known: int64 [n], the records that an attacker trains on.
        leak: int64, test records that the released GAN attack has seen by accident; see `gan`.
        scored: int64 [m], the records whose features are inverted.
        surrogate: state dict of the decoder that the target was trained against; empty where there was none.
        checkpoints: where an attack's own long work is kept on its way.

    """

    encoder: nn.Module
    wire: nn.Module
    random: bool
    random_edge: bool
    share: float
    images: Tensor
    known: Tensor
    leak: Tensor
    scored: Tensor
    surrogate: Mapping[str, Tensor]
    checkpoints: Checkpoints = NONE

    def turns(self, loop: str, number: int, state: list[Any]) -> Iterator[int]:
        """Count the turns of an attack's loop, which are kept with the state and with what the victim draws from.

        Args:
            loop: its name.
            number: of turns.
            state: all that a turn changes.

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
        together = max(1, _PIXELS_AT_ONCE // self.images[0].numel())
        return torch.cat([self.encoder(as_input(self.images[part])).float() for part in records.split(together)])

    def sent(self, features: Tensor, queries: int) -> Tensor:
        """Mean of what the wire sends of features when they are sent `queries` times; once if nothing is random."""
        sent: Tensor = self.wire(features)
        if not self.random:
            return sent
        for _ in range(queries - 1):
            sent = sent + self.wire(features)
        return sent / queries

    def asked(self, records: Tensor, queries: int) -> Tensor:
        """Return what is sent of records, int64 [n]: float32 [n, *feature_shape], mean of `queries` each."""
        if not self.random_edge:
            return self.sent(self.features(records), queries)
        sent = self.sent(self.features(records), 1)
        for _ in range(queries - 1):
            sent = sent + self.sent(self.features(records), 1)
        return sent / queries

    def expected(self, features: Tensor) -> Tensor:
        """Return what the wire sends of features on average, with gradients; one draw where the edge draws, too."""
        sent: Tensor = self.share * features if self.random and not self.random_edge else self.wire(features)
        return sent

    def intercepted(self, queries: int) -> Tensor:
        """Return what was sent of the scored images: float32 [m, *feature_shape], mean of `queries` each."""
        return self.asked(self.scored, queries)

    def targets(self, records: Tensor) -> Tensor:
        """Return the images behind features: float32 [n, C, H, W] in [0, 1]."""
        return self.images[records].float() / 255


class Library:
    """Pairs of features and images that the attacker makes himself.

    The edge runs once where memory allows and its features are always the same.
    """

    def __init__(self, victim: ThreatModel, records: Tensor, queries: int) -> None:
        """Encode the records, int64 [n]."""
        self.victim, self._records, self._queries = victim, records, queries
        first = victim.features(records[:1])
        self.feature_shape = tuple(first.shape[1:])
        stored = first.numel() * first.element_size() * len(records) <= _STORED
        self._features = victim.features(records) if stored and not victim.random_edge else None

    def batches(self, batch: int, generator: torch.Generator) -> list[Tensor]:
        """Draw one epoch in random order: positions in parts of nearly equal size, `batch` at most."""
        order = torch.randperm(len(self._records), generator=generator).to(self._records.device)
        return list(order.tensor_split(-(-len(order) // batch)))

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is sent of some records, with noise drawn anew, and their images in [0, 1]."""
        records = self._records[positions]
        if self._features is None:
            sent = self.victim.asked(records, self._queries)
        else:
            sent = self.victim.sent(self._features[positions], self._queries)
        return as_channels_last(sent), as_channels_last(self.victim.targets(records))

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each channel of what is sent, [channels], over some of the records."""
        step = -(-len(self._records) // _RECORDS_OF_MOMENTS)
        rows = self.victim.asked(self._records[::step], self._queries).transpose(0, 1).flatten(1)
        return rows.mean(1), rows.std(1, correction=0)


def as_channels_last(values: Tensor) -> Tensor:
    """Lay out maps [n, c, h, w] as convolutions like them; leave vectors alone."""
    return values.contiguous(memory_format=torch.channels_last) if values.dim() == 4 else values


@dataclass(frozen=True)
class Reconstruction:
    """What an attack made of the features of the scored images.

    Attributes:
        images: float32 [m, C, H, W] in [0, 1].
        history: curves of the attack's own training, one number per epoch.

    """

    images: Tensor
    history: Mapping[str, list[float]] = field(default_factory=dict)


class Inversion(Protocol):
    """A model inversion attack: settings in the constructor, data in the call, images out."""

    @property
    def attacker_data(self) -> AttackerData | None:
        """What it trains on; None for an attack that trains on no images."""
        ...

    @property
    def limit(self) -> int | None:
        """How many images it inverts at most; None where any number is fine."""
        ...

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features that it cannot invert.

        Raises:
            ValueError: one line.

        """
        ...

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert the features of `victim.scored`; the generator (of the CPU) is the only source of randomness."""
        ...
