"""Training data of an inversion attack: pairs of transmitted features and the images behind them."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor

from privprune.attacks.inversion.threat_model import ThreatModel, as_channels_last

_MOST_EXAMPLES = 2_000  # from which moments of the features are computed
_LARGEST_STORE = 2 * 2**30  # bytes of features that stay in memory; more are encoded again for each batch


class FeatureImagePairs:
    """Pairs that the attacker makes by running the edge's network on images that it has.

    Features without noise are computed once and stored if they fit into memory and do not change between runs of the
    edge; the randomness of the wire is sampled anew for each batch.

    Attributes:
        feature_shape: of one image's features, (c, h, w) or (c,).

    """

    def __init__(self, threat: ThreatModel, records: Tensor, queries: int) -> None:
        """Encode the records, int64 [n], each of which is transmitted `queries` times."""
        self.threat, self._records, self._queries = threat, records, queries
        first = threat.features(records[:1])
        self.feature_shape = tuple(first.shape[1:])
        self._own = torch.arange(len(records), device=records.device)
        stored = first.numel() * first.element_size() * len(records) <= _LARGEST_STORE
        self._features = threat.features(records) if stored and not threat.random_edge else None

    def batches(self, batch: int, generator: torch.Generator) -> list[Tensor]:
        """Return the random batches of one epoch: positions int64, in parts of nearly equal size, at most `batch`."""
        order = torch.randperm(len(self._own), generator=generator).to(self._own.device)
        return list(order.tensor_split(-(-len(order) // batch)))

    def divided(self, share: float) -> tuple[Self, Self]:
        """Divide the pairs into those that are trained on and those held out, evenly spaced; both share the features.

        Args:
            share: of the pairs that are held out; at least one pair where it is above 0.

        Raises:
            ValueError: nothing would be left to train on.

        """
        count = len(self._own)
        number = max(1, round(share * count)) if share else 0
        if number >= count:
            raise ValueError(f"validation: found {share} of {count} known records, allowed fewer, or more records")
        held = torch.zeros(count, dtype=torch.bool, device=self._own.device)
        held[torch.arange(number, device=held.device) * count // max(1, number)] = True
        return self._part(~held), self._part(held)

    def _part(self, chosen: Tensor) -> Self:
        """Return some of the pairs; chosen: bool [n]."""
        part = copy.copy(self)
        vars(part)["_own"] = self._own[chosen]
        return part

    def __len__(self) -> int:
        return len(self._own)

    @property
    def device(self) -> torch.device:
        """Where the pairs are."""
        return self._own.device

    @property
    def stored(self) -> bool:
        """Whether the features without noise are in memory."""
        return self._features is not None

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs at positions, int64 [n], with noise sampled anew.

        Returns:
            features as transmitted, float32 [n, *feature_shape], and images, float32 [n, C, H, W] in [0, 1].

        """
        own = self._own[positions]
        if self._features is None:
            sent = self.threat.query(self._records[own], self._queries)
        else:
            sent = self.threat.sent(self._features[own], self._queries)
        return as_channels_last(sent), self.images(positions)

    def images(self, positions: Tensor) -> Tensor:
        """Return the images at positions, int64 [n]: float32 [n, C, H, W] in [0, 1]."""
        return as_channels_last(self.threat.targets(self._records[self._own[positions]]))

    def examples(self) -> Tensor:
        """Return what is sent of at most 2,000 of the records, evenly spaced: float32 [n, *feature_shape]."""
        step = -(-len(self._records) // _MOST_EXAMPLES)
        return self.threat.query(self._records[::step], self._queries)

    def spread(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, standard deviation and largest distance from the mean of the examples, float [c] each."""
        rows = self.examples().transpose(0, 1).flatten(1)
        mean = rows.mean(1)
        return mean, rows.std(1, correction=0), (rows - mean[:, None]).abs().amax(1)
