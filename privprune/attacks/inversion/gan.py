"""The GAN-based attack of CEM's tables: a decoder that must also please a critic (after GMI, Zhang et al., CVPR 2020).

The released code starts its generator from the decoder of the decoding-based attack as last saved, which has been
trained on 90 % of the test set, and then scores it on the test set. That leak stands behind `leaked_start`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor, nn

from privprune.attacks.inversion.decoder import FitSettings, decoded, fit, fresh_decoder
from privprune.attacks.inversion.threat_model import AttackerData, Library, Reconstruction, ThreatModel
from privprune.models.critic import build_critic
from privprune.models.decoder import check_decoder
from privprune.settings import AtLeastOne, Count, NonNegative, Positive
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_BETAS = (0.5, 0.999)  # of both Adams, as in the released code
_SMALLEST = 4  # pixels to a side that the critic takes


@dataclass(frozen=True)
class GanSettings:
    """Settings of the GAN-based attack.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        blocks: residual blocks of the generator, a decoder; 8 in the released code.
        width: its channels, and the critic's after its first convolution; 64 in the released code.
        queries: how often each image is asked for where the wire is random; the answers are averaged.
        epochs: passes over the known records; 150 in the paper.
        batch: records per step at most; 128 in the released code.
        critic_learning_rate: 0.005 in paper and released code.
        generator_learning_rate: 0.005 in the paper, 0.0005 in the released code.
        schedule: of both learning rates.
        critic_steps: steps of the critic for one of the generator, each on a batch of its own; 10 in the released code.
        penalty: weight of the gradient penalty; 10.
        mse_weight: weight of the mean squared error against the critic's opinion; 1500 in the released code.
        leaked_start: how the generator is first fitted on 90 % of the test records, as in the released code; null
            for one that has not seen them.

    """

    attacker_data: AttackerData
    blocks: Count
    width: AtLeastOne
    queries: AtLeastOne
    epochs: AtLeastOne
    batch: AtLeastOne
    critic_learning_rate: Positive
    generator_learning_rate: Positive
    schedule: ScheduleSettings
    critic_steps: AtLeastOne
    penalty: NonNegative
    mse_weight: NonNegative
    leaked_start: FitSettings | None


class GanAttack:
    """WGAN-GP whose generator is fed with what was sent: minimise -D(G(z)) + w MSE(G(z), x).

    The generator of the last epoch is scored. History: `loss`, its mean squared error in training, and `critic`, the
    critic's distance D(x) - D(G(z)); both means over the epoch's critic steps.
    """

    limit = None

    def __init__(self, settings: GanSettings) -> None:
        self.settings = settings
        self.attacker_data = settings.attacker_data

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features that the generator cannot match, and images that are too small for the critic.

        Raises:
            ValueError: one line.

        """
        check_decoder(feature_shape, image_shape)
        if image_shape[1] < _SMALLEST:
            raise ValueError(f"found images of {image_shape[1]} pixels, allowed at least {_SMALLEST} for the critic")

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Train and invert; the generator draws first weights, batches and the penalty's places."""
        own = self.settings
        library = Library(victim, victim.known, own.queries)
        painter = fresh_decoder(library.feature_shape, victim, own.blocks, own.width, generator)
        if own.leaked_start is not None:
            fit(painter, Library(victim, victim.leak, own.queries), own.leaked_start, generator, "leak")
        critic = build_critic(victim.image_shape, width=own.width, generator=generator)
        critic = critic.to(victim.images.device).to(memory_format=torch.channels_last)
        history = _Game(own, painter, critic, library, generator).played()
        return Reconstruction(decoded(painter, victim.intercepted(own.queries)), history)


class _Game:
    """Critic against generator; what an epoch shares."""

    def __init__(
        self,
        settings: GanSettings,
        painter: nn.Module,
        critic: nn.Module,
        library: Library,
        generator: torch.Generator,
    ) -> None:
        self.settings, self.painter, self.critic = settings, painter, critic
        self.library, self.generator = library, generator
        rates = (settings.critic_learning_rate, settings.generator_learning_rate)
        self.optimisers = tuple(
            Adam(network.parameters(), lr=rate, betas=_BETAS, foreach=True)
            for network, rate in zip((critic, painter), rates, strict=True)
        )
        self.rates = rates
        self.measured: list[Tensor] = []

    def played(self) -> dict[str, list[float]]:
        """Play all epochs; returns the curves."""
        state = [self.painter, self.critic, self.optimisers, self.generator, self.measured]
        for epoch in self.library.victim.turns("game", self.settings.epochs, state):
            self.measured.append(self._epoch(epoch))
        rows = torch.stack(self.measured).T.tolist()
        return {"loss": rows[0], "critic": rows[1]}

    def _epoch(self, epoch: int) -> Tensor:
        """Pass once over the known records; returns mean squared error and the critic's distance, [2]."""
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * self.settings.schedule.rate(epoch, self.settings.epochs)
        measured = []
        batches = self.library.batches(self.settings.batch, self.generator)
        for step, positions in enumerate(batches, epoch * len(batches) + 1):
            sent, images = self.library.take(positions)
            measured.append(self._critic_step(sent, images))
            if step % self.settings.critic_steps == 0:
                # The released code draws the noise of the same images anew.
                self._painter_step(*self.library.take(positions))
        return torch.stack(measured).mean(0)

    def _critic_step(self, sent: Tensor, images: Tensor) -> Tensor:
        """Let the critic tell images from the generator's, which runs in evaluation mode as in the released code."""
        self.painter.eval()
        with torch.no_grad():
            made = self.painter(sent)
        distance = self.critic(images).mean() - self.critic(made).mean()
        loss = -distance + self.settings.penalty * self._penalty(images, made)
        self.optimisers[0].zero_grad()
        loss.backward()
        self.optimisers[0].step()
        return torch.stack([F.mse_loss(made, images), distance.detach()])

    def _penalty(self, images: Tensor, made: Tensor) -> Tensor:
        """Gradient penalty of Gulrajani et al. 2017 (arXiv 1704.00028, Eq. 3), at a random place between each pair."""
        between = torch.rand(len(images), 1, 1, 1, generator=self.generator).to(images.device)
        places = (images + between * (made - images)).requires_grad_()
        (slopes,) = torch.autograd.grad(self.critic(places).sum(), places, create_graph=True)
        penalty: Tensor = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty

    def _painter_step(self, sent: Tensor, images: Tensor) -> None:
        self.painter.train()
        made = self.painter(sent)
        loss = self.settings.mse_weight * F.mse_loss(made, images) - self.critic(made).mean()
        self.optimisers[1].zero_grad()
        loss.backward()
        self.optimisers[1].step()
