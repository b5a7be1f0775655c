"""Regularised maximum likelihood (He et al., ACSAC 2019): optimise an image until its features match those observed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.checks.converged import optimisation_converged
from privprune.attacks.inversion.decoder import EXAMPLE_DECODER, DecoderAttack, DecoderSettings
from privprune.attacks.inversion.decoder_training import decode
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.objective import ObjectiveCurve
from privprune.attacks.inversion.plateau import doubled_schedule
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel, as_channels_last
from privprune.settings import AtLeastOne, NonNegative, Positive, Repeats
from privprune.training.loop import ScheduleSettings
from privprune.training.optimisers import Adam

_INVERTED_AT_ONCE = 256  # images
_INITIAL_NOISE = 0.01  # standard deviation around mid grey
_RESTART_NOISE = 0.1  # (ours) standard deviation around the start, of every run after the first


@dataclass(frozen=True)
class RmleSettings:
    """Settings of the white-box gradient attack.

    Attributes:
        attacker_data: null for an attacker without images, who can only start from grey; else whose images it has.
        start: mid `grey` with a little noise, as in He et al.; the `mean_image` of the attacker's images; or what a
            `decoder`, trained within the attack, makes of the observed features.
        decoder: settings of that decoder, with the attack's own `attacker_data` and `queries`; null without one.
        restarts: number of runs from different starts; of each image the run with the lowest objective counts.
        steps: number of Adam steps of a run, each on all images.
        learning_rate: in units of the image's range [0, 1].
        schedule: of the learning rate, over the steps.
        unit: what the squared difference of features is divided by: the `variance` of the observed features (ours), so
            that one weight suits networks of any scale, or `one`, as in He et al.
        total_variation: weight of the image's total variation.
        queries: how often each image is transmitted where the wire is random; the features are averaged.

    """

    attacker_data: AttackerData | None
    start: Literal["grey", "mean_image", "decoder"]
    decoder: DecoderSettings | None
    restarts: Repeats
    steps: AtLeastOne
    learning_rate: Positive
    schedule: ScheduleSettings
    unit: Literal["variance", "one"]
    total_variation: NonNegative
    queries: Repeats

    def __post_init__(self) -> None:
        """Refuse a start for which the attacker has no images, or images without use: ValueError, one line."""
        if (self.attacker_data is None) != (self.start == "grey"):
            allowed = "null" if self.start == "grey" else "train, infer"
            raise ValueError(f"attacker_data: found {self.attacker_data} with start {self.start}, allowed {allowed}")
        if (self.decoder is None) == (self.start == "decoder"):
            found, allowed = ("null", "its settings") if self.decoder is None else ("some", "null")
            raise ValueError(f"decoder: found {found} with start {self.start}, allowed {allowed}")
        if self.decoder is not None:
            for name in ("attacker_data", "queries"):
                found, own = getattr(self.decoder, name), getattr(self, name)
                if found != own:
                    raise ValueError(f"decoder.{name}: found {found}, allowed {own} (the attack's own)")


class RmleAttack(Inversion):
    """White-box attack ("rMLE", He et al. 2019, Section 4), without any images of its own where it starts from grey.

    For each image, minimise over x in [0, 1] the mean squared difference between the expected features of x and the
    observed features, divided by `unit`, plus `total_variation` times the mean squared difference of neighbouring
    pixels. Adam, clipped to [0, 1] after each step, starts from mid grey with a little noise: exact grey is an input of
    zeros, where ReLUs may have no gradient. Other starts and restarts are ours. History: `loss`, the objective, mean
    over images and runs.
    """

    def __init__(self, settings: RmleSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries
        self._decoder = None if settings.decoder is None else DecoderAttack(settings.decoder)

    def doubled(self) -> Self:
        """Return the same attack with twice the steps, and twice the epochs of its decoder."""
        settings = self.settings
        decoder = None if self._decoder is None else self._decoder.doubled().settings
        schedule = doubled_schedule(settings.schedule)
        return type(self)(replace(settings, steps=2 * settings.steps, schedule=schedule, decoder=decoder))

    def check(self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
        """Refuse features that its decoder cannot invert: ValueError, one line."""
        if self._decoder is not None:
            self._decoder.check(feature_shape, image_shape)

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert all scored images in batches; the generator draws the initial images, and all that a decoder draws."""
        decoder = None if self._decoder is None else self._decoder.trained(threat, generator)[0]
        observed = threat.observed(self.settings.queries)
        curve = ObjectiveCurve(self.settings.steps)
        unit = variance(observed) if self.settings.unit == "variance" else torch.ones((), device=observed.device)
        start = None if decoder is None else decode(decoder, observed)
        images, lowest = None, None
        for run in range(self.settings.restarts):
            starts = self._starts(threat, len(observed), start, run, generator)
            parts = enumerate(zip(starts.split(_INVERTED_AT_ONCE), observed.split(_INVERTED_AT_ONCE), strict=True))
            runs = [self._inverted(f"run {run} part {at}", threat, one, part, unit, curve) for at, (one, part) in parts]
            made, objective = (torch.cat(each) for each in zip(*runs, strict=True))
            if images is None or lowest is None:
                images, lowest = made, objective
                continue
            better = objective < lowest
            images, lowest = torch.where(better[:, None, None, None], made, images), torch.minimum(objective, lowest)
        assert images is not None  # noqa: S101 (there is at least one run)
        return Reconstruction(images, {"loss": curve.means()})

    def _starts(
        self, threat: ThreatModel, number: int, start: Tensor | None, run: int, generator: torch.Generator
    ) -> Tensor:
        """Return the initial images of a run, float32 [number, C, H, W]; `start`: the output of the decoder."""
        device = threat.images.device
        if self.settings.start == "grey":
            deviation = _RESTART_NOISE if run else _INITIAL_NOISE
            noise = torch.randn(number, *threat.image_shape, generator=generator).to(device)
            return 0.5 + deviation * noise if not run else (0.5 + deviation * noise).clamp(0, 1)
        if start is None:
            start = threat.mean_image(threat.auxiliary).expand(number, *threat.image_shape)
        if not run:
            return start
        noise = torch.randn(number, *threat.image_shape, generator=generator).to(device)
        return (start + _RESTART_NOISE * noise).clamp(0, 1)

    def _inverted(
        self, loop: str, threat: ThreatModel, start: Tensor, observed: Tensor, unit: Tensor, curve: ObjectiveCurve
    ) -> tuple[Tensor, Tensor]:
        """Return the images, float [n, C, H, W], of observed features [n, *feature_shape], and their objectives [n].

        The losses of the images are summed, not averaged, so that no image depends on the size of its batch.
        """
        settings = self.settings
        images = as_channels_last(start.clone()).requires_grad_()
        optimiser = Adam([images], lr=settings.learning_rate)
        measured: list[Tensor] = []
        for step in threat.turns(loop, settings.steps, [images, optimiser, measured]):
            rate = settings.schedule.rate(step, settings.steps)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * rate
            errors = threat.mismatch(images, observed).sum() / unit
            loss = errors + settings.total_variation * total_variation(images).sum()
            (images.grad,) = torch.autograd.grad(loss, images)
            optimiser.step()
            with torch.no_grad():
                images.clamp_(0, 1)
            if curve.notes(step):
                measured.append(loss.detach())
        curve.add(measured, len(images))
        with torch.no_grad():
            objective = threat.mismatch(images, observed) / unit
            objective = objective + settings.total_variation * total_variation(images)
        return images.detach().contiguous(), objective


