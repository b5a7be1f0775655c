"""A cell: the trained networks of one table row, all its seeds and their shadow models together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_json
from privprune.models import (
    BlockNet,
    CutSettings,
    ReidentificationSettings,
    Structure,
    build,
    reseed,
    shrunk,
    small_dense,
)
from privprune.randomness import Purpose, generator
from privprune.settings import read

_KEY = re.compile(r"(?P<number>\d+)/(?P<kind>weights|mask|surrogate)/(?P<name>.+)")


@dataclass(frozen=True)
class Manifest:
    """What the networks of a cell are. Targets come first, then shadows; model k uses split k of the dataset.

    Attributes:
        data: name of the dataset.
        fingerprint: of that dataset.
        protocol: `paper` or `clean`.
        model: name of the architecture.
        in_channels, image_size, classes: what it is built for.
        seeds: one per target; shadow models continue from the last one plus 1.
        shadows: number of shadow models.
        reserve_reference: whether the reference records were kept out of training.
        small_dense: number of weights of a narrower network, or None.
        pretrained: file of weights in `$PRIVPRUNE_DATA/checkpoints` that training starts from, or None.
        cut: where the networks are cut into edge and cloud, or None.
        structures: what is left of each network where channels or blocks were removed, or None.
        reidentification: how they learn to find identities again, or None for classifiers.

    """

    data: str
    fingerprint: str
    protocol: str
    model: str
    in_channels: int
    image_size: int
    classes: int
    seeds: tuple[int, ...]
    shadows: int
    reserve_reference: bool
    small_dense: int | None
    pretrained: str | None
    cut: CutSettings | None
    structures: tuple[Structure, ...] | None
    reidentification: ReidentificationSettings | None

    @property
    def targets(self) -> int:
        """Number of networks whose results are reported."""
        return len(self.seeds)

    @property
    def networks(self) -> int:
        """Number of networks, targets and shadows."""
        return self.targets + self.shadows

    def model_seeds(self) -> list[int]:
        """Return one seed per network."""
        return [*self.seeds, *range(max(self.seeds) + 1, max(self.seeds) + 1 + self.shadows)]

    def fresh(self, generator: torch.Generator, number: int | None = None) -> BlockNet:
        """Build network `number` of the cell, initialised from the generator; None for one with nothing removed."""
        model = self._dense(generator)
        return model if self.structures is None or number is None else shrunk(model, self.structures[number])

    def _dense(self, generator: torch.Generator) -> BlockNet:
        shape = {"in_channels": self.in_channels, "image_size": self.image_size, "classes": self.classes}
        if self.small_dense is not None:
            return small_dense(self.model, self.small_dense, **shape, generator=generator)
        return build(self.model, **shape, generator=generator, cut=self.cut)


@dataclass(frozen=True)
class Cell:
    """The networks of one table row with their masks.

    Attributes:
        manifest: what they are.
        states: one state dict per network.
        masks: per network, weight name -> bool of the weight's shape; empty where no weight is.
        surrogates: per network, the weights of the decoder that it was trained against; empty where there was none.

    """

    manifest: Manifest
    states: list[dict[str, Tensor]]
    masks: list[dict[str, Tensor]]
    surrogates: list[dict[str, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let a cell that says nothing of surrogates have none."""
        if not self.surrogates:
            self.surrogates.extend({} for _ in self.states)

    def targets_only(self) -> Cell:
        """Leave the shadow models out."""
        targets = self.manifest.targets
        structures = self.manifest.structures
        alone = replace(self.manifest, shadows=0, structures=None if structures is None else structures[:targets])
        return Cell(alone, self.states[:targets], self.masks[:targets], self.surrogates[:targets])

    def models(self, numbers: Sequence[int]) -> list[BlockNet]:
        """Build the given networks with their weights."""
        models = []
        for number in numbers:
            model = self.manifest.fresh(torch.Generator().manual_seed(0), number)
            model.load_state_dict(self.states[number])
            reseed(model, generator(self.manifest.model_seeds()[number], Purpose.RANDOM_LAYERS, number).initial_seed())
            models.append(model)
        return models

    def stacked_masks(self, numbers: Sequence[int]) -> dict[str, Tensor]:
        """Return the masks of the given networks: weight name -> bool [networks, *weight.shape]."""
        return {name: torch.stack([self.masks[number][name] for number in numbers]) for name in self.masks[0]}

    def save(self, folder: Path) -> None:
        """Write the cell all or nothing."""
        tensors: dict[str, Tensor] = {}
        for kind, parts in (("weights", self.states), ("mask", self.masks), ("surrogate", self.surrogates)):
            for number, part in enumerate(parts):
                tensors |= {f"{number}/{kind}/{name}": value.contiguous().cpu() for name, value in part.items()}
        with new_folder(folder) as unfinished:
            save_file(tensors, unfinished / "models.safetensors")
            write_json(unfinished / "manifest.json", asdict(self.manifest))


