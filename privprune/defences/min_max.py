"""The Min-Max game (Nasr, Shokri and Houmansadr 2018): train a classifier against a membership inference network.

MIA-Pruning, Equation 3 and Algorithm 1; the objective of Nasr et al. is min_f [L_D(f) + lambda max_h G(h)].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.settings import AtLeastOne, Count, NonNegative, Positive
from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble, side_of
from privprune.training.loop import Step, Term
from privprune.training.optimisers import Adam


@dataclass(frozen=True)
class MinMaxSettings:
    """The settings of the game.

    Attributes:
        gain_weight: lambda of Nasr et al., gamma of MIA-Pruning's Equation 3.
        attack_steps: steps of the inference network per step of the classifier.
        learning_rate: of the inference network (Adam).
        warm_up_epochs: epochs of plain training before the game begins.
        variant: `paper` as in the paper of 2018, or `released` as in its authors' code.

    """

    name: Literal["min_max"]
    gain_weight: NonNegative
    attack_steps: AtLeastOne
    learning_rate: Positive
    warm_up_epochs: Count
    variant: NasrVariant


class MinMax(Term):
    """The inference networks, one per classifier, as a term of the classifiers' loss."""

    def __init__(self, settings: MinMaxSettings, context: DefenceContext) -> None:
        """Build one inference network per classifier."""
        self._settings = settings
        self._context = context
        self._attacker = NasrNetwork(context.classes, variant=settings.variant, generators=context.generators)
        self._attacker.to(context.images.device)
        self._optimiser = Adam(self._attacker.parameters(), lr=settings.learning_rate, foreach=True)
        self._gains: list[Tensor] = []

    def penalty(self, step: Step) -> Tensor | None:
        """Return gamma * E_D[log f_A(x, y, f(x))], the part of the gain (Equation 1) that depends on members.

        The other part, over non-members, is left out as in Algorithm 1, whose classifier step uses members only.
        """
        if step.epoch < self._settings.warm_up_epochs:
            return None
        self._attacker.requires_grad_(requires_grad=False)
        members = step.ensemble.members
        guessed = self._guess(side_of(step.logits, members), side_of(step.labels, members))
        return self._settings.gain_weight * F.logsigmoid(guessed).mean(1).sum()

    def update(self, step: Step) -> None:
        """Train the inference networks on members, in the first step those of this batch, and reference records."""
        if step.last_of_epoch and step.epoch < self._settings.warm_up_epochs:
            self._gains.append(torch.full((step.ensemble.members,), float("nan"), device=step.labels.device))
        if step.epoch < self._settings.warm_up_epochs:
            return
        self._attacker.requires_grad_(requires_grad=True)
        batch = step.labels.shape[0] // step.ensemble.members
        for number in range(self._settings.attack_steps):
            if number == 0 and not _depends_on_mode(step.ensemble.module):
                member_logits, member_labels = side_of(step.logits.detach(), step.ensemble.members), step.labels
                member_labels = side_of(member_labels, step.ensemble.members)
            else:
                member_logits, member_labels = self._drawn(step.ensemble, self._context.members, batch)
            reference_logits, reference_labels = self._drawn(step.ensemble, self._context.reference, batch)
            self._learn(member_logits, member_labels, reference_logits, reference_labels)

    def _learn(
        self, member_logits: Tensor, member_labels: Tensor, reference_logits: Tensor, reference_labels: Tensor
    ) -> None:
        """Take one step of f_A that raises its gain G, Equation 8; logits [members, batch, classes]."""
        gain = F.logsigmoid(self._guess(member_logits, member_labels)).mean(1)
        gain = gain + F.logsigmoid(-self._guess(reference_logits, reference_labels)).mean(1)
        self._optimiser.zero_grad()
        (-gain.sum()).backward()
        self._optimiser.step()
        self._gains.append(gain.detach())

    def _guess(self, logits: Tensor, labels: Tensor) -> Tensor:
        guess: Tensor = self._attacker(self._attacker.seen(logits), labels)
        return guess

    def _drawn(self, ensemble: Ensemble, records: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Return the outputs of each member, in evaluation mode, on a batch drawn from its own records."""
        size = min(batch, records.shape[1])
        places = torch.stack(
            [torch.randint(records.shape[1], (size,), generator=generator) for generator in self._context.generators]
        )
        drawn = records.gather(1, places.to(records.device))
        ensemble.train(mode=False)
        with torch.no_grad():
            logits = ensemble(as_input(self._context.images[drawn.flatten()])).float()
        ensemble.train()
        return side_of(logits, ensemble.members), self._context.labels[drawn]

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean gain of the inference networks over the epoch; -log 4 is that of random guessing."""
        gains, self._gains = torch.stack(self._gains).mean(0), []
        return {"inference_gain": gains}


def _depends_on_mode(module: nn.Module) -> bool:
    """Return whether training and evaluation mode differ, so that members need the mode of the references."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm | nn.Dropout) for part in module.modules())  # noqa: SLF001


def min_max(settings: MinMaxSettings, context: DefenceContext) -> Defence:
    """Train each classifier against an inference network of its own."""
    if not context.reference.shape[1]:
        raise ValueError("min_max: found no reference records, allowed a protocol with `reference` above 0")
    return Defence(terms=(MinMax(settings, context),))


_EXAMPLE = {"name": "min_max", "gain_weight": 1, "attack_steps": 1, "learning_rate": 0.001, "warm_up_epochs": 0}
METHOD = DefenceMethod(
    settings=MinMaxSettings,
    build=min_max,
    needs=frozenset({"reference"}),
    examples=({**_EXAMPLE, "variant": "paper"}, {**_EXAMPLE, "variant": "released"}),
)
