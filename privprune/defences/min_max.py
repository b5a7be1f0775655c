"""The Min-Max game (Nasr, Shokri and Houmansadr 2018): train a classifier against a membership inference network.

MIA-Pruning, Equation 3 and Algorithm 1; the objective of Nasr et al. is min_f [L_D(f) + lambda max_h G(h)].

The maximum over h is only as good as the inference network that stands for it. Its weights start near 0, where it
answers 1/2 whatever it sees, and a penalty by such a network has no gradient. So it also learns while the classifier is
trained without the game, and then, with the classifier at rest, until its gain shows that it can infer something.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.checks import Check, check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.gradient_share import share_check, share_per_network
from privprune.defences.method import DefenceMethod, DefendedCell, check_weight
from privprune.models.nasr import GUESSING, Initialisation, NasrNetwork, NasrVariant
from privprune.settings import Count, NonNegative, Positive, Repeats
from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble, side_of
from privprune.training.loop import Step, Term
from privprune.training.optimisers import Adam
from privprune.training.trained import Trained

Records = tuple[Tensor, Tensor]  # logits [networks, n, classes] and labels [networks, n]
MARGIN = 0.05  # of the gain above GUESSING; 4 % of the way to 0, the gain of an inference without a mistake
_STEPS_BETWEEN_LOOKS = 50  # each look at the gain waits for the device
_LOOKED_AT = 20_000  # members, and references, that it learns from before the game; evenly spaced among all
_AT_ONCE = 2000  # records of each network in one forward pass


@dataclass(frozen=True)
class MinMaxSettings:
    """The settings of the game.

    Attributes:
        gain_weight: lambda of Nasr et al., gamma of MIA-Pruning's Equation 3.
        attack_steps: steps of the inference network per step of the classifier, before the game and in it; 1 to 1 in
            the text of Nasr et al., 7 in cyphercat, 26 in other public code.
        attack_warm_up: most steps of the inference network alone, just before the game begins; it stops earlier once
            its gain is `MARGIN` above that of guessing.
        learning_rate: of the inference network (Adam).
        warm_up_epochs: epochs of training without the penalty before the game begins.
        variant: `paper` as in the paper of 2018, or `released` as in its authors' code.
        initialisation: of the inference network: `nasr` from N(0, 0.01^2) as Nasr et al., from which it learns slowly,
            or `he`, scaled to the layers' widths.

    """

    name: Literal["min_max"]
    gain_weight: NonNegative
    attack_steps: Repeats
    attack_warm_up: Count
    learning_rate: Positive
    warm_up_epochs: Count
    variant: NasrVariant
    initialisation: Initialisation


class MinMax(Term):
    """The inference networks, one per classifier, as a term of the classifiers' loss."""

    def __init__(self, settings: MinMaxSettings, context: DefenceContext) -> None:
        """Build one inference network per classifier."""
        self._settings = settings
        self._context = context
        self._attacker = NasrNetwork(context.classes, settings.variant, context.generators, settings.initialisation)
        self._attacker.to(context.images.device)
        self._optimiser = Adam(self._attacker.parameters(), lr=settings.learning_rate, foreach=True)
        self._gains: list[Tensor] = []
        self._share = torch.full((len(context.generators),), math.nan, device=context.images.device)
        self._gain_before: list[float] | None = None

    @property
    def warm_ups(self) -> int:
        """1 where the game begins with the first step: the inference network then learns before it."""
        return int(self._settings.warm_up_epochs == 0)

    def warm_up(self, ensemble: Ensemble) -> None:
        """Train the inference networks on classifiers that do not change."""
        self._prepare(ensemble)

    def penalty(self, step: Step) -> Tensor | None:
        """Return gamma * E_D[log f_A(x, y, f(x))], the part of the gain (Equation 1) that depends on members.

        The other part, over non-members, is left out as in Algorithm 1, whose classifier step uses members only.
        """
        if step.epoch < self._settings.warm_up_epochs:
            return None
        self._attacker.requires_grad_(requires_grad=False)
        members = step.ensemble.members
        guessed = self._guess(side_of(step.logits, members), side_of(step.labels, members))
        penalty = self._settings.gain_weight * F.logsigmoid(guessed).mean(1).sum()
        if step.last_of_epoch:
            self._share = share_per_network(penalty, step)
        return penalty

    def update(self, step: Step) -> None:
        """Train the inference networks on members, in the first step those of this batch, and reference records."""
        self._attacker.requires_grad_(requires_grad=True)
        batch = step.labels.shape[0] // step.ensemble.members
        for number in range(self._settings.attack_steps):
            if number == 0 and not _depends_on_mode(step.ensemble.module):
                member_logits, member_labels = side_of(step.logits.detach(), step.ensemble.members), step.labels
                member_labels = side_of(member_labels, step.ensemble.members)
            else:
                member_logits, member_labels = self._drawn(step.ensemble, self._context.members, batch)
            reference_logits, reference_labels = self._drawn(step.ensemble, self._context.reference, batch)
            self._gains.append(self._learn(member_logits, member_labels, reference_logits, reference_labels))
        if step.last_of_epoch and step.epoch + 1 == self._settings.warm_up_epochs:
            self._prepare(step.ensemble)

    def _prepare(self, ensemble: Ensemble) -> None:
        """Train the inference networks alone, until each of them infers something or the steps are used up."""
        members, references = (
            self._outputs(ensemble, records[:, :: math.ceil(records.shape[1] / _LOOKED_AT)])
            for records in (self._context.members, self._context.reference)
        )
        gain = self._gain(members, references)
        steps = 0
        self._attacker.requires_grad_(requires_grad=True)
        while steps < self._settings.attack_warm_up and float(gain.min()) < GUESSING + MARGIN:
            for _ in range(min(_STEPS_BETWEEN_LOOKS, self._settings.attack_warm_up - steps)):
                self._learn(*self._sample(members), *self._sample(references))
                steps += 1
            gain = self._gain(members, references)
        if self._gain_before is None:  # the first phase decides, where there are several
            self._gain_before = gain.tolist()

    @torch.no_grad()
    def _gain(self, members: Records, references: Records) -> Tensor:
        """Return the gain on members and references, [networks]."""
        inside, outside = (self._guess(*records) for records in (members, references))
        return F.logsigmoid(inside).mean(1) + F.logsigmoid(-outside).mean(1)

    def _sample(self, records: Records) -> Records:
        """Draw a batch of each network's records."""
        logits, labels = records
        places = self._places(labels.shape[1], self._context.batch).to(labels.device)
        return logits.take_along_dim(places[..., None], 1), labels.gather(1, places)

    def _learn(
        self, member_logits: Tensor, member_labels: Tensor, reference_logits: Tensor, reference_labels: Tensor
    ) -> Tensor:
        """Take one step of f_A that raises its gain G, Equation 8, and return the gain before the step, [members].

        Logits are [members, batch, classes].
        """
        gain = F.logsigmoid(self._guess(member_logits, member_labels)).mean(1)
        gain = gain + F.logsigmoid(-self._guess(reference_logits, reference_labels)).mean(1)
        self._optimiser.zero_grad()
        (-gain.sum()).backward()
        self._optimiser.step()
        return gain.detach()

    def _guess(self, logits: Tensor, labels: Tensor) -> Tensor:
        guess: Tensor = self._attacker(self._attacker.seen(logits), labels)
        return guess

    def _drawn(self, ensemble: Ensemble, records: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Return the outputs of each member, in evaluation mode, on a batch drawn from its own records."""
        places = self._places(records.shape[1], batch)
        return self._outputs(ensemble, records.gather(1, places.to(records.device)))

    def _places(self, records: int, batch: int) -> Tensor:
        """Draw numbers of records for each network, int64 [members, <= batch]."""
        size = (min(batch, records),)
        return torch.stack([torch.randint(records, size, generator=one) for one in self._context.generators])

    @torch.no_grad()
    def _outputs(self, ensemble: Ensemble, records: Tensor) -> Records:
        """Return logits and labels of each network's records, int64 [members, n], in evaluation mode."""
        ensemble.train(mode=False)
        parts = []
        for part in records.split(_AT_ONCE, dim=1):
            logits = ensemble(as_input(self._context.images[part.flatten()])).float()
            parts.append(side_of(logits, ensemble.members))
        ensemble.train()
        return torch.cat(parts, dim=1), self._context.labels[records]

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean gain of the inference networks over the epoch, raw and credited, and the gradient's share.

        The gain of guessing is -log 4, and nobody would use an inference network that is worse: less than that is no
        credit to the defence, so `inference_gain` is at least that.
        """
        gains, self._gains = torch.stack(self._gains).mean(0), []
        return {
            "inference_gain": gains.clamp_min(GUESSING),
            "inference_gain_raw": gains,
            "penalty_gradient_share": self._share,
        }

    def measured(self) -> dict[str, list[float]]:
        """Return the gain before the game, on members and references; none where the game never began."""
        return {} if self._gain_before is None else {"inference_gain_before_game": self._gain_before}


def _depends_on_mode(module: nn.Module) -> bool:
    """Return whether training and evaluation mode differ, so that members need the mode of the references."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm | nn.Dropout) for part in module.modules())  # noqa: SLF001


def min_max(settings: MinMaxSettings, context: DefenceContext) -> Defence:
    """Train each classifier against an inference network of its own."""
    if not context.reference.shape[1]:
        raise ValueError("min_max: found no reference records, allowed a protocol with `reference` above 0")
    term = MinMax(settings, context)
    return Defence(terms=(term,), measured=term.measured)


def check_min_max(settings: MinMaxSettings, cell: DefendedCell) -> None:
    """Refuse a game without weight, and one that would begin after the last epoch.

    Raises:
        ValueError: names the key.

    """
    check_weight("gain_weight", settings.gain_weight)
    if settings.warm_up_epochs >= cell.epochs > 0:
        raise ValueError(f"warm_up_epochs: found {settings.warm_up_epochs}, allowed below the {cell.epochs} epochs")


def checks(settings: MinMaxSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that the inference networks inferred something before the game, and that the game had a pull."""
    del settings
    before = trained.measured.get("inference_gain_before_game", ())
    reason = "gain of the inference network before the game; -log 4 is that of guessing"
    return (
        check("adversary beats its trivial answer before the game", before, "at least", GUESSING + MARGIN, reason),
        share_check("penalty gradient", trained, "penalty_gradient_share", "the penalty with respect to the logits"),
    )


_EXAMPLE = {
    "name": "min_max",
    "gain_weight": 1,
    "attack_steps": 1,
    "attack_warm_up": 20,
    "learning_rate": 0.001,
    "warm_up_epochs": 0,
}
METHOD = DefenceMethod(
    settings=MinMaxSettings,
    build=min_max,
    needs=frozenset({"reference"}),
    check=check_min_max,
    checks=checks,
    examples=(
        {**_EXAMPLE, "variant": "paper", "initialisation": "nasr"},
        {**_EXAMPLE, "variant": "released", "warm_up_epochs": 1, "initialisation": "he"},
    ),
)
