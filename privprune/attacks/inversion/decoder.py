"""The decoding-based attack of CEM's tables (from ResSFL, Li et al., CVPR 2022): train a decoder of the features.

PATROL (Ding et al., WACV 2024) trains the edge against a surrogate decoder. An adaptive attacker, which that paper is
said not to evaluate (we know its text at second hand), starts from that decoder's weights and undoes any scaling of
channels: `start: surrogate` and `rescale: true`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor, nn

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import training_converged
from privprune.attacks.inversion.decoder_training import FitSettings, decode, fit, fresh_decoder
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.models.decoder import DecoderSize, Standardise, build_decoder, check_decoder, fold
from privprune.settings import Depth, Repeats, Width


@dataclass(frozen=True)
class DecoderSettings:
    """Settings of the decoding-based attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        blocks: residual blocks of the decoder, see `models.decoder`; 8 in CEM.
        width: its channels; 64 in CEM.
        queries: how often each image is transmitted where the wire is random; the features are averaged.
        start: `fresh` weights, or those of the `surrogate` that the target was trained against.
        rescale: standardise and clip each channel with the statistics of the attack's own features first.
        fit: how the decoder is trained.

    """

    attacker_data: AttackerData
    blocks: Depth
    width: Width
    queries: Repeats
    start: Literal["fresh", "surrogate"]
    rescale: bool
    fit: FitSettings


class DecoderAttack(Inversion):
    """Train a decoder on transmitted features of the attack's images, with fresh noise in every batch; MSE loss.

    The decoder of the best epoch by held-out records is scored, or that of the last epoch, as in CEM, where none are
    held out. History: `loss`, the mean squared error of training, and `validation_loss`, that on held-out records.

    A decoder that starts from the surrogate has the budget of a fresh one: as many epochs of the same batches. What the
    target's own game spent on the surrogate is what the target's owner gave away, not the attacker's.
    """

    def __init__(self, settings: DecoderSettings) -> None:
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
        decoder, history = self.trained(threat, generator)
        return Reconstruction(decode(decoder, threat.observed(self.settings.queries)), history)

    def trained(self, threat: ThreatModel, generator: torch.Generator) -> tuple[nn.Module, Mapping[str, list[float]]]:
        """Return the trained decoder and the curves of its training; arguments as for the attack."""
        settings = self.settings
        pairs = FeatureImagePairs(threat, threat.auxiliary, settings.queries)
        decoder = self.initial_decoder(threat, pairs, generator)
        return decoder, fit(decoder, pairs, settings.fit, generator)

    @property
    def surrogate_size(self) -> DecoderSize | None:
        """Size of its own decoder where it starts from a surrogate."""
        settings = self.settings
        return DecoderSize(settings.blocks, settings.width) if settings.start == "surrogate" else None

    def check_surrogate(
        self, surrogate: Mapping[str, Tensor], feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]
    ) -> None:
        """Refuse a surrogate that is missing or differs from the attack's decoder: ValueError, one line."""
        size = self.surrogate_size
        if size is None:
            return
        if not surrogate:
            raise ValueError("start: found surrogate against a target trained without one, allowed fresh")
        expected = build_decoder(feature_shape, image_shape, **size._asdict(), generator=torch.Generator()).state_dict()
        allowed, found = ({name: tuple(value.shape) for name, value in one.items()} for one in (expected, surrogate))
        if allowed != found:
            wrong = min(set(found.items()) ^ set(allowed.items()))[0]
            raise ValueError(
                f"start: found a surrogate with {wrong} of shape {found.get(wrong, 'none')}, "
                f"allowed {allowed.get(wrong, 'none')} (blocks and width of its own)"
            )

    def initial_decoder(
        self, threat: ThreatModel, pairs: FeatureImagePairs, generator: torch.Generator
    ) -> nn.Sequential:
        """Build the decoder as it is before training.

        Raises:
            ValueError: the surrogate that it should start from is missing or has another architecture.

        """
        settings = self.settings
        self.check_surrogate(threat.surrogate, pairs.feature_shape, threat.image_shape)
        decoder = fresh_decoder(pairs.feature_shape, threat, settings.blocks, settings.width, generator)
        if settings.start == "surrogate":
            decoder.load_state_dict(dict(threat.surrogate))
        if not settings.rescale:
            return decoder
        scaling = Standardise(*pairs.spread())
        if settings.start == "surrogate":
            fold(scaling, decoder)
        return nn.Sequential(scaling, decoder)


EXAMPLE_FIT: dict[str, object] = {
    "epochs": 2,
    "batch": 20,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "schedule": {"name": "cosine", "milestones": [], "factor": 1.0},
    "precision": "float32",
    "validation": 0.0,
    "patience": None,
}
EXAMPLE_DECODER: dict[str, object] = {
    "attacker_data": "train",
    "blocks": 0,
    "width": 16,
    "queries": 2,
    "rescale": False,
    "fit": EXAMPLE_FIT,
}
EXAMPLE: dict[str, object] = {"attack": "decoder", "start": "fresh", **EXAMPLE_DECODER}
_TO_A_PLATEAU = {
    **EXAMPLE_FIT,
    "epochs": 4,
    "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
    "validation": 0.2,
    "patience": 1,
}
METHOD = InversionAttack(
    name="decoder",
    settings=DecoderSettings,
    attack=DecoderAttack,
    checks=training_converged,
    examples=(EXAMPLE, {**EXAMPLE, "attacker_data": "infer", "rescale": True}, {**EXAMPLE, "fit": _TO_A_PLATEAU}),
)
