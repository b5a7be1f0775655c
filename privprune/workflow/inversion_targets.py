"""Targets as an inversion attacker meets them: cut in two, with the records that he knows and those he is scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from privprune.attacks.inversion import AttackerData, Inversion, ThreatModel
from privprune.cells import Cell, generator
from privprune.errors import UserError
from privprune.models import WIRE, BlockNet, edge_of, reseed, split
from privprune.models.wire import DropoutSettings
from privprune.workflow.context import DataContext

KNOWN_SHARE = 0.9  # of the test records, known to an attacker of attacker_data: infer; the first of them, as in CEM
FEWEST = 10  # test records, so that both parts have some
SHOWN = (2, 8)  # rows and columns of a panel, where a dataset has no mosaic


@dataclass(frozen=True)
class Halves:
    """A network cut for an attack.

    Attributes:
        encoder: what the edge device computes, without what happens on the wire.
        wire: what happens there.
        cloud: the rest.

    """

    encoder: nn.Sequential
    wire: nn.Module
    cloud: BlockNet

    def feature_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape of one image's features, (c, h, w) or (c,); leaves the encoder in evaluation mode."""
        device = next((value.device for value in self.encoder.parameters()), torch.device("cpu"))
        with torch.no_grad():
            features = self.encoder.eval()(torch.zeros(1, *image_shape, device=device))
        return tuple(features.shape[1:])


def halves(model: BlockNet, cut: str | int | None) -> Halves:
    """Cut a network for an attack.

    Args:
        model: the network.
        cut: where a whole network is cut, with a plain wire; None for a network that has a cut of its own.

    Raises:
        UserError: there is no such cut, none is named for a whole network, or one for a network that has its own.

    """
    if cut is None:
        edge = edge_of(model)
        return Halves(edge[:-1], edge[-1], split(model, WIRE)[1])
    if WIRE in model.block_names:
        raise UserError(f"cut: found {cut!r} for a network with a cut of its own, allowed null")
    edge, cloud = split(model, cut)
    return Halves(edge, nn.Identity(), cloud)


@dataclass(frozen=True)
class Pools:
    """The records of one target by what an inversion attacker may do with them, int64 each.

    Attributes:
        members: what the target was trained on.
        test: the official test records.
        known_test: the first 90 % of them, without those that a panel shows.
        unseen_test: the last 10 %.
        shown: [rows, columns], what a panel shows: the dataset's mosaic, or evenly spaced records of `unseen_test`.

    """

    members: Tensor
    test: Tensor
    known_test: Tensor
    unseen_test: Tensor
    shown: Tensor


def pools(members: Tensor, test: Tensor, mosaic: Sequence[Sequence[int]]) -> Pools:
    """Sort records.

    Raises:
        UserError: there are too few test records.

    """
    if len(test) < FEWEST:
        raise UserError(f"inversions: found {len(test)} test records, allowed at least {FEWEST}")
    known, unseen = test.tensor_split([int(KNOWN_SHARE * len(test))])
    rows, columns = SHOWN
    strip = evenly(unseen, rows * columns)
    shown = torch.tensor(mosaic) if mosaic else strip.view(rows if len(strip) == rows * columns else 1, -1)
    return Pools(members, test, known[~torch.isin(known, shown)], unseen, shown)


def records_of(cell: Cell, number: int, context: DataContext) -> Pools:
    """Sort the records of one network of a cell.

    Raises:
        UserError: there are too few test records.

    """
    test = context.split(cell.manifest, number).test
    return pools(context.members(cell.manifest, number), test, context.dataset.mosaic)


@dataclass(frozen=True)
class ScoringPlan:
    """The records of one attack, int64 each.

    Attributes:
        known: what the attacker trains on.
        released: what CEM's released code would score him on: records of the test set that he has not seen.
        written: what the paper's words say: an attacker who knows the training records is scored on these.
        shown: what is shown of his work.

    """

    known: Tensor
    released: Tensor
    written: Tensor
    shown: Tensor

    @property
    def scored(self) -> Tensor:
        """All that is inverted, each record once, in ascending order."""
        scored: Tensor = torch.cat([self.released, self.written, self.shown]).unique()
        return scored

    def rows(self, records: Tensor) -> Tensor:
        """Return the places of some records in `scored`."""
        return torch.searchsorted(self.scored, records)