def variance(features: Tensor) -> Tensor:
    """Variance of features [n, *feature_shape] over images and positions, averaged over channels; a scalar."""
    return features.transpose(0, 1).flatten(1).var(dim=1, correction=0).mean().clamp(min=1e-12)


def total_variation(images: Tensor) -> Tensor:
    """Mean squared difference of vertical plus of horizontal neighbours in images [n, C, H, W]; float [n]."""
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).mean(1) + across.square().flatten(1).mean(1)


_CONSTANT = {"name": "constant", "milestones": [], "factor": 1.0}
_EXAMPLE: dict[str, object] = {
    "attack": "rmle",
    "attacker_data": None,
    "start": "grey",
    "decoder": None,
    "restarts": 1,
    "steps": 2,
    "learning_rate": 0.05,
    "schedule": _CONSTANT,
    "unit": "variance",
    "total_variation": 0.1,
    "queries": 2,
}
_DECODER = {**EXAMPLE_DECODER, "start": "fresh"}
_COSINE = {**_CONSTANT, "name": "cosine"}
METHOD = InversionAttack(
    name="rmle",
    settings=RmleSettings,
    attack=RmleAttack,
    checks=optimisation_converged,
    examples=(
        _EXAMPLE,
        {**_EXAMPLE, "attacker_data": "infer", "start": "mean_image", "restarts": 2, "schedule": _COSINE},
        {**_EXAMPLE, "attacker_data": "train", "start": "decoder", "decoder": _DECODER},
    ),
)