def load_cell(folder: Path) -> Cell:
    """Read a cell.

    Raises:
        UserError: it is missing, damaged, or its weights do not fit the architecture that its manifest names.

    """
    manifest = _read_manifest(folder / "manifest.json")
    path = folder / "models.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as broken:
        raise UserError(f"{path}: missing or damaged ({broken}), remove {folder} and run `dvc repro` again") from None
    parts: dict[str, list[dict[str, Tensor]]] = {
        kind: [{} for _ in range(manifest.networks)] for kind in ("weights", "mask", "surrogate")
    }
    for key, value in tensors.items():
        found = _KEY.fullmatch(key)
        if found is None or int(found["number"]) >= manifest.networks:
            last = manifest.networks - 1
            raise UserError(f"{path}: {key}: found this name, allowed weights and masks of networks 0 to {last}")
        parts[found["kind"]][int(found["number"])][found["name"]] = value
    _check_architecture(manifest, parts["weights"], path)
    return Cell(manifest, parts["weights"], parts["mask"], parts["surrogate"])


def _read_manifest(path: Path) -> Manifest:
    content = read_json(path)
    try:
        cut = None if content["cut"] is None else read(CutSettings, content["cut"], f"{path}: cut")
        structures = _structures(content["structures"], f"{path}: structures")
        found, place = content["reidentification"], f"{path}: reidentification"
        reidentification = None if found is None else read(ReidentificationSettings, found, place)
        settings = {"seeds": tuple(content["seeds"]), "cut": cut, "reidentification": reidentification}
        return Manifest(**{**content, **settings, "structures": structures})
    except (KeyError, TypeError):
        raise UserError(f"{path}: not a manifest of this version, run `dvc repro` to make it again") from None


def _structures(found: Any, where: str) -> tuple[Structure, ...] | None:
    return None if found is None else tuple(read(Structure, one, where) for one in found)


def _check_architecture(manifest: Manifest, states: list[dict[str, Tensor]], path: Path) -> None:
    """Refuse a checkpoint of another architecture, naming the first weight that does not fit."""
    if manifest.structures is not None and len(manifest.structures) != manifest.networks:
        raise UserError(f"{path}: found {len(manifest.structures)} structures, allowed {manifest.networks}")
    dense = manifest.fresh(torch.Generator().manual_seed(0))
    expected = _shapes(dense)
    for number, state in enumerate(states):
        if manifest.structures is not None:
            expected = _shapes(shrunk(dense, manifest.structures[number]))
        found = {name: tuple(value.shape) for name, value in state.items()}
        if found != expected:
            wrong = min(set(found.items()) ^ set(expected.items()))[0]
            raise UserError(
                f"{path}: {wrong}: found shape {found.get(wrong, 'none')}, "
                f"allowed {expected.get(wrong, 'none')} ({manifest.model})"
            )


def _shapes(model: BlockNet) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}
