"""The attack behind all of MIA-Pruning's printed numbers but one: a network that reads posteriors and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.thresholds import scored
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Scores
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.settings import AtLeastOne, Fraction, Positive
from privprune.training.optimisers import Adam

_CHUNK = 4096  # records judged at once


@dataclass(frozen=True)
class NasrSettings:
    """Settings of the attack network's training.

    Attributes:
        variant: `paper` or `released`, see `models.nasr`.
        epochs: passes over the larger of the two known pools; the smaller one is drawn again meanwhile.
        learning_rate: of Adam.
        batch: records per step, members and non-members at the expected odds (1:1, as Nasr et al. pair them).
        validation: share of the known records that is held out to compare epochs; 0 holds out none.
        epoch: which epoch's network is judged: the `last`, or the `best_on_validation`. Never the best on the
            evaluation records, as the released code of Nasr et al. does.

    """

    variant: NasrVariant
    epochs: AtLeastOne
    learning_rate: Positive
    batch: AtLeastOne
    validation: Fraction
    epoch: Literal["last", "best_on_validation"]

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.batch < 2:
            raise ValueError(f"batch: found {self.batch}, allowed at least 2, a member and a non-member")
        if self.validation >= 1:
            raise ValueError(f"validation: found {self.validation:g}, allowed below 1")
        if self.epoch == "best_on_validation" and self.validation == 0:
            raise ValueError("epoch: found best_on_validation with validation 0, allowed last, or a validation above 0")


@dataclass(frozen=True)
class _Pool:
    """Records of S targets side by side: what the network sees [S, n, classes], and true classes [S, n]."""

    seen: Tensor
    labels: Tensor

    @classmethod
    def of(cls, network: NasrNetwork, outputs: Sequence[Outputs]) -> _Pool:
        logits = torch.stack([one.logits.float() for one in outputs])
        return cls(network.seen(logits), torch.stack([one.labels for one in outputs]))

    def take(self, rows: Tensor) -> _Pool:
        """Keep rows, int64 [S, k], of each target its own."""
        rows = rows.to(self.labels.device)
        return _Pool(self.seen.take_along_dim(rows[..., None], 1), self.labels.take_along_dim(rows, 1))

    def __len__(self) -> int:
        return self.labels.shape[1]


class NasrAttack:
    """Nasr, Shokri and Houmansadr 2018 (arXiv 1807.05852), as used in MIA-Pruning, section 5.2.

    History, one number per epoch: `loss`, `accuracy` on the evaluation records (MIA-Pruning's figure 2; nothing is
    chosen by it), and `validation_accuracy` where some known records are held out; both at the expected odds.
    """

    def __init__(self, settings: NasrSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws first weights, held-out records and batches."""
        return self.many([evidence], [generator])[0]

    def many(
        self,
        evidences: Sequence[Evidence],
        generators: Sequence[torch.Generator],
        checkpoints: Checkpoints = NONE,
    ) -> list[Scores]:
        """Attack several targets, their networks trained side by side where their pools are of equal size."""
        if len({_sizes(evidence) for evidence in evidences}) > 1:
            targets = enumerate(zip(evidences, generators, strict=True))
            return [self.many([one], [own], checkpoints.within(f"{number}"))[0] for number, (one, own) in targets]
        return _Contest(self.settings, evidences, generators).scores(checkpoints)


def _sizes(evidence: Evidence) -> tuple[float, ...]:
    known = (evidence.known_members, evidence.known_nonmembers)
    judged = (evidence.evaluation_members, evidence.evaluation_nonmembers)
    return (evidence.odds, *(len(pool) for pool in known + judged))


