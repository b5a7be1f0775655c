"""The attack behind all but one of the numbers in MIA-Pruning: a network that reads posteriors and label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.membership.checks.converged import converged
from privprune.attacks.membership.early_stopping import EarlyStopping
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import KnownRecords, MembershipAttack, check_held_out
from privprune.attacks.membership.plateau import (
    batch_sizes,
    divided,
    drawn,
    membership_loss,
    train_to_plateau,
)
from privprune.attacks.membership.thresholds import as_scores
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.models.nasr import Initialisation, NasrNetwork, NasrVariant
from privprune.settings import AtLeastOne, Batch, Fraction, Positive, Repeats

_CHUNK = 4096  # records scored at once; it affects memory only
_CURVE_RECORDS = 1000  # evaluated records of each kind behind a point of the curve `accuracy`, at most


@dataclass(frozen=True)
class NasrSettings:
    """Settings of the attack network's training.

    Attributes:
        variant: `paper` or `released`, see `models.nasr`.
        initialisation: `nasr` draws the first weights from N(0, 0.01^2) as Nasr et al. do, `he` scales them to the
            width of each layer. Against two networks that knew digits with half of the labels random by heart, with
            250 known records of each kind, the former reached 60 and 81 % balanced accuracy and the latter 86 and
            84 %, where the gap attack has 83 and 82 %.
        steps: of Adam, at most.
        interval: steps between two evaluations on the held-out records.
        patience: evaluations without a lower loss after which the training ends.
        learning_rate: of Adam.
        batch: records per step, members and non-members at the expected odds (1:1 in Nasr et al.).
        validation: share of the known records that is held out. The network of the lowest loss on them gives the
            scores. The released code of Nasr et al. takes the best on the evaluation records, which is not offered.

    """

    variant: NasrVariant
    initialisation: Initialisation
    steps: AtLeastOne
    interval: Repeats
    patience: AtLeastOne
    learning_rate: Positive
    batch: Batch
    validation: Fraction

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other: ValueError, one line."""
        if self.batch < 2:
            raise ValueError(f"batch: found {self.batch}, allowed at least 2, a member and a non-member")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation: found {self.validation:g}, allowed above 0 and below 1")


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

    def first(self, count: int) -> _StackedRecords:
        """Return the first records of each target."""
        return _StackedRecords(self.inputs[:, :count], self.labels[:, :count])

    def __len__(self) -> int:
        return self.labels.shape[1]


class NasrAttack:
    """Nasr, Shokri and Houmansadr 2018 (arXiv 1807.05852), as used in MIA-Pruning, Section 5.2.

    History, one number per evaluation: `loss`, the mean over the steps since the last one; `validation_loss` and
    `validation_accuracy` on the held-out records; and `accuracy` on evaluated records (MIA-Pruning's Figure 2), which
    selects nothing. Accuracies are at the expected odds.
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
    return (evidence.odds, *(len(outputs) for outputs in known + evaluation), *(evidence.judged or ()))


class _StackedAttack:
    """S attack networks, one against each of S targets that have equally many records of each kind.

    It is a `Trainee` of `plateau`.
    """

    def __init__(
        self, settings: NasrSettings, evidences: Sequence[Evidence], generators: Sequence[torch.Generator]
    ) -> None:
        self.settings, self.generators, self.odds = settings, generators, evidences[0].odds
        logits = evidences[0].known_members.logits
        network = NasrNetwork(logits.shape[-1], settings.variant, generators, settings.initialisation)
        self.network = network.to(logits.device)

        def stacked(kind: str) -> _StackedRecords:
            return _StackedRecords.of(self.network, [getattr(evidence, kind) for evidence in evidences])

        known = [self._divided(stacked("known_members")), self._divided(stacked("known_nonmembers"))]
        self.training, self.held_out = tuple(zip(*known, strict=True))
        self.evaluation = (stacked("evaluation_members"), stacked("evaluation_nonmembers"))
        judged = evidences[0].judged or tuple(map(len, self.evaluation))
        self.curve = [
            records.first(min(count, _CURVE_RECORDS)) for records, count in zip(self.evaluation, judged, strict=True)
        ]

    def _divided(self, records: _StackedRecords) -> tuple[_StackedRecords, _StackedRecords]:
        """Divide known records at random into those for training and those held out, equal shares of each class."""
        share = self.settings.validation
        parts = [divided(labels, share, draw) for labels, draw in zip(records.labels, self.generators, strict=True)]
        training, held_out = (torch.stack(rows) for rows in zip(*parts, strict=True))
        if not held_out.shape[1]:
            raise UserError(f"validation: found {share:g} of {len(records)} known records, allowed more than none")
        return records.take(training), records.take(held_out)

    def scores(self, checkpoints: Checkpoints) -> list[Scores]:
        """Train until each network has stopped, and return the scores of each at its lowest held-out loss."""
        stopping = EarlyStopping(self.network, self.settings.patience, len(self.generators))
        history = train_to_plateau(self, self.settings, stopping, checkpoints)
        curves = {name: torch.stack(values, dim=1).tolist() for name, values in history.items()}
        lengths = stopping.evaluations.tolist()
        return [
            as_scores(*parts, 0.0, {name: curve[target][: lengths[target]] for name, curve in curves.items()})
            for target, parts in enumerate(zip(*self._log_odds(self.evaluation), strict=True))
        ]

    def batches(self, steps: int) -> Iterable[Sequence[_StackedRecords]]:
        """Draw members and non-members of each target."""
        orders = [
            torch.stack([drawn(len(records), steps * size, draw) for draw in self.generators]).to(records.labels.device)
            for records, size in zip(self.training, batch_sizes(self.settings.batch, self.odds), strict=True)
        ]
        for rows in zip(*(order.chunk(steps, dim=1) for order in orders), strict=True):
            yield [records.take(part) for records, part in zip(self.training, rows, strict=True)]

    def loss(self, batch: Sequence[_StackedRecords]) -> Tensor:
        """Return the loss of each network, float [S]."""
        return membership_loss([self.network(records.inputs, records.labels) for records in batch], self.odds)

    def evaluate(self, losses: Sequence[Tensor]) -> dict[str, Tensor]:
        """Measure each network: float [S] each."""
        held_out, curve = self._log_odds(self.held_out), self._log_odds(self.curve)
        return {
            "loss": sum(losses, torch.zeros_like(losses[0])) / len(losses),
            "validation_loss": membership_loss(held_out, self.odds),
            "validation_accuracy": self._accuracy(held_out),
            "accuracy": self._accuracy(curve),
        }

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


_EXAMPLE = {"attack": "nasr", "steps": 100, "interval": 10, "patience": 4, "learning_rate": 0.001, "batch": 48}


def check_nasr(settings: NasrSettings, known: KnownRecords) -> None:
    """Refuse a share that holds nothing out: ValueError, one line."""
    check_held_out(settings.validation, known)


METHOD = MembershipAttack(
    name="nasr",
    settings=NasrSettings,
    attack=NasrAttack,
    check=check_nasr,
    checks=converged,
    examples=(
        {**_EXAMPLE, "variant": "paper", "initialisation": "he", "validation": 0.2},
        {**_EXAMPLE, "variant": "released", "initialisation": "nasr", "validation": 0.3},
    ),
)
