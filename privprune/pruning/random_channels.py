"""A control for the soft mask: as many channels of each layer as it leaves, but chosen at random.

If the network of random channels, trained for as long, is as good and hides as much, what the masks choose does not
matter, and only the widths do. The phase of masks runs as in the method under test, to find out how many channels stay
and which blocks go; then the weights before it are restored, and the channels are drawn.
"""

from __future__ import annotations

import copy
import operator
from dataclasses import dataclass
from typing import Literal

import torch

from privprune.models import BlockNet
from privprune.pruning.method import Fit, PrunedCell, RemovalMethod, Removed
from privprune.pruning.removal import remove
from privprune.pruning.selection import Selection, top_channels
from privprune.pruning.soft_mask import EXAMPLE_MASKS, check_settings, retraining, sizes, train_masks
from privprune.pruning.soft_mask_settings import SoftMaskSettings
from privprune.pruning.threshold import KEY
from privprune.settings import Count
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Term, TrainingPlan

_KEY = f"{KEY}.widths_of"  # of the masks' settings, for messages


@dataclass(frozen=True)
class RandomChannelsSettings:
    """Which widths are copied, and which channels are drawn.

    Attributes:
        widths_of: the soft mask whose widths and removed blocks are used.
        seed: of the draws.

    """

    name: Literal["random_channels"]
    widths_of: SoftMaskSettings
    seed: Count

    @property
    def plan(self) -> TrainingPlan:
        """How the phase of masks is trained."""
        return self.widths_of.plan


def random_channels(
    settings: RandomChannelsSettings, ensemble: Ensemble, dense: BlockNet, image_shape: tuple[int, int, int], fit: Fit
) -> Removed:
    """Remove random channels of one network with a cut; arguments and errors as for `soft_mask`."""
    model = ensemble.module
    assert isinstance(model, BlockNet)  # noqa: S101 (a network with a cut is never a stack)
    trained = copy.deepcopy(model.state_dict())
    phase = train_masks(settings.widths_of, ensemble, dense, image_shape, fit, _KEY)
    model.load_state_dict(trained)
    kept = at_random(phase.removal.kept, torch.Generator().manual_seed(settings.seed))
    smaller = remove(model, phase.parts, kept, image_shape)
    return Removed(smaller, sizes(dense, smaller, image_shape))


def at_random(kept: Selection, generator: torch.Generator) -> Selection:
    """Return a selection of as many channels of each group, drawn uniformly; the removed blocks are the same."""
    channels = {
        name: top_channels(torch.rand(len(own), generator=generator), int(own.sum()))
        for name, own in kept.channels.items()
    }
    return Selection(channels, kept.removed)


def _check(settings: RandomChannelsSettings, cell: PrunedCell) -> None:
    check_settings(settings.widths_of, cell, _KEY)


def _retraining(settings: RandomChannelsSettings, teacher: BlockNet) -> tuple[Term, ...]:
    return retraining(settings.widths_of, teacher)


METHOD = RemovalMethod(
    settings=RandomChannelsSettings,
    remove=random_channels,
    plan=operator.attrgetter("plan"),
    check=_check,
    retraining=_retraining,
    examples=({"name": "random_channels", "widths_of": EXAMPLE_MASKS, "seed": 0},),
)
