"""A class-conditional decoder: it is given the class of each image beside the features that were sent of it.

The cloud computes a class from what it receives, so an attacker there knows at least that one. The class is embedded as
a map beside the features, as conditional generators take it (Mirza and Osindero 2014, arXiv 1411.1784).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor, nn

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import training_converged
from privprune.attacks.inversion.decoder import EXAMPLE_DECODER
from privprune.attacks.inversion.decoder_training import FitSettings, decode, fit, fresh_decoder
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel, as_channels_last
from privprune.models.decoder import Standardise, check_decoder
from privprune.settings import Depth, Repeats, Width


@dataclass(frozen=True)
class ClassDecoderSettings:
    """Settings of the class-conditional decoder.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        label: which class it is given: the one that the cloud predicts, `guess`, or the `true` one.
        embedding: channels of the map into which the class is embedded.
        blocks: residual blocks of the decoder, see `models.decoder`.
        width: its channels.
        queries: how often each image is transmitted where the wire is random; the features are averaged, and the cloud
            predicts from their mean.
        rescale: standardise and clip each channel with the statistics of the attack's own features first.
        fit: how the decoder is trained.

    """

    attacker_data: AttackerData
    label: Literal["guess", "true"]
    embedding: Width
    blocks: Depth
    width: Width
    queries: Repeats
    rescale: bool
    fit: FitSettings


class ClassDecoderAttack(Inversion):
    """Train a decoder on transmitted features and classes of the attack's images; MSE loss. History as of `decoder`."""

    def __init__(self, settings: ClassDecoderSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries

    def doubled(self) -> Self:
        """Return the same attack with twice the epochs."""
        return type(self)(replace(self.settings, fit=self.settings.fit.doubled()))

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features from which no decoder reaches the size of the images: ValueError, one line."""
        check_decoder(feature_shape, image_shape)

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; the generator draws initial weights and batches."""
        settings = self.settings
        pairs = _PairsWithClasses(threat, threat.auxiliary, settings.queries, settings.label)
        channels, *places = pairs.feature_shape
        shape = (channels + settings.embedding, *places)
        embedding = torch.randn(threat.classes, settings.embedding, generator=generator)
        inner = fresh_decoder(shape, threat, settings.blocks, settings.width, generator)
        scaling = Standardise(*pairs.spread()) if settings.rescale else nn.Identity()
        decoder = _ClassConditional(scaling, embedding.to(threat.images.device), inner)
        history = fit(decoder, pairs, settings.fit, generator)
        observed = threat.observed(settings.queries)
        classes = _classes(threat, threat.scored, observed, settings.label)
        return Reconstruction(decode(decoder, _with_class(observed, classes)), history)


class _PairsWithClasses(FeatureImagePairs):
    """Pairs of an image and its transmitted features, with the class in one more channel."""

    def __init__(self, threat: ThreatModel, records: Tensor, queries: int, label: Literal["guess", "true"]) -> None:
        super().__init__(threat, records, queries)
        self._label: Literal["guess", "true"] = label

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return features with the class of each image, and the images."""
        sent, images = super().take(positions)
        classes = _classes(self.threat, self._records[self._own[positions]], sent, self._label)
        return as_channels_last(_with_class(sent, classes)), images


def _classes(threat: ThreatModel, records: Tensor, sent: Tensor, label: Literal["guess", "true"]) -> Tensor:
    """Return the class of each record that the attacker is given, int64 [n]."""
    return threat.guesses(sent) if label == "guess" else threat.labels[records]


def _with_class(sent: Tensor, classes: Tensor) -> Tensor:
    """Append a channel that holds the number of the class at every place."""
    return torch.cat([sent, classes.to(sent).view(-1, 1, *[1] * (sent.dim() - 2)).expand_as(sent[:, :1])], dim=1)


class _ClassConditional(nn.Module):
    """Replaces the number of the class, in the last channel, by its embedding, and decodes."""

    def __init__(self, scaling: nn.Module, embedding: Tensor, decoder: nn.Module) -> None:
        """Store the parts; embedding: float [classes, channels], its first values."""
        super().__init__()
        self.scaling, self.decoder = scaling, decoder
        self.embedding = nn.Parameter(embedding)

    def forward(self, given: Tensor) -> Tensor:
        """Map features with a class, [n, c + 1, ...], to images [n, C, H, W]."""
        features, number = given[:, :-1], given[:, -1].flatten(1)[:, 0] if given.dim() == 4 else given[:, -1]
        embedded = self.embedding[number.long()].view(len(given), -1, *[1] * (given.dim() - 2))
        embedded = embedded.expand(-1, -1, *given.shape[2:])
        images: Tensor = self.decoder(torch.cat([self.scaling(features), embedded], dim=1))
        return images


_EXAMPLE = {
    **EXAMPLE_DECODER,
    "attack": "class_decoder",
    "label": "guess",
    "embedding": 2,
}
METHOD = InversionAttack(
    name="class_decoder",
    settings=ClassDecoderSettings,
    attack=ClassDecoderAttack,
    checks=training_converged,
    needs_classes=True,
    examples=(_EXAMPLE, {**_EXAMPLE, "label": "true", "rescale": True}),
)
