"""The attack on two networks that were released together, such as a dense network and its pruned version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.attack import Attack
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings, LearntAttack, check_training, converged
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import log_confidence, log_posteriors
from privprune.attacks.membership.thresholds import Signal, score_with_threshold
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.settings import Width


@dataclass(frozen=True)
class ReleasedTogetherSettings:
    """Settings of the attack on two networks.

    Attributes:
        score: `difference` of the two log confidences, or a `network` that reads the answers of both.
        hidden: units of each of the network's two hidden layers; null for `difference`.
        training: of the network; null for `difference`.

    """

    score: Literal["difference", "network"]
    hidden: Width | None
    training: AttackTrainingSettings | None

    def __post_init__(self) -> None:
        """Refuse a network without settings, and settings without a network: ValueError, one line."""
        for key in ("hidden", "training"):
            if (getattr(self, key) is not None) != (self.score == "network"):
                found = "null" if getattr(self, key) is None else "a value"
                raise ValueError(f"{key}: found {found} with score {self.score}, allowed null for difference, else one")


def companion_of(outputs: Outputs) -> Tensor:
    """Return the other network's logits, float [n, classes].

    Raises:
        UserError: there is no other network.

    """
    if outputs.companion is None:
        raise UserError(
            "attack released_together: found no network that was released together with the target, "
            "allowed an entry that names one as released_with"
        )
    return outputs.companion


class DifferenceAttack:
    """How the two networks' log confidences in the true class differ; our choice of the plainest such attack.

    Whether members are those in which the target is surer than the other network, or less sure, or those about which
    both agree, depends on which of the two has memorised more. Of these three, the one of the largest area under the
    ROC of the known records is taken.
    """

    def __init__(self, settings: ReleasedTogetherSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used.

        Raises:
            UserError: there is no other network.

        """
        directions: tuple[Signal, ...] = (_difference, lambda outputs: -_difference(outputs), _agreement)
        known = [(signal(evidence.known_members), signal(evidence.known_nonmembers)) for signal in directions]
        areas = [_area(members, nonmembers) for members, nonmembers in known]
        return score_with_threshold(directions[areas.index(max(areas))], evidence)


def _difference(outputs: Outputs) -> Tensor:
    """Log confidence of the target minus that of the other network, float64 [n]."""
    return log_confidence(outputs.logits, outputs.labels) - log_confidence(companion_of(outputs), outputs.labels)


def _agreement(outputs: Outputs) -> Tensor:
    return -_difference(outputs).abs()


def _area(members: Tensor, nonmembers: Tensor) -> float:
    """Area under the ROC curve; ties count half."""
    ordered = nonmembers.sort().values
    below = torch.searchsorted(ordered, members) + torch.searchsorted(ordered, members, right=True)
    return float(below.double().mean()) / (2 * len(nonmembers))


class TwoModelAttack(LearntAttack):
    """CompLeak SR (Li et al. 2025, arXiv 2507.16872): a classifier reads the posteriors of both networks and the label.

    As in the released code (attack/attack_utils.py, `CompLeakSR2`), posteriors of both and the one-hot label are in the
    order of the posteriors of the network that was there first, here the companion. Added are both losses, which the
    released code adds where there are several compressed networks, and their difference. Further differences: a
    perceptron trained to a plateau in place of logistic regression and random forests; on known records of the target
    in place of a shadow model.
    """

    def __init__(self, settings: ReleasedTogetherSettings, hidden: int, training: AttackTrainingSettings) -> None:
        self.settings, self.hidden, self.training = settings, hidden, training

    def features(self, outputs: Outputs) -> Tensor:
        """Posteriors of both networks, label, both losses and their difference, float64 [n, 3 * classes + 3]."""
        companion = companion_of(outputs)
        order = companion.argsort(dim=1, stable=True)
        label = F.one_hot(outputs.labels, companion.shape[1])
        posteriors = [log_posteriors(logits).exp() for logits in (companion, outputs.logits)]
        ordered = [values.gather(1, order) for values in (*posteriors, label)]
        losses = [-log_confidence(logits, outputs.labels) for logits in (companion, outputs.logits)]
        return torch.cat([*ordered, torch.stack([*losses, losses[1] - losses[0]], dim=1)], dim=1)

    def network(self, features: int, classes: int) -> nn.Module:
        """Build a perceptron with two hidden layers."""
        del classes
        return nn.Sequential(
            nn.Linear(features, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, 1),
            nn.Flatten(0),
        )


def released_together(settings: ReleasedTogetherSettings) -> Attack:
    """Build the attack of the score that the settings name."""
    if settings.hidden is None or settings.training is None:
        return DifferenceAttack(settings)
    return TwoModelAttack(settings, settings.hidden, settings.training)


METHOD = MembershipAttack(
    name="released_together",
    settings=ReleasedTogetherSettings,
    attack=released_together,
    needs_companion=True,
    check=check_training,
    checks=converged,
    examples=(
        {"attack": "released_together", "score": "difference", "hidden": None, "training": None},
        {
            "attack": "released_together",
            "score": "network",
            "hidden": 32,
            "training": {
                "steps": 200,
                "interval": 25,
                "patience": 3,
                "validation": 0.25,
                "batch": 32,
                "learning_rate": 0.003,
            },
        },
    ),
)
