"""The GAN-based attack of CEM's tables (after GMI, Zhang et al., CVPR 2020): a decoder trained against a critic.

The released code starts its generator from the last saved decoder of the decoding-based attack, which was trained on
90 % of the test set, and then scores the generator on the test set. `leaked_start` reproduces this data leakage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import training_converged
from privprune.attacks.inversion.decoder import EXAMPLE_FIT
from privprune.attacks.inversion.decoder_training import FitSettings, decode, fit, fresh_decoder
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.plateau import (
    HeldOut,
    HeldOutShare,
    Plateau,
    check_plateau,
    doubled_patience,
    doubled_schedule,
)
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.models.critic import build_critic
from privprune.models.decoder import check_decoder
from privprune.settings import AtLeastOne, Batch, Depth, NonNegative, Positive, Repeats, Width
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_BETAS = (0.5, 0.999)  # of both Adam optimisers, as in the released code
_SMALLEST_SIDE = 4  # of the images that the critic accepts, in pixels


@dataclass(frozen=True)
class GanSettings:
    """Settings of the GAN-based attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        blocks: residual blocks of the generator, a decoder; 8 in the released code.
        width: its channels, and the critic's after its first convolution; 64 in the released code.
        queries: how often each image is transmitted where the wire is random; the features are averaged.
        epochs: passes over the attack's records; 150 in the paper.
        batch: records per step at most; 128 in the released code.
        critic_learning_rate: 0.005 in paper and released code.
        generator_learning_rate: 0.005 in the paper, 0.0005 in the released code.
        schedule: of both learning rates.
        critic_steps: steps of the critic for one of the generator, each on a batch of its own; 10 in the released code.
        penalty: weight of the gradient penalty; 10.
        mse_weight: weight of the mean squared error relative to the critic's output; 1500 in the released code.
        leaked_start: how the generator is first trained on 90 % of the test records, as in the released code; null
            for a generator that never sees them.
        validation: share of the attack's records that are held out, see `plateau.py`; 0 in the released code.
        patience: epochs without progress on them after which both rates fall, see there; null in the released code.

    """

    attacker_data: AttackerData
    blocks: Depth
    width: Width
    queries: Repeats
    epochs: AtLeastOne
    batch: Batch
    critic_learning_rate: Positive
    generator_learning_rate: Positive
    schedule: ScheduleSettings
    critic_steps: Repeats
    penalty: NonNegative
    mse_weight: NonNegative
    leaked_start: FitSettings | None
    validation: HeldOutShare
    patience: AtLeastOne | None

    def __post_init__(self) -> None:
        """Refuse a patience that nothing measures: ValueError, one line."""
        check_plateau(self)


class GanAttack(Inversion):
    """WGAN-GP whose generator takes transmitted features z: minimise -D(G(z)) + w MSE(G(z), x).

    The generator of the epoch with the lowest held-out error is scored, or that of the last epoch where no records are
    held out. History: `loss`, its mean squared error in training, and `critic`, the critic's distance D(x) - D(G(z)),
    both means over the epoch's critic steps; and `validation_loss`, its mean squared error on held-out records.
    """

    def __init__(self, settings: GanSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries

    def doubled(self) -> Self:
        """Return the same attack with twice the epochs, its start included."""
        settings, start = self.settings, self.settings.leaked_start
        return type(self)(
            replace(
                settings,
                epochs=2 * settings.epochs,
                schedule=doubled_schedule(settings.schedule),
                patience=doubled_patience(settings.patience),
                leaked_start=None if start is None else start.doubled(),
            )
        )

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features that no decoder can match, and images too small for the critic: ValueError, one line."""
        check_decoder(feature_shape, image_shape)
        if image_shape[1] < _SMALLEST_SIDE:
            raise ValueError(
                f"found images of {image_shape[1]} pixels, allowed at least {_SMALLEST_SIDE} for the critic"
            )

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; `generator` draws initial weights, batches and the points of the gradient penalty."""
        settings = self.settings
        pairs = FeatureImagePairs(threat, threat.auxiliary, settings.queries)
        decoder = fresh_decoder(pairs.feature_shape, threat, settings.blocks, settings.width, generator)
        if settings.leaked_start is not None:
            leaked = FeatureImagePairs(threat, threat.leaked, settings.queries)
            fit(decoder, leaked, settings.leaked_start, generator, "leaked start")
        critic = build_critic(threat.image_shape, width=settings.width, generator=generator)
        critic = critic.to(threat.images.device).to(memory_format=torch.channels_last)
        history = _AdversarialTraining(settings, decoder, critic, pairs, generator).run()
        return Reconstruction(decode(decoder, threat.observed(settings.queries)), history)


class _AdversarialTraining:
    """Alternating training of critic and decoder. The decoder is the GAN's generator; `generator` is for randomness."""

    def __init__(
        self,
        settings: GanSettings,
        decoder: nn.Module,
        critic: nn.Module,
        pairs: FeatureImagePairs,
        generator: torch.Generator,
    ) -> None:
        self.settings, self.decoder, self.critic = settings, decoder, critic
        self.pairs, held = pairs.divided(settings.validation)
        self.held_out = HeldOut(held, "float32") if settings.validation else None
        self.plateau, self.generator = Plateau(settings), generator
        rates = (settings.critic_learning_rate, settings.generator_learning_rate)
        self.optimisers = tuple(
            Adam(network.parameters(), lr=rate, betas=_BETAS, foreach=True)
            for network, rate in zip((critic, decoder), rates, strict=True)
        )
        self.rates = rates
        self.measured: list[Tensor] = []

    def run(self) -> dict[str, list[float]]:
        """Train to the end; returns the curves `loss`, `critic` and `validation_loss`, see `GanAttack`."""
        state = [self.decoder, self.critic, self.optimisers, self.generator, self.measured, self.plateau]
        for epoch in self.pairs.threat.turns("adversarial training", self.settings.epochs, state):
            if self.plateau.stopped:
                continue
            self.measured.append(self._epoch(epoch))
            if self.held_out is not None:
                self.plateau.note(self.held_out.error(self.decoder), self.decoder)
        self.plateau.finish(self.decoder)
        rows = torch.stack(self.measured).T.tolist()
        measured = {} if self.held_out is None else {"validation_loss": self.plateau.errors}
        return {"loss": rows[0], "critic": rows[1], **measured}

    def _epoch(self, epoch: int) -> Tensor:
        """Train for one pass over the records; returns mean squared error and the critic's distance, float [2]."""
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.plateau.factor * self.settings.schedule.rate(epoch, self.settings.epochs)
        measured = []
        batches = self.pairs.batches(self.settings.batch, self.generator)
        for step, positions in enumerate(batches, epoch * len(batches) + 1):
            sent, images = self.pairs.take(positions)
            measured.append(self._critic_step(sent, images))
            if step % self.settings.critic_steps == 0:
                # As in the released code: the same images, with noise sampled anew.
                self._decoder_step(*self.pairs.take(positions))
        return torch.stack(measured).mean(0)

    def _critic_step(self, sent: Tensor, images: Tensor) -> Tensor:
        """Train the critic for one step; the decoder runs in evaluation mode as in the released code."""
        self.decoder.eval()
        with torch.no_grad():
            decoded = self.decoder(sent)
        distance = self.critic(images).mean() - self.critic(decoded).mean()
        loss = -distance + self.settings.penalty * self._penalty(images, decoded)
        self.optimisers[0].zero_grad()
        loss.backward()
        self.optimisers[0].step()
        return torch.stack([F.mse_loss(decoded, images), distance.detach()])

    def _penalty(self, images: Tensor, decoded: Tensor) -> Tensor:
        """Gradient penalty of Gulrajani et al. 2017 (arXiv 1704.00028, Eq. 3), at a random point between each pair."""
        between = torch.rand(len(images), 1, 1, 1, generator=self.generator).to(images.device)
        points = (images + between * (decoded - images)).requires_grad_()
        (slopes,) = torch.autograd.grad(self.critic(points).sum(), points, create_graph=True)
        penalty: Tensor = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty

    def _decoder_step(self, sent: Tensor, images: Tensor) -> None:
        """Train the decoder for one step."""
        self.decoder.train()
        decoded = self.decoder(sent)
        loss = self.settings.mse_weight * F.mse_loss(decoded, images) - self.critic(decoded).mean()
        self.optimisers[1].zero_grad()
        loss.backward()
        self.optimisers[1].step()


_SCHEDULE = {"name": "constant", "milestones": [], "factor": 1.0}
_EXAMPLE = {
    "attack": "gan",
    "attacker_data": "train",
    "blocks": 0,
    "width": 8,
    "queries": 1,
    "epochs": 2,
    "batch": 10,
    "critic_learning_rate": 0.002,
    "generator_learning_rate": 0.01,
    "schedule": _SCHEDULE,
    "critic_steps": 2,
    "penalty": 10.0,
    "mse_weight": 1500.0,
    "leaked_start": None,
    "validation": 0.0,
    "patience": None,
}
METHOD = InversionAttack(
    name="gan",
    settings=GanSettings,
    attack=GanAttack,
    checks=training_converged,
    examples=(
        _EXAMPLE,
        {**_EXAMPLE, "leaked_start": {**EXAMPLE_FIT, "epochs": 1}},
        {**_EXAMPLE, "validation": 0.1, "patience": 1},
    ),
)
