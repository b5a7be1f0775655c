"""A dataset as the stages use it: resident images, the records of each network, utility of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from privprune.cells import Cell, Manifest
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.datasets import Dataset, Split, load_dataset, load_split
from privprune.defences.defence import DefenceContext
from privprune.errors import UserError
from privprune.metrics.reidentification import QueryRanks, rank_queries
from privprune.models import (
    PRETRAINED,
    BlockNet,
    CutSettings,
    ReidentificationSettings,
    count_weights,
    embedder,
    prunable,
)
from privprune.randomness import Purpose, generator
from privprune.settings import AtLeastOne, Count
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import TrainingPlan
from privprune.training.prediction import predict
from privprune.workflow.workers import side_by_side


@dataclass(frozen=True)
class NetworkSettings:
    """The networks of a cell that starts from a dataset.

    Attributes:
        model: name of the architecture.
        protocol: how members and non-members are divided: `paper`, or `clean` half splits.
        seeds: one per target.
        shadows: further networks on splits of their own, for attacks with shadow models; `clean` only.
        reserve_reference: keep the reference records out of training, for defences that need non-members.
        small_dense: number of weights of a narrower network of the same family (a control), or null.
        pretrained: file of torchvision's weights in `$PRIVPRUNE_DATA/checkpoints`, to start from, or null.
        cut: where the networks are cut into edge and cloud, and what is sent; null for whole networks.
        reidentification: how they learn to find identities again; null for classifiers.

    """

    model: str
    protocol: Literal["paper", "clean"]
    seeds: tuple[Count, ...]
    shadows: Count
    reserve_reference: bool
    small_dense: AtLeastOne | None
    pretrained: str | None
    cut: CutSettings | None
    reidentification: ReidentificationSettings | None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: found {list(self.seeds)}, allowed at least one, all different")
        if self.shadows and self.protocol == "paper":
            raise ValueError("shadows: found some with protocol paper, allowed 0 (every network has the same members)")
        if self.pretrained is not None and (self.model not in PRETRAINED or self.small_dense is not None):
            raise ValueError(
                f"pretrained: found {self.pretrained}, allowed null, but for a whole {' or '.join(PRETRAINED)}"
            )
        if self.cut is not None and (self.small_dense is not None or self.pretrained is not None):
            raise ValueError("cut: found one with small_dense or pretrained, allowed null for these")


@dataclass(frozen=True)
class DataContext:
    """One dataset with its splits, on the device, and where long work with it is kept on the way."""

    dataset: Dataset
    folder: Path
    device: torch.device
    checkpoints: Checkpoints = NONE

    def within(self, part: str) -> DataContext:
        """Return the same context for a part of the work."""
        return replace(self, checkpoints=self.checkpoints.within(part))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self.dataset.images.shape
        return channels, height, width

    def split(self, manifest: Manifest, network: int) -> Split:
        """Return the split of one network."""
        return load_split(self.folder, manifest.protocol, network)

    def members(self, manifest: Manifest, network: int) -> Tensor:
        """Return the records that one network trains on."""
        own = self.split(manifest, network)
        return own.members if manifest.reserve_reference else own.members_with_reference(manifest.protocol)

    def manifest(self, settings: NetworkSettings) -> Manifest:
        """Describe the networks of a cell that starts from this dataset."""
        _, channels, _, width = self.dataset.images.shape
        return Manifest(
            data=self.folder.name,
            fingerprint=self.dataset.fingerprint,
            protocol=settings.protocol,
            model=settings.model,
            in_channels=channels,
            image_size=width,
            classes=self.dataset.classes,
            seeds=settings.seeds,
            shadows=settings.shadows,
            reserve_reference=settings.reserve_reference,
            small_dense=settings.small_dense,
            pretrained=settings.pretrained,
            cut=settings.cut,
            structures=None,
            reidentification=settings.reidentification,
        )

    def training_data(self, manifest: Manifest, networks: Sequence[int]) -> TrainingData:
        """Return the records of a group of networks."""
        indices = torch.stack([self.members(manifest, number) for number in networks])
        return TrainingData(self.dataset.images, self.dataset.labels, indices.to(self.device))

    def defence_context(
        self, manifest: Manifest, networks: Sequence[int], plan: TrainingPlan, target_accuracy: Tensor | None
    ) -> DefenceContext:
        """Return what a defence may use for a group of networks."""
        splits = [self.split(manifest, number) for number in networks]
        seeds = manifest.model_seeds()
        return DefenceContext(
            images=self.dataset.images,
            labels=self.dataset.labels,
            members=self.training_data(manifest, networks).indices,
            reference=torch.stack([own.reference for own in splits]).to(self.device),
            selection=torch.stack([own.selection_nonmembers for own in splits]).to(self.device),
            classes=manifest.classes,
            cut=manifest.cut,
            epochs=plan.epochs,
            batch=plan.batch,
            precision=plan.precision,
            target_accuracy=target_accuracy,
            generators=[generator(seeds[number], Purpose.DEFENCE, number) for number in networks],
        )

    def utility(self, cell: Cell) -> dict[str, list[float]]:
        """Measure how well each target serves, and its size.

        Of classifiers: accuracy on their members, the selection records and the official test set. Of networks that
        find identities again: accuracy on their members, and how the official queries rank the official gallery.
        `weights` is the architecture's number; `weights_left` is that of the weights that are not zero.
        """
        dense = float(count_weights(cell.manifest.fresh(torch.Generator())))

        def measure(number: int) -> dict[str, float]:
            model = cell.models([number])[0].to(self.device)
            left = sum(int(weight.count_nonzero()) for weight in prunable(model).values())
            return {
                "train_accuracy": self.accuracy(Ensemble([model]), self.members(cell.manifest, number)),
                **self._tested(cell.manifest, model, number),
                "weights": dense,
                "weights_left": float(left),
            }

        targets = side_by_side(measure, range(cell.manifest.targets))
        return {name: [one[name] for one in targets] for name in targets[0]}

    def _tested(self, manifest: Manifest, model: BlockNet, number: int) -> dict[str, float]:
        """Measure a network on records that it was not trained on."""
        own, ensemble = self.split(manifest, number), Ensemble([model])
        if manifest.reidentification is None:
            return {
                "selection_accuracy": self.accuracy(ensemble, own.selection_nonmembers),
                "test_accuracy": self.accuracy(ensemble, own.test),
            }
        ranking = self.ranks(model).summary()
        names = ("rank_1", "rank_5", "mean_average_precision")
        return {name: getattr(ranking, name) for name in names}

    def embeddings(self, model: BlockNet, images: Tensor) -> Tensor:
        """Return what a network with BNNeck compares images by.

        Args:
            model: on the device.
            images: uint8 [n, channels, height, width], of any origin.

        Returns:
            float32 [n, D], on the device.

        """
        everything = torch.arange(len(images), device=self.device)
        return predict(Ensemble([embedder(model)]), images.to(self.device), everything)[0]

    def ranks(self, model: BlockNet, probes: Tensor | None = None, records: Tensor | None = None) -> QueryRanks:
        """Rank the official gallery, with the standard exclusion.

        Args:
            model: a network with BNNeck, on the device.
            probes: uint8 [n, channels, height, width], images that are looked for; None for the official queries.
            records: int64 [n], whose identities and cameras the probes have; needed with them. Test records.

        """
        dataset, first = self.dataset, self.dataset.official_train
        assert dataset.cameras is not None  # noqa: S101 (checked when it was fetched)
        gallery = torch.arange(first + dataset.queries, len(dataset.labels), device=self.device)
        if probes is None or records is None:
            records = torch.arange(first, first + dataset.queries)
            looked_for = self._embedded(model, records)
        else:
            looked_for = self.embeddings(model, probes)
        records = records.to(self.device)
        parts = (looked_for, dataset.labels[records], dataset.cameras[records])
        return rank_queries(*parts, self._embedded(model, gallery), dataset.labels[gallery], dataset.cameras[gallery])

    def _embedded(self, model: BlockNet, records: Tensor) -> Tensor:
        return predict(Ensemble([embedder(model)]), self.dataset.images, records.to(self.device))[0]

    def accuracy(self, ensemble: Ensemble, records: Tensor) -> float:
        """Return the accuracy of a single network on some records; 0 where there are none."""
        if not len(records):
            return 0.0
        records = records.to(self.device)
        hits = predict(ensemble, self.dataset.images, records)[0].argmax(1) == self.dataset.labels[records]
        return hits.float().mean().item()

    def described(self) -> dict[str, str]:
        """Return name, fingerprint and note of the dataset, as a record holds them."""
        source = self.dataset.name
        return {
            "name": self.folder.name,
            "source": source,
            "fingerprint": self.dataset.fingerprint,
            "note": self.dataset.note,
        }


def open_context(folder: Path, device: torch.device) -> DataContext:
    """Load a dataset that `fetch` has made, and move it to the device.

    Raises:
        UserError: it is missing or damaged.

    """
    dataset = load_dataset(folder)
    return DataContext(dataset.to(device), folder, device)


def weight_histograms(cell: Cell, bins: int = 101) -> dict[str, list[float]]:
    """Histogram of the first target's non-zero weights, per layer and over all (MIA-Pruning, Figure 3)."""
    weights: dict[str, Any] = prunable(cell.models([0])[0])
    reach = max(float(weight.detach().abs().max()) for weight in weights.values())
    edges = torch.linspace(-reach, reach, bins)
    counts = {name: torch.histogram(weight[weight != 0].detach(), edges).hist for name, weight in weights.items()}
    total = torch.stack(list(counts.values())).sum(0)
    return {"edges": edges.tolist(), "all": total.tolist(), **{name: count.tolist() for name, count in counts.items()}}


def check_same_data(cell: Cell, context: DataContext, where: str) -> None:
    """Refuse to go on from networks of another dataset.

    Raises:
        UserError: names both.

    """
    if cell.manifest.fingerprint != context.dataset.fingerprint:
        raise UserError(f"{where}: found networks trained on {cell.manifest.data}, allowed {context.folder.name}")
