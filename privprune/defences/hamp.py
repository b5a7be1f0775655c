"""HAMP (Chen and Pattabiraman, NDSS 2024, arXiv 2307.01610): a network that is less sure, and answers that say little.

Three parts: labels of high entropy, a reward for outputs of high entropy, and answers whose scores are those of random
images, in the order of the record's classes. The third part is a layer behind the network, see
`privprune.models.output`: attackers and utility both see what it lets through, and the predicted class stays the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.checks import Check, check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.models.output import AnyOutput, OutputSettings
from privprune.settings import NonNegative, Range
from privprune.training.ensemble import side_of
from privprune.training.loop import Step, Term
from privprune.training.trained import Trained

_HALVINGS = 60  # of an interval below 1: more than the precision of a double
_NEARLY = 0.9  # of the labels' entropy that the outputs must have at the end (our choice)


@dataclass(frozen=True)
class HampSettings:
    """The settings of HAMP.

    Attributes:
        entropy: of the soft labels, as a share of the largest possible, log C: gamma of the paper.
        reward: of the entropy of the outputs, per nat: alpha of the paper.
        variant: `paper`: the divergence from the soft labels is summed over the classes. `released`: it is divided by
            their number, as the released code does; the values of alpha that the authors give belong to it.
        output: the layer that replaces the scores; null to leave them, so that the training alone protects.

    """

    name: Literal["hamp"]
    entropy: Annotated[float, Range(0, 1, open_low=True, open_high=True)]
    reward: NonNegative
    variant: Literal["paper", "released"]
    output: AnyOutput | None


class HighEntropy(Term):
    """Replace the task's loss by KL(soft label || output) - alpha * H(output)."""

    def __init__(self, settings: HampSettings, context: DefenceContext) -> None:
        """Compute the soft labels: [classes, classes], that of class k in row k."""
        self._settings = settings
        classes, device = context.classes, context.images.device
        top = top_probability(settings.entropy, classes)
        rest = (1 - top) / (classes - 1)
        self._labels = torch.full((classes, classes), rest, device=device).fill_diagonal_(top)
        self._share = 1.0 if settings.variant == "paper" else 1 / classes
        self._entropies: list[Tensor] = []

    def penalty(self, step: Step) -> Tensor:
        """Return the wanted loss minus the task's cross-entropy, mean over each network's batch, summed over them."""
        logs = F.log_softmax(step.logits, dim=1)
        divergence = F.kl_div(logs, self._labels[step.labels], reduction="none").sum(1)
        entropy = -(logs.exp() * logs).sum(1)
        wanted = self._share * divergence - self._settings.reward * entropy
        task = F.cross_entropy(step.logits, step.labels, reduction="none")
        self._entropies.append(side_of(entropy.detach(), step.ensemble.members).mean(1))
        return side_of(wanted - task, step.ensemble.members).mean(1).sum()

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean entropy of the outputs over the epoch, as a share of log C."""
        entropy, self._entropies = torch.stack(self._entropies).mean(0), []
        return {"posterior_entropy": entropy / math.log(len(self._labels))}


def top_probability(entropy: float, classes: int) -> float:
    """Return the probability of the true class in a soft label whose other classes are equally likely.

    The released code lowers it in steps of 0.01 until the entropy is reached; here it is exact.

    Args:
        entropy: of the label, as a share of log C, in (0, 1).
        classes: C, at least 2.

    Returns:
        the probability, above 1 / C, by halving an interval in which the entropy falls.

    """
    low, high = 1 / classes, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _entropy(middle, classes) > entropy * math.log(classes) else (low, middle)
    return (low + high) / 2


def _entropy(top: float, classes: int) -> float:
    """Return the entropy of a label with one probability and an even rest, nats."""
    rest = 1 - top
    return -top * math.log(top) - (rest * math.log(rest / (classes - 1)) if rest > 0 else 0.0)


def hamp(settings: HampSettings, context: DefenceContext) -> Defence:
    """Train with the loss; the layer behind the network is added when the training has ended."""
    return Defence(terms=(HighEntropy(settings, context),))


def output_of(settings: HampSettings) -> OutputSettings | None:
    """Return the layer that replaces the scores."""
    return settings.output


def check_entropy(settings: HampSettings, training: Trained) -> tuple[Check, ...]:
    """Check that the outputs are about as unsure as the labels that were learnt."""
    last = [epochs[-1] for epochs in training.curve("posterior_entropy")]
    reason = "mean entropy of the outputs in the last epoch, as a share of log C"
    return (check("outputs are unsure", last, "at least", _NEARLY * settings.entropy, reason),)


_EXAMPLE = {"name": "hamp", "entropy": 0.5, "reward": 0.05, "output": {"name": "random_scores", "samples": 20}}
METHOD = DefenceMethod(
    settings=HampSettings,
    build=hamp,
    needs=frozenset({"classes"}),
    output=output_of,
    checks=check_entropy,
    examples=({**_EXAMPLE, "variant": "paper"}, {**_EXAMPLE, "variant": "released", "output": None}),
)