def plan(attack: Inversion, own: Pools, images: int | None) -> ScoringPlan:
    """Decide what an attack knows and is scored on.

    Released code (decoding-based attack): `train` trains on the training records and is scored on the test set, `infer`
    trains on the first 90 % of the test set and is scored on the last 10 %. The paper speaks of reconstructing training
    and inference images: `train` is scored on training records; for `infer` there is no other choice than unseen test
    records. An attack that trains on nothing, which CEM has not, is scored on the test set under both names; one with a
    limit, on as many of the shown records.

    Args:
        attack: what it trains on, and how many images it inverts at most.
        own: the target's records.
        images: how many are scored at most, evenly spaced; None for all.

    """
    shown = own.shown.flatten()
    if attack.limit is not None:
        shown = evenly(shown, attack.limit)
        return ScoringPlan(own.members[:0], shown, shown, shown)
    known: dict[AttackerData | None, Tensor] = {"train": own.members, "infer": own.known_test, None: own.members[:0]}
    released = evenly(own.unseen_test if attack.attacker_data == "infer" else own.test, images)
    written = evenly(own.members, images) if attack.attacker_data == "train" else released
    return ScoringPlan(known[attack.attacker_data], released, written, shown)


def evenly(records: Tensor, most: int | None) -> Tensor:
    """Keep `most` of the records at most, evenly spaced."""
    if most is None or most >= len(records):
        return records
    return records[torch.arange(most, device=records.device) * len(records) // most]


@dataclass(frozen=True)
class Target:
    """One network of a cell, cut and ready to be attacked.

    Attributes:
        halves: the network, on the device, in evaluation mode, without gradients of its own.
        pools: its records.
        deviation: of the noise that its wire adds to each feature.
        random: whether two queries with one image differ.
        random_edge: whether they do before the wire already.
        share: of each feature that a random wire lets through on average.
        surrogate: state dict of the decoder that it was trained against; empty where there was none.

    """

    halves: Halves
    pools: Pools
    deviation: float
    random: bool
    random_edge: bool
    share: float
    surrogate: dict[str, Tensor]

    def victim(self, own: ScoringPlan, context: DataContext) -> ThreatModel:
        """Hand over what an attacker may have."""
        device = context.device
        return ThreatModel(
            encoder=self.halves.encoder,
            wire=self.halves.wire,
            random=self.random,
            random_edge=self.random_edge,
            share=self.share,
            images=context.dataset.images,
            auxiliary=own.known.to(device),
            leaked=self.pools.known_test.to(device),
            scored=own.scored.to(device),
            surrogate=self.surrogate,
            checkpoints=context.checkpoints,
        )


def target(cell: Cell, number: int, cut: str | int | None, context: DataContext, *seed: int) -> Target:
    """Take one network of a cell apart.

    Args:
        cell: the networks.
        number: which of them.
        cut: where a whole network is cut; None for its own cut.
        context: its data.
        seed: numbers that all draws on its wire hang on.

    Raises:
        UserError: there is no such cut, or the data has too few test records.

    """
    model = cell.models([number])[0].to(context.device).to(memory_format=torch.channels_last)
    reseed(model, generator(*seed).initial_seed())
    model.requires_grad_(requires_grad=False).eval()
    own = cell.manifest.cut
    wire = own.wire if own is not None else None
    parts = halves(model, cut)
    parts.encoder.eval()  # the blocks are already, their new container is not
    return Target(
        halves=parts,
        pools=records_of(cell, number, context),
        deviation=wire.noise_deviation if wire is not None else 0.0,
        random=own is not None and own.random,
        random_edge=own is not None and own.random_edge,
        share=1 - wire.rate if isinstance(wire, DropoutSettings) else 1.0,
        surrogate=cell.surrogates[number],
    )
