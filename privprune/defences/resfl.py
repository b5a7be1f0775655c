"""ResSFL (Li et al., CVPR 2022, arXiv 2205.04007): an encoder trained against a decoder that learns to invert it.

It is a row of CEM's tables (arXiv 2503.00383) and, with more noise on the wire, their `Noise_ARL`. The game is that of
CEM's released code: decoder `res_normN4C64`, Adam at 0.001, its rate times 0.2 at the epochs 60, 150, 240 and 260 of
240 (30, 60 and 90 of 120), one decoder step per batch, SSIM threshold 0.5 (0.6 on FaceScrub and Tiny-ImageNet), SSIM
with zeros beyond the edges of images. There are two differences from that code:

* the decoder's step comes after the encoder's, not before, so the encoder's loss uses a decoder that has not just been
  fitted to the same batch;
* their code first fits the decoder for 30 epochs to 90 % of the test images. As a defence here never uses a test
  record, `pretraining` uses the training records, and is optional.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from privprune.checks import Check, check
from privprune.defences.at_the_cut import edge_parameters, features_of, require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.gradient_share import gradient_share, share_check
from privprune.defences.method import DefenceMethod, DefendedCell, check_weight
from privprune.errors import UserError
from privprune.metrics.image_quality import mse, ssim
from privprune.models.decoder import DecoderSize, build_decoder, check_decoder
from privprune.settings import AtLeastOne, Batch, Depth, Fraction, NonNegative, Positive, Repeats, Width
from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import ScheduleSettings, Step, Term
from privprune.training.optimisers import Adam
from privprune.training.trained import Trained

ADVANTAGE = "decoder_over_mean_image_before_game"  # the metric of the decoder before the first step
_JUDGED = 500  # training records that it is measured on, evenly spaced among all


@dataclass(frozen=True)
class PretrainingSettings:
    """Pretraining of the decoder, by mean squared error, on the features of the encoder before its training.

    Attributes:
        epochs: passes over the training records, without augmentation; 30 in the released code.
        batch: images per step; 256 in the released code.
        final_learning_rate: end of a half cosine that starts at the decoder's rate; 0.00001 in the released code.

    """

    epochs: AtLeastOne
    batch: Batch
    final_learning_rate: NonNegative


@dataclass(frozen=True)
class GameSettings:
    """The game between encoder and decoder.

    Attributes:
        weight: s, the weight of the game in the encoder's loss.
        loss: the quality of reconstructions that the decoder improves and the encoder worsens: `ssim`, or `mse`.
        threshold: quality beyond which the encoder's loss is zero. The loss is s * (SSIM - threshold) above this SSIM,
            or s * (threshold - MSE) below this error, which without a cap could grow without end.
        attack_steps: steps of the decoder per step of the encoder.
        learning_rate: of the decoder (Adam).
        schedule: of that rate, over the epochs of the training.
        blocks: number of residual blocks of the decoder; N of `res_normN4C64`.
        width: number of its channels; C.
        pretraining: of the decoder; null for a decoder that starts from random weights.

    """

    weight: NonNegative
    loss: Literal["ssim", "mse"]
    threshold: Fraction
    attack_steps: Repeats
    learning_rate: Positive
    schedule: ScheduleSettings
    blocks: Depth
    width: Width
    pretraining: PretrainingSettings | None


@dataclass(frozen=True)
class ResSflSettings(GameSettings):
    """The settings of ResSFL, which are those of the game."""

    name: Literal["resfl"]


class ResSfl(Term):
    """The decoder, as a term of the encoder's loss."""

    def __init__(self, settings: GameSettings, context: DefenceContext) -> None:
        """Store the records and the generator; `start` builds the decoder, when the features' shape is known."""
        self._settings = settings
        self._context = context
        self._generator = context.generators[0]
        self._decoder: nn.Module
        self._optimiser: Adam
        self._losses: list[Tensor] = []
        self._pretrained = 0
        self._share = torch.full((1,), math.nan, device=context.images.device)
        self._advantage: Tensor | None = None

    def start(self, ensemble: Ensemble) -> None:
        """Build the decoder.

        Raises:
            UserError: no decoder leads from the shape of the features to that of the images.

        """
        images = self._context.images
        features = self._noise_free(ensemble, as_input(images[:1]))
        channels, height, width = images.shape[1:]
        try:
            decoder = build_decoder(
                tuple(features.shape[1:]),
                (channels, height, width),
                blocks=self._settings.blocks,
                width=self._settings.width,
                generator=self._generator,
            )
        except ValueError as mismatch:
            raise UserError(f"resfl: {mismatch}") from None
        self._decoder = decoder.to(images.device).to(memory_format=torch.channels_last)
        self._optimiser = Adam(self._decoder.parameters(), lr=self._settings.learning_rate, foreach=True)

    @property
    def warm_ups(self) -> int:
        """Number of epochs of pretraining."""
        return 0 if self._settings.pretraining is None else self._settings.pretraining.epochs

    def warm_up(self, ensemble: Ensemble) -> None:
        """Pretrain the decoder for one epoch; the encoder does not change."""
        settings, members = self._settings.pretraining, self._context.members[0]
        assert settings is not None  # noqa: S101 (else there is no warm-up)
        share = 0.5 * (1 + math.cos(math.pi * self._pretrained / settings.epochs))
        last = settings.final_learning_rate
        self._set_rate(last + (self._settings.learning_rate - last) * share)
        order = torch.randperm(members.numel(), generator=self._generator).to(members.device)
        for places in order.split(settings.batch):
            inputs = as_input(self._context.images[members[places]])
            self._learn(self._noise_free(ensemble, inputs), inputs, "mse")
        self._pretrained += 1

    def penalty(self, step: Step) -> Tensor:
        """Return s * max(0, SSIM - threshold), with the batch's mean SSIM, or s * max(0, threshold - MSE)."""
        if self._advantage is None:
            self._advantage = self._over_mean_image(step.ensemble)
        self._decoder.eval().requires_grad_(requires_grad=False)
        loss = _loss(self._decoded(features_of(step)), step.inputs, self._settings.loss)
        margin = self._settings.threshold if self._settings.loss == "mse" else -self._settings.threshold
        penalty = self._settings.weight * (margin - loss).clamp(min=0)
        if step.last_of_epoch:
            self._share = gradient_share(penalty, step, edge_parameters(step.ensemble))
        return penalty

    def update(self, step: Step) -> None:
        """Train the decoder on this batch's features, computed without noise and in evaluation mode."""
        rate = self._settings.schedule.rate(step.epoch, self._context.epochs)
        self._set_rate(self._settings.learning_rate * rate)
        features = self._noise_free(step.ensemble, step.inputs)
        for _ in range(self._settings.attack_steps):
            self._losses.append(self._learn(features, step.inputs, self._settings.loss))

    @torch.no_grad()
    def _over_mean_image(self, ensemble: Ensemble) -> Tensor:
        """Return how much better than the mean image the decoder does before the game, a scalar.

        With the mean squared error, 1 - its error / that of the mean image; with SSIM, the difference of the two.
        """
        members = self._context.members[0]
        inputs = as_input(self._context.images[members[:: math.ceil(len(members) / _JUDGED)]])
        mean = (inputs.mean(0) + 1) / 2
        decoded = self._decoder.eval()(self._noise_free(ensemble, inputs)).float()
        found, trivial = (_loss(images, inputs, self._settings.loss) for images in (decoded, mean.expand_as(inputs)))
        return 1 - found / trivial if self._settings.loss == "mse" else trivial - found

    def _learn(self, features: Tensor, inputs: Tensor, loss: Literal["ssim", "mse"]) -> Tensor:
        """Take one step of the decoder, and return its loss before the step."""
        self._decoder.train().requires_grad_(requires_grad=True)
        value = _loss(self._decoded(features), inputs, loss)
        self._optimiser.zero_grad()
        value.backward()
        self._optimiser.step()
        return value.detach()

    def _decoded(self, features: Tensor) -> Tensor:
        """Run the decoder in the precision of the training; returns images in [0, 1], float32."""
        with self._precision():
            images: Tensor = self._decoder(features)
        return images.float()

    @torch.no_grad()
    def _noise_free(self, ensemble: Ensemble, inputs: Tensor) -> Tensor:
        """Return the features in evaluation mode, float32, and set the network back to training mode."""
        ensemble.train(mode=False)
        with self._precision():
            features = ensemble.encode(inputs).float()
        ensemble.train()
        return features

    def _precision(self) -> torch.autocast:
        low = self._context.precision == "bfloat16"
        return torch.autocast(self._context.images.device.type, torch.bfloat16, enabled=low)

    def _set_rate(self, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def surrogate(self) -> dict[str, Tensor]:
        """Return the decoder's current state dict, copied to the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self._decoder.state_dict().items()}

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean quality of the decoder's reconstructions of its training batches over the epoch: [1].

        And the share of the game in the gradient of the edge, in the last step of the epoch.
        """
        mean, self._losses = torch.stack(self._losses).mean()[None], []
        quality = {"decoder_mse": mean} if self._settings.loss == "mse" else {"decoder_ssim": -mean}
        return {**quality, "game_gradient_share": self._share}

    def measured(self) -> dict[str, list[float]]:
        """Return how much better than the mean image the decoder was before the game; none before the first step."""
        return {} if self._advantage is None else {ADVANTAGE: [float(self._advantage)]}


def _loss(decoded: Tensor, inputs: Tensor, loss: Literal["ssim", "mse"]) -> Tensor:
    """Return the decoder's loss over a batch, a scalar; decoded images in [0, 1], inputs in [-1, 1]."""
    images = (inputs + 1) / 2
    return mse(decoded, images).mean() if loss == "mse" else -ssim(decoded, images, "zero").mean()


def resfl(settings: ResSflSettings, context: DefenceContext) -> Defence:
    """Train with the game in the loss."""
    require_cut(settings.name, context)
    game = ResSfl(settings, context)
    return Defence(terms=(game,), surrogate=game.surrogate, measured=game.measured)


def check_game(settings: GameSettings, cell: DefendedCell) -> None:
    """Check that the game has a weight, and that a decoder can lead from the shape of the features to that of images.

    Raises:
        ValueError: it has not or cannot; says which key is at fault, or which shapes do not fit.

    """
    check_weight("weight", settings.weight)
    check_decoder(cell.shapes.features(), cell.shapes.image)


def game_checks(settings: GameSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that the decoder could invert anything before the game, and that the game had a pull on the edge."""
    mse_form, ssim_form = "1 - its error / that of the mean image", "its SSIM less that of the mean image"
    reason = f"the decoder before the game: {mse_form if settings.loss == 'mse' else ssim_form}"
    return (
        check(
            "adversary beats its trivial answer before the game",
            trained.measured.get(ADVANTAGE, ()),
            "above",
            0.0,
            reason if settings.pretraining is not None else f"{reason}; it was not pretrained",
        ),
        share_check("penalty gradient", trained, "game_gradient_share", "the game on the parameters of the edge"),
    )


def decoder_of(settings: GameSettings) -> DecoderSize:
    """Return the size of the game's decoder."""
    return DecoderSize(settings.blocks, settings.width)


EXAMPLE_GAME: dict[str, object] = {
    "weight": 0.3,
    "loss": "ssim",
    "threshold": 0.1,
    "attack_steps": 1,
    "learning_rate": 0.001,
    "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
    "blocks": 1,
    "width": 4,
    "pretraining": None,
}
METHOD = DefenceMethod(
    settings=ResSflSettings,
    build=resfl,
    needs=frozenset({"cut"}),
    check=check_game,
    checks=game_checks,
    surrogate=decoder_of,
    examples=({"name": "resfl", **EXAMPLE_GAME},),
)
