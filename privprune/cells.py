"""A cell: the trained networks of one table row, which are the targets of all seeds and their shadow models."""

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
from privprune.models.output import OutputSettings, read_output, with_output
from privprune.randomness import Purpose, generator
from privprune.settings import read

_KEY = re.compile(r"(?P<number>\d+)/(?P<kind>weights|mask|surrogate)/(?P<name>.+)")


@dataclass(frozen=True)
class Manifest:
    """Description of the networks of a cell: targets first, then shadow models; network k is trained on split k.

    Attributes:
        data: name of the dataset.
        fingerprint: of that dataset.
        protocol: `paper` or `clean`.
        model: name of the architecture.
        in_channels: channels of the images.
        image_size: height and width of the images, pixels.
        classes: number of classes.
        seeds: one per target; the seeds of the shadow models count up from the largest of them plus 1.
        shadows: number of shadow models.
        reserve_reference: whether the reference records were not used for training.
        small_dense: number of weights of a narrower network, or None.
        pretrained: file of weights in `$PRIVPRUNE_DATA/weights` that training starts from, or None.
        cut: where the networks are cut into edge and cloud, or None.
        structures: the remaining channels and blocks of each network; None where none were removed.
        reidentification: losses and batches of re-identification networks, or None for classifiers.
        output: the layer behind each network, which a defence has put there; None for none.
        widths: units of each hidden layer, or None for an architecture that has its own.

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
    output: OutputSettings | None
    widths: tuple[int, ...] | None = None

    @property
    def targets(self) -> int:
        """Number of targets, the networks whose results are reported."""
        return len(self.seeds)

    @property
    def networks(self) -> int:
        """Number of all networks, targets and shadow models."""
        return self.targets + self.shadows

    def model_seeds(self) -> list[int]:
        """Return one seed per network, targets first."""
        return [*self.seeds, *range(max(self.seeds) + 1, max(self.seeds) + 1 + self.shadows)]

    def fresh(self, generator: torch.Generator, number: int | None = None) -> BlockNet:
        """Build a network of the cell.

        Args:
            generator: draws the initial weights.
            number: which network, without its removed channels and blocks; None for the whole architecture.

        """
        model = self._whole(generator)
        return model if self.structures is None or number is None else shrunk(model, self.structures[number])

    def _whole(self, generator: torch.Generator) -> BlockNet:
        """Build the architecture and the layer behind it, with nothing removed."""
        model = self._architecture(generator)
        return model if self.output is None else with_output(model, self.output, self.classes)

    def _architecture(self, generator: torch.Generator) -> BlockNet:
        """Build the architecture alone."""
        shape = {"in_channels": self.in_channels, "image_size": self.image_size, "classes": self.classes}
        if self.small_dense is not None:
            return small_dense(self.model, self.small_dense, **shape, generator=generator, widths=self.widths)
        return build(self.model, **shape, generator=generator, cut=self.cut, widths=self.widths)


@dataclass(frozen=True)
class Cell:
    """The networks of one table row with their masks.

    Attributes:
        manifest: description of the networks.
        states: one state dict per network.
        masks: per network, weight name -> bool of the weight's shape; empty for a network without masks.
        surrogates: per network, the state dict of the decoder that it was trained against; empty where there was none.

    """

    manifest: Manifest
    states: list[dict[str, Tensor]]
    masks: list[dict[str, Tensor]]
    surrogates: list[dict[str, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set empty surrogates for all networks where none are given."""
        if not self.surrogates:
            self.surrogates.extend({} for _ in self.states)

    def targets_only(self) -> Cell:
        """Return the cell without its shadow models."""
        targets = self.manifest.targets
        structures = self.manifest.structures
        manifest = replace(self.manifest, shadows=0, structures=None if structures is None else structures[:targets])
        return Cell(manifest, self.states[:targets], self.masks[:targets], self.surrogates[:targets])

    def models(self, numbers: Sequence[int]) -> list[BlockNet]:
        """Build the networks of some numbers with their weights, on the CPU; their random layers are seeded."""
        models = []
        for number in numbers:
            model = self.manifest.fresh(torch.Generator().manual_seed(0), number)
            model.load_state_dict(self.states[number])
            reseed(model, generator(self.manifest.model_seeds()[number], Purpose.RANDOM_LAYERS, number).initial_seed())
            models.append(model)
        return models

    def stacked_masks(self, numbers: Sequence[int]) -> dict[str, Tensor]:
        """Stack the masks of the networks of some numbers: weight name -> bool [networks, *weight.shape]."""
        return {name: torch.stack([self.masks[number][name] for number in numbers]) for name in self.masks[0]}

    def save(self, folder: Path) -> None:
        """Write the cell; a write that fails leaves the folder as it was.

        Args:
            folder: where `models.safetensors` and `manifest.json` are written; replaced if it exists.

        Raises:
            UserError: the folder cannot be written, or its disk is full.

        """
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
        UserError: a file is missing or damaged, or the weights do not fit the architecture that the manifest names.

    """
    manifest = _read_manifest(folder / "manifest.json")
    path = folder / "models.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as failure:
        raise UserError(f"{path}: missing or damaged ({failure}), remove {folder} and run `dvc repro` again") from None
    parts: dict[str, list[dict[str, Tensor]]] = {
        kind: [{} for _ in range(manifest.networks)] for kind in ("weights", "mask", "surrogate")
    }
    for key, value in tensors.items():
        parsed = _KEY.fullmatch(key)
        if parsed is None or int(parsed["number"]) >= manifest.networks:
            last = manifest.networks - 1
            raise UserError(f"{path}: {key}: found this name, allowed weights and masks of networks 0 to {last}")
        parts[parsed["kind"]][int(parsed["number"])][parsed["name"]] = value
    _check_architecture(manifest, parts["weights"], path)
    return Cell(manifest, parts["weights"], parts["mask"], parts["surrogate"])


def _read_manifest(path: Path) -> Manifest:
    content = read_json(path)
    try:
        cut = None if content["cut"] is None else read(CutSettings, content["cut"], f"{path}: cut")
        structures = _structures(content["structures"], f"{path}: structures")
        losses, where = content["reidentification"], f"{path}: reidentification"
        reidentification = None if losses is None else read(ReidentificationSettings, losses, where)
        output = None if content["output"] is None else read_output(content["output"], f"{path}: output")
        settings = {"seeds": tuple(content["seeds"]), "cut": cut, "reidentification": reidentification}
        settings |= {} if content.get("widths") is None else {"widths": tuple(content["widths"])}
        return Manifest(**{**content, **settings, "structures": structures, "output": output})
    except (KeyError, TypeError):
        raise UserError(f"{path}: not a manifest of this version, run `dvc repro` to make it again") from None


def _structures(written: Any, where: str) -> tuple[Structure, ...] | None:
    return None if written is None else tuple(read(Structure, structure, where) for structure in written)


def _check_architecture(manifest: Manifest, states: list[dict[str, Tensor]], path: Path) -> None:
    """Check that weights fit the architecture; the error names the first weight that does not."""
    if manifest.structures is not None and len(manifest.structures) != manifest.networks:
        raise UserError(f"{path}: found {len(manifest.structures)} structures, allowed {manifest.networks}")
    whole = manifest.fresh(torch.Generator().manual_seed(0))
    expected = _shapes(whole)
    for number, state in enumerate(states):
        if manifest.structures is not None:
            expected = _shapes(shrunk(whole, manifest.structures[number]))
        shapes = {name: tuple(value.shape) for name, value in state.items()}
        if shapes != expected:
            wrong = min(set(shapes.items()) ^ set(expected.items()))[0]
            raise UserError(
                f"{path}: {wrong}: found shape {shapes.get(wrong, 'none')}, "
                f"allowed {expected.get(wrong, 'none')} ({manifest.model})"
            )


def _shapes(model: BlockNet) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}
