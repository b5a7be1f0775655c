"""The attack behind all but one of the numbers in MIA-Pruning: a network that reads posteriors and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Scores
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.settings import AtLeastOne, Fraction, Positive
from privprune.training.optimisers import Adam

_CHUNK = 4096  # records scored at once


@dataclass(frozen=True)
class NasrSettings:
    """Settings of the attack network's training.

    Attributes:
        variant: `paper` or `released`, see `models.nasr`.
        epochs: passes over the known members or known non-members, whichever are more; the others repeat meanwhile.
        learning_rate: of Adam.
        batch: records per step, members and non-members at the expected odds (1:1 in Nasr et al.).
        validation: share of the known records that is held out to compare epochs; 0 for none.
        epoch: which epoch's network gives the scores: the `last`, or the `best_on_validation`. The released code of
            Nasr et al. takes the best on the evaluation records, which is not offered here.

    """

    variant: NasrVariant
    epochs: AtLeastOne
    learning_rate: Positive
    batch: AtLeastOne
    validation: Fraction
    epoch: Literal["last", "best_on_validation"]

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other: ValueError, one line."""
        if self.batch < 2:
            raise ValueError(f"batch: found {self.batch}, allowed at least 2, a member and a non-member")
        if self.validation >= 1:
            raise ValueError(f"validation: found {self.validation:g}, allowed below 1")
        if self.epoch == "best_on_validation" and self.validation == 0:
            raise ValueError("epoch: found best_on_validation with validation 0, allowed last, or a validation above 0")


@dataclass(frozen=True)
class _StackedRecords:
    """Records of S targets, stacked.

    Attributes:
        inputs: float [S, n, classes], the posteriors as the attack network reads them.
        labels: int64 [S, n], the true classes.

    """

    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(cls, network: NasrNetwork, outputs: Sequence[Outputs]) -> _StackedRecords:
        """Stack the outputs of S targets on n records each."""
        logits = torch.stack([one.logits.float() for one in outputs])
        return cls(network.seen(logits), torch.stack([one.labels for one in outputs]))

    def take(self, rows: Tensor) -> _StackedRecords:
        """Return the records at rows, int64 [S, k], which differ between targets."""
        rows = rows.to(self.labels.device)
        return _StackedRecords(self.inputs.take_along_dim(rows[..., None], 1), self.labels.take_along_dim(rows, 1))

    def __len__(self) -> int:
        return self.labels.shape[1]


