"""Train to a plateau: the error on held-out records decides which weights are kept, and when the rate falls.

The held-out records are the attacker's own. No record that the attack is scored on is ever among them.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.settings import AtLeastOne, Range
from privprune.training.loop import ScheduleSettings

HeldOutShare = Annotated[float, Range(0, 0.5)]
_LEAST_GAIN = 0.001  # (ours) an error that is lower by less than this share of it is no progress
_FALL = 0.3  # (ours) factor of the learning rate where there was no progress
_MOST_FALLS = 3  # (ours) then the training ends
_AT_ONCE = 256  # images that are decoded in one batch


class PlateauSettings(Protocol):
    """The settings of a training that is held against held-out records.

    Attributes:
        epochs: of the training, at most.
        schedule: of the learning rate.
        validation: share of the attack's records that are held out, evenly spaced; 0 keeps the weights of the last
            epoch, as the papers do, and leaves it open whether they had converged.
        patience: epochs without progress of the held-out error after which the learning rate falls to 0.3 times
            itself; after three falls, or `epochs`, the training ends. Null for all `epochs`, with the schedule's rate.

    """

    @property
    def epochs(self) -> int:
        """Epochs, at most."""
        ...

    @property
    def schedule(self) -> ScheduleSettings:
        """Of the learning rate."""
        ...

    @property
    def validation(self) -> float:
        """Share of the records."""
        ...

    @property
    def patience(self) -> int | None:
        """Epochs, or None."""
        ...


def check_plateau(settings: PlateauSettings) -> None:
    """Refuse a patience that nothing measures, or whose falls a schedule would hide: ValueError, one line."""
    if settings.patience is None:
        return
    if not settings.validation:
        raise ValueError(f"patience: found {settings.patience} without held-out records (validation: 0), allowed null")
    if settings.schedule.name != "constant":
        raise ValueError(
            f"patience: found {settings.patience} with the schedule {settings.schedule.name}, allowed null, or "
            "schedule constant"
        )


class HeldOut:
    """Held-out pairs; where they fit into memory, what was sent of each is drawn once, so that epochs compare."""

    def __init__(self, pairs: FeatureImagePairs, precision: Literal["float32", "bfloat16"]) -> None:
        """Transmit the pairs' images."""
        self._pairs, self._precision = pairs, precision
        positions = torch.arange(len(pairs), device=pairs.device)
        self._parts = positions.split(_AT_ONCE)
        self._sent = [pairs.take(part)[0] for part in self._parts] if pairs.stored else None

    @torch.no_grad()
    def error(self, decoder: nn.Module) -> float:
        """Return the mean squared error of a decoder, which is left in training mode; waits for the device."""
        decoder.eval()
        total = torch.zeros((), device=self._pairs.device)
        for number, part in enumerate(self._parts):
            sent = self._pairs.take(part)[0] if self._sent is None else self._sent[number]
            with torch.autocast(sent.device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                decoded = decoder(sent)
            total += F.mse_loss(decoded.float(), self._pairs.images(part)) * len(part)
        decoder.train()
        return float(total / len(self._pairs))


class Plateau:
    """The course of a training by its held-out error, and the weights of its best epoch.

    Attributes:
        factor: of the learning rate, from falls.
        stopped: whether the training has ended.
        errors: the held-out error of each epoch.

    """

    def __init__(self, settings: PlateauSettings) -> None:
        """Begin before the first epoch."""
        self._patience = settings.patience
        self.factor, self.stopped = 1.0, False
        self.errors: list[float] = []
        self._best, self._reference = math.inf, math.inf
        self._weights: dict[str, Tensor] = {}
        self._waited = self._falls = 0

    def note(self, error: float, decoder: nn.Module) -> None:
        """Note the held-out error of an epoch that has just ended."""
        self.errors.append(error)
        if error < self._best:
            self._best = error
            self._weights = {name: value.detach().clone() for name, value in decoder.state_dict().items()}
        if self._patience is None:
            return
        self._waited += 1
        if error < (1 - _LEAST_GAIN) * self._reference:
            self._reference, self._waited = error, 0
        if self._waited >= self._patience:
            self._waited, self._falls = 0, self._falls + 1
            self.factor *= _FALL
            self.stopped = self._falls > _MOST_FALLS

    def finish(self, decoder: nn.Module) -> None:
        """Give the decoder the weights of its best epoch."""
        if self._weights:
            decoder.load_state_dict(self._weights)


def doubled_schedule(schedule: ScheduleSettings) -> ScheduleSettings:
    """Return a schedule of twice the length."""
    milestones = tuple(2 * milestone for milestone in schedule.milestones)
    return ScheduleSettings(schedule.name, milestones, schedule.factor)


def doubled_patience(patience: AtLeastOne | None) -> int | None:
    """Return twice the patience."""
    return None if patience is None else 2 * patience
