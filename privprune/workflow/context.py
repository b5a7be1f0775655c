"""One dataset as the stages use it: images on the device, the records of each network, and settings of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from privprune.cells import Cell, Manifest
from privprune.datasets.dataset import Dataset
from privprune.datasets.prepare import load_dataset, load_split
from privprune.datasets.splits import Split
from privprune.defences.defence import DefenceContext
from privprune.errors import UserError
from privprune.models import CutSettings, ReidentificationSettings, pretrained_models
from privprune.randomness import Purpose, generator
from privprune.settings import FileName, Range, Seed, Shadows
from privprune.training.batches import TrainingData
from privprune.training.loop import TrainingPlan

_MOST_LAYERS = 8
HiddenUnits = tuple[Annotated[int, Range(1, 4096)], ...]


@dataclass(frozen=True)
class NetworkSettings:
    """The networks of a cell that starts from a dataset.

    Attributes:
        model: name of the architecture.
        protocol: how members and non-members are divided: `paper`, or `clean` half splits.
        seeds: one per target.
        shadows: number of shadow models, further networks on splits of their own, for attacks; `clean` only.
        reserve_reference: keep the reference records out of training, for defences that need non-members.
        widths: units of each hidden layer of `mlp`; null for all other architectures, which have their own.
        small_dense: number of weights of a narrower network of the same family, a control for pruning; null for none.
        pretrained: file of torchvision's weights in `$PRIVPRUNE_DATA/weights` to start from; null to start from
            random weights.
        cut: where the networks are cut into edge and cloud, and what is sent; null for whole networks.
        reidentification: losses and batches of re-identification networks; null for classifiers.

    """

    model: str
    protocol: Literal["paper", "clean"]
    seeds: tuple[Seed, ...]
    shadows: Shadows
    reserve_reference: bool
    widths: HiddenUnits | None = field(default=None, kw_only=True)
    small_dense: Annotated[int, Range(1, 100_000_000)] | None = field(default=None, kw_only=True)
    pretrained: FileName | None = field(default=None, kw_only=True)
    cut: CutSettings | None = field(default=None, kw_only=True)
    reidentification: ReidentificationSettings | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse combinations of settings that no experiment supports."""
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: found {list(self.seeds)}, allowed at least one, all different")
        if self.widths is not None and not 0 < len(self.widths) <= _MOST_LAYERS:
            raise ValueError(f"widths: found {len(self.widths)} layers, allowed 1 to {_MOST_LAYERS}")
        if self.shadows and self.protocol == "paper":
            raise ValueError("shadows: found some with protocol paper, allowed 0 (every network has the same members)")
        if self.pretrained is not None and (self.small_dense is not None or self.model not in pretrained_models()):
            raise ValueError(
                f"pretrained: found {self.pretrained}, allowed null, but for a whole {' or '.join(pretrained_models())}"
            )
        if self.cut is not None and (self.small_dense is not None or self.pretrained is not None):
            raise ValueError("cut: found one with small_dense or pretrained, allowed null for these")


@dataclass(frozen=True)
class DataContext:
    """One dataset with its splits, on the device that computes.

    Attributes:
        dataset: images and labels, on the device.
        folder: where `fetch` wrote it; the splits are read from there when they are needed.
        device: CPU or GPU.

    """

    dataset: Dataset
    folder: Path
    device: torch.device

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of each image."""
        _, channels, height, width = self.dataset.images.shape
        return channels, height, width

    def split(self, manifest: Manifest, network: int) -> Split:
        """Read the split of one network of a cell."""
        return load_split(self.folder, manifest.protocol, network)

    def members(self, manifest: Manifest, network: int) -> Tensor:
        """Return the records that one network trains on, int64 [n]."""
        split = self.split(manifest, network)
        return split.members if manifest.reserve_reference else split.members_with_reference(manifest.protocol)

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
            output=None,
            widths=settings.widths,
        )

    def training_data(self, manifest: Manifest, networks: Sequence[int]) -> TrainingData:
        """Return the training records of a group of networks, on the device."""
        indices = torch.stack([self.members(manifest, number) for number in networks])
        return TrainingData(self.dataset.images, self.dataset.labels, indices.to(self.device))

    def defence_context(
        self, manifest: Manifest, networks: Sequence[int], plan: TrainingPlan, target_accuracy: Tensor | None
    ) -> DefenceContext:
        """Collect what a defence may use for a group of networks, with new generators.

        Args:
            manifest: what the networks are.
            networks: numbers of those that are trained together.
            plan: how they are trained.
            target_accuracy: accuracy that the defence should reach, [networks]; None where it has no such target.

        """
        splits = [self.split(manifest, number) for number in networks]
        seeds = manifest.model_seeds()
        return DefenceContext(
            images=self.dataset.images,
            labels=self.dataset.labels,
            members=self.training_data(manifest, networks).indices,
            reference=torch.stack([split.reference for split in splits]).to(self.device),
            selection=torch.stack([split.selection_nonmembers for split in splits]).to(self.device),
            classes=manifest.classes,
            cut=manifest.cut,
            epochs=plan.epochs,
            batch=plan.batch,
            precision=plan.precision,
            target_accuracy=target_accuracy,
            generators=[generator(seeds[number], Purpose.DEFENCE, number) for number in networks],
        )

    def as_record(self) -> dict[str, str]:
        """Describe the dataset for a record: its name in the suite, source, fingerprint, note, and names of classes."""
        return {
            "name": self.folder.name,
            "source": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "note": self.dataset.note,
            **({"classes": ", ".join(self.dataset.class_names)} if self.dataset.class_names else {}),
        }


def open_context(folder: Path, device: torch.device) -> DataContext:
    """Load a dataset that `fetch` wrote, and move it to the device.

    Raises:
        UserError: it is missing or damaged.

    """
    dataset = load_dataset(folder)
    return DataContext(dataset.to(device), folder, device)


def check_same_data(cell: Cell, context: DataContext, where: str) -> None:
    """Check that a cell was trained on the data of a context.

    Args:
        cell: the networks.
        context: the data.
        where: place in the suite that names the cell, for the message.

    Raises:
        UserError: the fingerprints differ; names both datasets.

    """
    if cell.manifest.fingerprint != context.dataset.fingerprint:
        raise UserError(f"{where}: found networks trained on {cell.manifest.data}, allowed {context.folder.name}")