class NasrAttack:
    """Nasr, Shokri and Houmansadr 2018 (arXiv 1807.05852), as used in MIA-Pruning, Section 5.2.

    History, one number per epoch: `loss`; `accuracy` on the evaluation records (MIA-Pruning's Figure 2), which selects
    nothing; and `validation_accuracy` where some known records are held out. Both accuracies are at the expected odds.
    """

    def __init__(self, settings: NasrSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws initial weights, held-out records and batches."""
        return self.many([evidence], [generator])[0]

    def many(
        self,
        evidences: Sequence[Evidence],
        generators: Sequence[torch.Generator],
        checkpoints: Checkpoints = NONE,
    ) -> list[Scores]:
        """Attack several targets; networks train stacked if all targets have equally many records of each kind."""
        if len({_sizes(evidence) for evidence in evidences}) > 1:
            targets = enumerate(zip(evidences, generators, strict=True))
            return [self.many([one], [draw], checkpoints.within(f"{number}"))[0] for number, (one, draw) in targets]
        return _StackedAttack(self.settings, evidences, generators).scores(checkpoints)


def _sizes(evidence: Evidence) -> tuple[float, ...]:
    """Return what must be equal for targets whose networks train stacked."""
    known = (evidence.known_members, evidence.known_nonmembers)
    evaluation = (evidence.evaluation_members, evidence.evaluation_nonmembers)
    return (evidence.odds, *(len(outputs) for outputs in known + evaluation))


class _StackedAttack:
    """S attack networks, one against each of S targets that have equally many records of each kind."""

    def __init__(
        self, settings: NasrSettings, evidences: Sequence[Evidence], generators: Sequence[torch.Generator]
    ) -> None:
        self.settings, self.generators, self.odds = settings, generators, evidences[0].odds
        logits = evidences[0].known_members.logits
        self.network = NasrNetwork(logits.shape[-1], settings.variant, generators).to(logits.device)
        self.optimiser = Adam(self.network.parameters(), lr=settings.learning_rate)
        known = [
            self._divided(_StackedRecords.of(self.network, [evidence.known_members for evidence in evidences])),
            self._divided(_StackedRecords.of(self.network, [evidence.known_nonmembers for evidence in evidences])),
        ]
        self.training, self.validation = tuple(zip(*known, strict=True))
        self.evaluation = (
            _StackedRecords.of(self.network, [evidence.evaluation_members for evidence in evidences]),
            _StackedRecords.of(self.network, [evidence.evaluation_nonmembers for evidence in evidences]),
        )

    def _divided(self, records: _StackedRecords) -> tuple[_StackedRecords, _StackedRecords]:
        """Divide known records at random into those for training and those held out."""
        order = torch.stack([torch.randperm(len(records), generator=generator) for generator in self.generators])
        held_out = int(self.settings.validation * len(records))
        if self.settings.validation > 0 and not held_out:
            raise ValueError(f"validation {self.settings.validation:g} of {len(records)} known records is none")
        return records.take(order[:, held_out:]), records.take(order[:, :held_out])

    def scores(self, checkpoints: Checkpoints) -> list[Scores]:
        """Train, score the records after every epoch, and return the scores of the epoch that the settings name."""
        history: dict[str, list[Tensor]] = {}
        by_epoch: dict[str, tuple[Tensor, Tensor]] = {}  # scores of the last epoch, and of the best one so far
        state = [self.network, self.optimiser, self.generators, history, by_epoch]
        for _ in checkpoints.turns("training", self.settings.epochs, state):
            history.setdefault("loss", []).append(self._epoch())
            by_epoch["last"] = self._log_odds(self.evaluation)
            history.setdefault("accuracy", []).append(self._accuracy(by_epoch["last"]))
            if self.settings.validation > 0:
                accuracy = self._accuracy(self._log_odds(self.validation))
                earlier = history.setdefault("validation_accuracy", [])
                better = accuracy > torch.stack(earlier or [accuracy - 1]).amax(0)
                earlier.append(accuracy)
                by_epoch["best_on_validation"] = _where(
                    better, by_epoch["last"], by_epoch.get("best_on_validation", by_epoch["last"])
                )
        chosen = by_epoch[self.settings.epoch]
        curves = {name: torch.stack(values, dim=1).tolist() for name, values in history.items()}
        return [
            as_scores(members, nonmembers, 0.0, {name: curve[target] for name, curve in curves.items()})
            for target, (members, nonmembers) in enumerate(zip(*chosen, strict=True))
        ]

    def _epoch(self) -> Tensor:
        """Train for one pass over the known records; returns the mean loss of each network, float [S]."""
        share = self.odds / (1 + self.odds)
        members = min(max(round(self.settings.batch * share), 1), self.settings.batch - 1)
        sizes = (members, self.settings.batch - members)
        steps = max(-(-len(records) // size) for records, size in zip(self.training, sizes, strict=True))
        orders = [self._order(len(records), steps * size) for records, size in zip(self.training, sizes, strict=True)]
        total = torch.zeros(len(self.generators), device=self.training[0].inputs.device)
        for rows in zip(*(order.chunk(steps, dim=1) for order in orders), strict=True):
            batches = [records.take(part) for records, part in zip(self.training, rows, strict=True)]
            logits = [self.network(batch.inputs, batch.labels) for batch in batches]
            # -log f_A on members, -log(1 - f_A) on non-members: the negative gain of MIA-Pruning's Eq. 1, at the odds
            loss = share * F.softplus(-logits[0]).mean(1) + (1 - share) * F.softplus(logits[1]).mean(1)
            self.optimiser.zero_grad()
            loss.sum().backward()
            self.optimiser.step()
            total += loss.detach()
        return total / steps

    def _order(self, records: int, needed: int) -> Tensor:
        """Random rows, int64 [S, needed]; each of the records appears k times before any appears k + 1 times."""
        rounds = range(-(-needed // records))
        drawn = [
            torch.cat([torch.randperm(records, generator=generator) for _ in rounds])[:needed]
            for generator in self.generators
        ]
        return torch.stack(drawn).to(self.training[0].labels.device)

    @torch.no_grad()
    def _log_odds(self, groups: Sequence[_StackedRecords]) -> tuple[Tensor, Tensor]:
        """Log-odds of membership of members and of non-members, float [S, n] and [S, m]."""
        return self._in_chunks(groups[0]), self._in_chunks(groups[1])

    def _in_chunks(self, records: _StackedRecords) -> Tensor:
        """Log-odds of membership, float [S, n]; in chunks, which bounds the memory."""
        parts = zip(records.inputs.split(_CHUNK, dim=1), records.labels.split(_CHUNK, dim=1), strict=True)
        return torch.cat([self.network(inputs, labels) for inputs, labels in parts], dim=1)

    def _accuracy(self, log_odds: tuple[Tensor, Tensor]) -> Tensor:
        """Accuracy at the expected odds, float64 [S]; at odds of 1 this is the balanced accuracy."""
        true_positive_rate, false_positive_rate = ((part >= 0).double().mean(1) for part in log_odds)
        return (self.odds * true_positive_rate + 1 - false_positive_rate) / (1 + self.odds)


def _where(better: Tensor, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Take the new scores of the networks that have become better, bool [S], and the old scores of the others."""
    members, nonmembers = (torch.where(better[:, None], *pair) for pair in zip(new, old, strict=True))
    return members, nonmembers


METHOD = MembershipAttack(
    name="nasr",
    settings=NasrSettings,
    attack=NasrAttack,
    examples=(
        {
            "attack": "nasr",
            "variant": "paper",
            "epochs": 12,
            "learning_rate": 0.001,
            "batch": 48,
            "validation": 0.0,
            "epoch": "last",
        },
        {
            "attack": "nasr",
            "variant": "released",
            "epochs": 12,
            "learning_rate": 0.001,
            "batch": 48,
            "validation": 0.3,
            "epoch": "best_on_validation",
        },
    ),
)
