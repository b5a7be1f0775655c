"""Targets of inversion attacks: networks cut in two, with the records that an attacker knows and is scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.inversion import AttackerData, Inversion, ThreatModel
from privprune.cells import Cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.errors import UserError
from privprune.models import Halves, cut_in_two, reseed
from privprune.models.layout import in_fast_layout
from privprune.workflow.context import DataContext

_KNOWN_SHARE = 0.9  # of the test records, the first of them, for an attacker with attacker_data `infer`, as in CEM
_FEWEST_TEST_RECORDS = 10  # so that both parts have some
_SELECTION = 5  # scored images for each that is set aside to choose the strongest attack
_PANEL = (2, 8)  # rows and columns of a panel of images, where the dataset has no mosaic


@dataclass(frozen=True)
class TargetRecords:
    """The records of one target by what they mean to an inversion attacker, int64 each.

    Attributes:
        members: training records of the target.
        test: the official test records.
        known_test: the first 90 % of the test records, without those in the panel.
        unseen_test: the last 10 % of the test records.
        panel: [rows, columns], records that figures show: the dataset's mosaic, or evenly spaced records of
            `unseen_test`.

    """

    members: Tensor
    test: Tensor
    known_test: Tensor
    unseen_test: Tensor
    panel: Tensor


def divide_records(members: Tensor, test: Tensor, mosaic: Sequence[Sequence[int]]) -> TargetRecords:
    """Divide the records of a target.

    Args:
        members: int64 [n], its training records.
        test: int64 [m], the official test records.
        mosaic: rows of records that make up a photograph; empty where the dataset has none.

    Raises:
        UserError: there are fewer than 10 test records.

    """
    if len(test) < _FEWEST_TEST_RECORDS:
        raise UserError(f"inversions: found {len(test)} test records, allowed at least {_FEWEST_TEST_RECORDS}")
    known, unseen = test.tensor_split([int(_KNOWN_SHARE * len(test))])
    rows, columns = _PANEL
    strip = evenly_spaced(unseen, rows * columns)
    panel = torch.tensor(mosaic) if mosaic else strip.view(rows if len(strip) == rows * columns else 1, -1)
    return TargetRecords(members, test, known[~torch.isin(known, panel)], unseen, panel)


def target_records(cell: Cell, number: int, context: DataContext) -> TargetRecords:
    """Divide the records of one network of a cell.

    Raises:
        UserError: there are fewer than 10 test records.

    """
    test = context.split(cell.manifest, number).test
    return divide_records(context.members(cell.manifest, number), test, context.dataset.mosaic)


@dataclass(frozen=True)
class ScoringPlan:
    """The records of one attack on one target, int64 each.

    Attributes:
        known: records that the attacker trains on.
        released: records that CEM's released code scores: test records that the attacker has not seen.
        as_written: records that CEM's paper scores: training records for an attacker that knows them.
        panel: records that figures show.
        selection: records that the attacker has not seen, by which the strongest attack is chosen; none of the others.

    """

    known: Tensor
    released: Tensor
    as_written: Tensor
    panel: Tensor
    selection: Tensor

    @property
    def shown(self) -> Tensor:
        """The records whose reconstructions are scored or drawn, each once, in ascending order."""
        shown: Tensor = torch.cat([self.released, self.as_written, self.panel]).unique()
        return shown

    @property
    def inverted(self) -> Tensor:
        """All records that are inverted, each once, in ascending order."""
        inverted: Tensor = torch.cat([self.shown, self.selection]).unique()
        return inverted

    def positions(self, records: Tensor) -> Tensor:
        """Return the positions of some records in `inverted`."""
        return torch.searchsorted(self.inverted, records)


def plan_scoring(attack: Inversion, records: TargetRecords, images: int | None) -> ScoringPlan:
    """Decide what an attacker knows and which records it is scored on.

    CEM's released code (decoding-based attack): `train` trains on the training records and is scored on the test set;
    `infer` trains on the first 90 % of the test set and is scored on the last 10 %. The paper reconstructs training and
    inference images, so `train` is also scored on training records; for `infer` both are the unseen test records.
    An attack without training (none in CEM) is scored on the test set both times. An attack with a limit is scored on
    that many records of the panel. Of the test records that the attacker does not know, about a fifth as many as are
    scored are set aside to choose the strongest attack; where all would be scored, a sixth of them.

    Args:
        attack: what it trains on, and how many images it inverts at most.
        records: of the target.
        images: how many records are scored at most, evenly spaced; None for all.

    """
    panel = records.panel.flatten()
    if attack.limit is not None:
        few = evenly_spaced(panel, attack.limit)
        others = records.test[~torch.isin(records.test, panel)]
        return ScoringPlan(records.members[:0], few, few, few, evenly_spaced(others, -(-len(few) // _SELECTION)))
    known: dict[AttackerData | None, Tensor] = {
        "train": records.members,
        "infer": records.known_test,
        None: records.members[:0],
    }
    unseen = records.unseen_test if attack.attacker_data == "infer" else records.test
    released, selection = _divided(unseen, panel, images)
    as_written = evenly_spaced(records.members, images) if attack.attacker_data == "train" else released
    return ScoringPlan(known[attack.attacker_data], released, as_written, panel, selection)


def _divided(unseen: Tensor, panel: Tensor, images: int | None) -> tuple[Tensor, Tensor]:
    """Divide unseen records into those that are scored, at most `images` of them, and those for the selection."""
    scored = evenly_spaced(unseen, images)
    others = unseen[~torch.isin(unseen, torch.cat([scored, panel]))]
    wanted = -(-len(scored) // _SELECTION)
    if len(others) >= wanted:
        return scored, evenly_spaced(others, wanted)
    selection = evenly_spaced(unseen[~torch.isin(unseen, panel)], -(-len(unseen) // (_SELECTION + 1)))
    return evenly_spaced(unseen[~torch.isin(unseen, selection)], images), selection


def evenly_spaced(records: Tensor, most: int | None) -> Tensor:
    """Return at most `most` of the records, evenly spaced; all of them for None."""
    if most is None or most >= len(records):
        return records
    return records[torch.arange(most, device=records.device) * len(records) // most]


@dataclass(frozen=True)
class InversionTarget:
    """One network of a cell, cut in two for an attack.

    Attributes:
        halves: the network, on the device, in evaluation mode, without gradients for its weights.
        records: of the target.
        deviation: standard deviation of the noise that the wire adds to each feature.
        random: whether two queries with one image differ.
        random_edge: whether they differ before the wire already.
        share: of each feature that a random wire lets through on average.
        surrogate: state dict of the decoder that the target was trained against; empty where there was none.

    """

    halves: Halves
    records: TargetRecords
    deviation: float
    random: bool
    random_edge: bool
    share: float
    surrogate: dict[str, Tensor]

    def threat_model(self, plan: ScoringPlan, context: DataContext, checkpoints: Checkpoints = NONE) -> ThreatModel:
        """Collect what an attacker may use.

        Args:
            plan: what the attacker knows and is scored on.
            context: the data.
            checkpoints: where the attacker stores its work, so that it can be resumed.

        """
        device = context.device
        return ThreatModel(
            encoder=self.halves.encoder,
            wire=self.halves.wire,
            random=self.random,
            random_edge=self.random_edge,
            share=self.share,
            images=context.dataset.images,
            auxiliary=plan.known.to(device),
            leaked=self.records.known_test.to(device),
            scored=plan.inverted.to(device),
            surrogate=self.surrogate,
            labels=context.dataset.labels,
            classes=context.dataset.classes,
            cloud=self.halves.cloud,
            checkpoints=checkpoints,
        )


def prepare_target(
    cell: Cell, number: int, cut: str | int | None, context: DataContext, draws: torch.Generator
) -> InversionTarget:
    """Cut one network of a cell in two for an attack.

    Args:
        cell: the networks.
        number: which of them.
        cut: where a whole network is cut; None for a network with a cut of its own.
        context: the data.
        draws: the random layers, of the wire for instance, are seeded with its initial seed.

    Raises:
        UserError: there is no such cut, or the data has fewer than 10 test records.

    """
    model = in_fast_layout(cell.models([number])[0].to(context.device))
    reseed(model, draws.initial_seed())
    model.requires_grad_(requires_grad=False).eval()
    trained_cut = cell.manifest.cut
    wire = trained_cut.wire if trained_cut is not None else None
    halves = cut_in_two(model, cut)
    halves.encoder.eval()  # its blocks are in evaluation mode already, their new container is not
    halves.cloud.eval()
    return InversionTarget(
        halves=halves,
        records=target_records(cell, number, context),
        deviation=wire.noise_deviation if wire is not None else 0.0,
        random=trained_cut is not None and trained_cut.random,
        random_edge=trained_cut is not None and trained_cut.random_edge,
        share=wire.share if wire is not None else 1.0,
        surrogate=cell.surrogates[number],
    )
