"""Deep image prior: an untrained network paints the image whose features were sent (Ulyanov et al., CVPR 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.inversion.rmle import mismatch
from privprune.attacks.inversion.threat_model import Reconstruction, ThreatModel
from privprune.models.decoder import build_decoder
from privprune.settings import AtLeastOne, Count, Positive
from privprune.training.optimisers import Adam

_NOISE_CHANNELS = 32  # of the fixed input, as Ulyanov et al. have it
_NOISE_SCALE = 0.1  # it is drawn from U(0, 0.1), as theirs


@dataclass(frozen=True)
class DeepPriorSettings:
    """Settings of the attack; each image costs a training of its own.

    Attributes:
        images: how many images are inverted at most: of those that the panel shows, evenly spaced.
        blocks: residual blocks of the network that paints, a decoder (`models.decoder`).
        width: its channels.
        steps: of Adam, for each image.
        learning_rate: of Adam; 0.01 in Ulyanov et al.
        queries: how often each image is asked for where the wire is random; the answers are averaged.

    """

    images: AtLeastOne
    blocks: Count
    width: AtLeastOne
    steps: AtLeastOne
    learning_rate: Positive
    queries: AtLeastOne


class DeepPriorAttack:
    """White-box attack: for each image minimise over w the mismatch of G_w(u) with what was sent.

    u is noise that stays fixed, G an untrained decoder whose convolutions prefer natural images; no other penalty. The
    network is one without skip connections, simpler than Ulyanov's hourglass. History: none.
    """

    attacker_data = None

    def __init__(self, settings: DeepPriorSettings) -> None:
        self.settings = settings
        self.limit = settings.images

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Take features of any shape."""

    def __call__(self, victim: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert the scored images one after another; the generator draws networks and their inputs."""
        sent = victim.intercepted(self.settings.queries)
        images = enumerate(sent.split(1))
        made = [self._inverted(f"image {number}", victim, one, generator) for number, one in images]
        return Reconstruction(torch.cat(made))

    def _inverted(self, loop: str, victim: ThreatModel, sent: Tensor, generator: torch.Generator) -> Tensor:
        """One image [1, C, H, W] of what was sent, [1, *feature_shape]."""
        own, height = self.settings, victim.image_shape[1]
        side = next(height // times for times in (4, 2, 1) if height % times == 0)
        shape = (_NOISE_CHANNELS, side, side)
        painter = build_decoder(shape, victim.image_shape, blocks=own.blocks, width=own.width, generator=generator)
        painter = painter.to(sent.device).to(memory_format=torch.channels_last)
        noise = (_NOISE_SCALE * torch.rand(1, *shape, generator=generator)).to(sent.device)
        optimiser = Adam(painter.parameters(), lr=own.learning_rate, foreach=True)
        for _ in victim.turns(loop, own.steps, [painter, optimiser, generator]):
            loss = mismatch(victim, painter(noise), sent).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():  # in training mode still: the one image's statistics are its own
            made: Tensor = painter(noise)
        return made.contiguous()
