"""The label-only attack: a member is still classified correctly when it is shifted, mirrored or noisy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.attack import Attack
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings, LearntAttack, check_training, converged
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import score_with_threshold
from privprune.attacks.membership.view import View
from privprune.metrics.membership import Scores
from privprune.settings import Positive, Range, Repeats

_HIDDEN = 10  # units of each of the two hidden layers, attacks.py of the released code
_SLOPE = 0.01  # of its leaky ReLU for negative values


@dataclass(frozen=True)
class ShiftedQueries:
    """Query with shifted images.

    Attributes:
        shift: d, pixels; all 4 d shifts down and right whose lengths add up to d, as in the released code (utils.py,
            `create_translates`).
        mirrored: whether the image and all shifts are queried mirrored as well, which the released code does not do.

    """

    name: Literal["shifted"]
    shift: Annotated[int, Range(1, 64)]
    mirrored: bool

    def views(self) -> tuple[View, ...]:
        """Return all queries but that of the record as it is."""
        d = self.shift
        moves = [(down, sign * (d - abs(down))) for down in range(-d, d + 1) for sign in (-1, 1)]
        moves = list(dict.fromkeys([(0, 0), *moves]))  # at down = d and -d both signs are the same
        sides = (False, True) if self.mirrored else (False,)
        return tuple(View(down, right, mirrored) for mirrored in sides for down, right in moves)[1:]


@dataclass(frozen=True)
class NoisyQueries:
    """Query with Gaussian noise on every pixel.

    Attributes:
        deviation: of the noise, in units of an image's range [0, 1].
        draws: number of queries besides that of the record as it is.

    """

    name: Literal["noisy"]
    deviation: Positive
    draws: Repeats

    def views(self) -> tuple[View, ...]:
        """Return all queries but that of the record as it is."""
        return tuple(View(noise=self.deviation, draw=draw) for draw in range(self.draws))


@dataclass(frozen=True)
class LabelOnlySettings:
    """Settings of the label-only attack.

    Attributes:
        queries: how records are changed.
        score: `count`, the share of queries that is classified correctly, or `network`, one that reads for each query
            whether it was.
        training: of the network; null for `count`.

    """

    queries: ShiftedQueries | NoisyQueries
    score: Literal["count", "network"]
    training: AttackTrainingSettings | None

    def __post_init__(self) -> None:
        """Refuse a network without training, and training without a network: ValueError, one line."""
        if (self.training is not None) != (self.score == "network"):
            found = "null" if self.training is None else "settings"
            raise ValueError(f"training: found {found} with score {self.score}, allowed null for count, else settings")


def correct(outputs: Outputs, views: tuple[View, ...]) -> Tensor:
    """Return whether each query was classified correctly: float64 [n, 1 + views], the record as it is first."""
    answers = [outputs.logits, *(outputs.views[view] for view in views)]
    return torch.stack([(answer.argmax(1) == outputs.labels).double() for answer in answers], dim=1)


class CountAttack:
    """Choquette-Choo et al. 2021 (ICML, arXiv 2007.14321): robustness of the predicted label, as a share of queries.

    With `noisy` queries it is their accuracy under random noise. Only predicted classes are used. The threshold is that
    of the highest accuracy on known records, where the paper takes it from a shadow model.
    """

    def __init__(self, settings: LabelOnlySettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used."""
        views = self.settings.queries.views()
        return score_with_threshold(lambda outputs: correct(outputs, views).mean(1), evidence)


class NetworkAttack(LearntAttack):
    """Choquette-Choo et al. 2021 (ICML, arXiv 2007.14321): a small network reads which queries were answered correctly.

    Its layers are those of the released code (cchoquette/membership-inference, attacks.py). There, each class has a
    network, trained on a shadow model, and the best of four learning rates is taken; here one network reads the class
    as well and trains on known records to a plateau on held-out ones. Only predicted classes are used.
    """

    def __init__(self, settings: LabelOnlySettings, training: AttackTrainingSettings) -> None:
        self.settings, self.training = settings, training

    def features(self, outputs: Outputs) -> Tensor:
        """Correctness of each query, and the one-hot label, float64 [n, queries + classes]."""
        right = correct(outputs, self.settings.queries.views())
        return torch.cat([right, F.one_hot(outputs.labels, outputs.logits.shape[1])], dim=1)

    def network(self, features: int, classes: int) -> nn.Module:
        """Build a perceptron with two hidden layers."""
        del classes
        return nn.Sequential(
            nn.Linear(features, _HIDDEN),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_HIDDEN, 1),
            nn.Flatten(0),
        )


def label_only(settings: LabelOnlySettings) -> Attack:
    """Build the attack of the score that the settings name."""
    return CountAttack(settings) if settings.training is None else NetworkAttack(settings, settings.training)


def views_of(settings: LabelOnlySettings) -> tuple[View, ...]:
    """Return the queries besides that of the record as it is."""
    return settings.queries.views()


METHOD = MembershipAttack(
    name="label_only",
    settings=LabelOnlySettings,
    attack=label_only,
    views=views_of,
    check=check_training,
    checks=converged,
    examples=(
        {
            "attack": "label_only",
            "queries": {"name": "shifted", "shift": 1, "mirrored": True},
            "score": "count",
            "training": None,
        },
        {
            "attack": "label_only",
            "queries": {"name": "noisy", "deviation": 0.05, "draws": 5},
            "score": "count",
            "training": None,
        },
        {
            "attack": "label_only",
            "queries": {"name": "shifted", "shift": 2, "mirrored": False},
            "score": "network",
            "training": {
                "steps": 200,
                "interval": 25,
                "patience": 3,
                "validation": 0.25,
                "batch": 32,
                "learning_rate": 0.01,
            },
        },
    ),
)