class _Contest:
    """S attack networks against S targets with pools of equal size."""

    def __init__(
        self, settings: NasrSettings, evidences: Sequence[Evidence], generators: Sequence[torch.Generator]
    ) -> None:
        self.settings, self.generators, self.odds = settings, generators, evidences[0].odds
        logits = evidences[0].known_members.logits
        self.network = NasrNetwork(logits.shape[-1], settings.variant, generators).to(logits.device)
        self.optimiser = Adam(self.network.parameters(), lr=settings.learning_rate)
        known = [
            self._parted(_Pool.of(self.network, [evidence.known_members for evidence in evidences])),
            self._parted(_Pool.of(self.network, [evidence.known_nonmembers for evidence in evidences])),
        ]
        self.training, self.validation = tuple(zip(*known, strict=True))
        self.evaluation = (
            _Pool.of(self.network, [evidence.evaluation_members for evidence in evidences]),
            _Pool.of(self.network, [evidence.evaluation_nonmembers for evidence in evidences]),
        )

    def _parted(self, pool: _Pool) -> tuple[_Pool, _Pool]:
        """Training and held-out part of a known pool."""
        order = torch.stack([torch.randperm(len(pool), generator=generator) for generator in self.generators])
        held_out = int(self.settings.validation * len(pool))
        if self.settings.validation > 0 and not held_out:
            raise ValueError(f"validation {self.settings.validation:g} of {len(pool)} known records is none")
        return pool.take(order[:, held_out:]), pool.take(order[:, :held_out])

    def scores(self, checkpoints: Checkpoints) -> list[Scores]:
        """Train, judge after every epoch, and return the scores of the asked epoch."""
        history: dict[str, list[Tensor]] = {}
        seen: dict[str, tuple[Tensor, Tensor]] = {}  # scores of the last epoch, and of the best
        state = [self.network, self.optimiser, self.generators, history, seen]
        for _ in checkpoints.turns("contest", self.settings.epochs, state):
            history.setdefault("loss", []).append(self._epoch())
            seen["last"] = self._judged(self.evaluation)
            history.setdefault("accuracy", []).append(self._accuracy(seen["last"]))
            if self.settings.validation > 0:
                accuracy = self._accuracy(self._judged(self.validation))
                earlier = history.setdefault("validation_accuracy", [])
                better = accuracy > torch.stack(earlier or [accuracy - 1]).amax(0)
                earlier.append(accuracy)
                seen["best_on_validation"] = _where(better, seen["last"], seen.get("best_on_validation", seen["last"]))
        chosen = seen[self.settings.epoch]
        curves = {name: torch.stack(values, dim=1).tolist() for name, values in history.items()}
        return [
            scored(members, nonmembers, 0.0, {name: curve[seed] for name, curve in curves.items()})
            for seed, (members, nonmembers) in enumerate(zip(*chosen, strict=True))
        ]

    def _epoch(self) -> Tensor:
        """One pass over the known records; mean loss of each network, [S]."""
        share = self.odds / (1 + self.odds)
        members = min(max(round(self.settings.batch * share), 1), self.settings.batch - 1)
        sizes = (members, self.settings.batch - members)
        steps = max(-(-len(pool) // size) for pool, size in zip(self.training, sizes, strict=True))
        orders = [self._order(len(pool), steps * size) for pool, size in zip(self.training, sizes, strict=True)]
        total = torch.zeros(len(self.generators), device=self.training[0].seen.device)
        for rows in zip(*(order.chunk(steps, dim=1) for order in orders), strict=True):
            batches = [pool.take(part) for pool, part in zip(self.training, rows, strict=True)]
            logits = [self.network(batch.seen, batch.labels) for batch in batches]
            # -log f_A on members, -log(1 - f_A) on non-members: minus the gain of MIA-Pruning's eq. 1, at the odds
            loss = share * F.softplus(-logits[0]).mean(1) + (1 - share) * F.softplus(logits[1]).mean(1)
            self.optimiser.zero_grad()
            loss.sum().backward()
            self.optimiser.step()
            total += loss.detach()
        return total / steps

    def _order(self, records: int, needed: int) -> Tensor:
        """Rows in random order, as many as needed, each again only when all had their turn; [S, needed]."""
        rounds = range(-(-needed // records))
        drawn = [
            torch.cat([torch.randperm(records, generator=generator) for _ in rounds])[:needed]
            for generator in self.generators
        ]
        return torch.stack(drawn).to(self.training[0].labels.device)

    @torch.no_grad()
    def _judged(self, pools: Sequence[_Pool]) -> tuple[Tensor, Tensor]:
        """Log-odds of membership of members and of non-members, [S, n] and [S, m]."""
        return self._asked(pools[0]), self._asked(pools[1])

    def _asked(self, pool: _Pool) -> Tensor:
        parts = zip(torch.split(pool.seen, _CHUNK, dim=1), torch.split(pool.labels, _CHUNK, dim=1), strict=True)
        return torch.cat([self.network(seen, labels) for seen, labels in parts], dim=1)

    def _accuracy(self, judged: tuple[Tensor, Tensor]) -> Tensor:
        """Accuracy at the expected odds, [S]; balanced accuracy at 1."""
        right, wrong = ((part >= 0).double().mean(1) for part in judged)
        return (self.odds * right + 1 - wrong) / (1 + self.odds)


def _where(better: Tensor, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Take the new scores of the networks that are better, [S]."""
    members, nonmembers = (torch.where(better[:, None], *pair) for pair in zip(new, old, strict=True))
    return members, nonmembers
