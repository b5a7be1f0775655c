"""Measure whether reconstructions by inversion attacks are recognisable: an independent network judges them.

PSNR and SSIM measure how close a reconstruction is to its image, not whether a person or a vehicle can be recognised in
it (Hoefler et al., A Privacy Study of Sparse Collaborative Inference, 2026, Section 5). For a re-identification set,
the judge looks for the identity of each reconstructed test image in the true gallery. For a classification set, it
predicts the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privprune.cells import Cell
from privprune.errors import UserError, shown
from privprune.memory import images_at_once
from privprune.metrics.intervals import Array, bootstrap_of_means
from privprune.metrics.reidentification import rank_queries
from privprune.models import BlockNet, embedder, reseed
from privprune.randomness import Purpose, generator, numpy_generator
from privprune.settings import Name, Resamples, Seed
from privprune.training.batches import as_input
from privprune.workflow.attack_outputs import Reconstructions
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.inversions import InversionEntry


@dataclass(frozen=True)
class RecogniseEntry:
    """An entry of the suite's `recognise` section.

    Attributes:
        paper: the paper whose attacks are judged: all attacks on the same data with one of the labels.
        data: name of the dataset.
        judge: a cell of the same data that shares no training with any target; its first network judges.
        inversions: labels of inversion attacks.
        resamples: number of bootstrap samples behind each interval.
        seed: of the bootstrap and of the judge's random layers.

    """

    paper: Name
    data: str
    judge: str
    inversions: tuple[str, ...]
    resamples: Resamples
    seed: Seed

    def __post_init__(self) -> None:
        """Check that there are labels, all different."""
        if not self.inversions or len(set(self.inversions)) != len(self.inversions):
            raise ValueError(f"inversions: found {list(self.inversions)}, allowed at least one, all different")

    def labels_in(self, attack: InversionEntry) -> tuple[str, ...]:
        """Return which attacks of an inversion entry are judged."""
        same = attack.paper == self.paper and attack.data == self.data
        return tuple(label for label in self.inversions if same and label in attack.inversions)


def check_recognise(
    entry: RecogniseEntry,
    lines: Mapping[str, tuple[str, tuple[str, ...]]],
    attacks: Iterable[InversionEntry],
    where: str,
) -> None:
    """Check an entry against the suite.

    Args:
        entry: judge and labels.
        lines: name of each cell -> name of its dataset, and the cell itself with all cells that it descends from.
        attacks: all inversion entries of the suite.
        where: place of the entry, for the message.

    Raises:
        UserError: there is no such judge, it is of other data or shares a cell with a target, two attacks have the same
            target and label, or no attack has a label.

    """
    if entry.judge not in lines:
        raise UserError(f"{where}.judge: found {shown(entry.judge)}, allowed {', '.join(lines)}")
    data, judge = lines[entry.judge]
    if entry.data != data:
        raise UserError(f"{where}.data: found {entry.data}, allowed {data} (the judge's)")
    seen: set[tuple[str, str]] = set()
    for attack in attacks:
        pairs = {(attack.target, label) for label in entry.labels_in(attack)}
        if pairs and set(judge) & set(lines[attack.target][1]):
            raise UserError(
                f"{where}.judge: found {entry.judge}, which the target {attack.target} shares training with, "
                "allowed an independent cell"
            )
        if twice := pairs & seen:
            target, label = min(twice)
            raise UserError(f"{where}.inversions: found two attacks {label} on {target}, allowed one")
        seen |= pairs
    if missing := set(entry.inversions) - {label for _, label in seen}:
        raise UserError(
            f"{where}.inversions: found {min(missing)}, which no attack of {entry.paper} on {entry.data} has"
        )


Scores = dict[str, Array]  # metric -> one value per probe


class Judge:
    """A network that shares no training with the targets, and predicts what reconstructions show."""

    def __init__(self, model: BlockNet, context: DataContext) -> None:
        """Prepare a network; for re-identification it embeds the gallery at once.

        Args:
            model: trained on the data, on its device.
            context: the data.

        """
        dataset = context.dataset
        self._dataset = dataset
        self._model = (model if dataset.cameras is None else embedder(model)).eval()
        first = len(dataset.labels) if dataset.cameras is None else dataset.official_train + dataset.queries
        self.gallery = torch.arange(first, len(dataset.labels), device=context.device)
        self._gallery_embeddings = None if dataset.cameras is None else self._outputs(dataset.images, self.gallery)

    def scores(self, images: Tensor, records: Tensor) -> Scores:
        """Judge some probes.

        Args:
            images: uint8 [n, C, H, W], on the device: the records' images, or reconstructions of them.
            records: int64 [n], on the device: the records whose identity and camera, or class, is looked for.

        Returns:
            `accuracy` (0 or 1) of each probe of a classification set; `rank_1` (0 or 1) and `mean_average_precision`
            (the probe's average precision) of each probe of a re-identification set whose identity another camera has
            in the gallery.

        """
        outputs = self._outputs(images, torch.arange(len(images), device=images.device))
        labels, cameras, gallery = self._dataset.labels, self._dataset.cameras, self.gallery
        if cameras is None or self._gallery_embeddings is None:
            return {"accuracy": _as_array(outputs.argmax(1) == labels[records])}
        probes = (outputs, labels[records], cameras[records])
        ranks = rank_queries(*probes, self._gallery_embeddings, labels[gallery], cameras[gallery])
        first, precision = ranks.first[ranks.counted], ranks.average_precision[ranks.counted]
        return {"rank_1": _as_array(first < 1), "mean_average_precision": _as_array(precision)}

    def judged(self, records: Tensor) -> Tensor:
        """Return the records that have scores, in their order: for re-identification those in the gallery by others.

        Args:
            records: int64 [n], on the device.

        """
        labels, cameras, gallery = self._dataset.labels, self._dataset.cameras, self.gallery
        if cameras is None:
            return records
        same = labels[records, None] == labels[gallery]
        return records[(same & (cameras[records, None] != cameras[gallery])).any(1)]

    @torch.no_grad()
    def _outputs(self, images: Tensor, records: Tensor) -> Tensor:
        """Compute logits or embeddings, float32 [n, D]."""
        parts = records.split(images_at_once(images.shape[1:]))
        return torch.cat([self._model(as_input(images[part])).float() for part in parts])


def _as_array(values: Tensor) -> Array:
    return values.double().cpu().numpy()


def recognise(
    entry: RecogniseEntry,
    judge: Cell,
    context: DataContext,
    reconstructions: Mapping[tuple[str, str], Sequence[Reconstructions]],
    where: str,
) -> dict[str, Any]:
    """Judge reconstructions.

    Args:
        entry: seed and resamples.
        judge: a cell; its first network judges.
        context: the data.
        reconstructions: what `read_reconstructions` returned.
        where: place of the entry, for messages.

    Returns:
        `<target>/<label>` -> metrics with intervals, of reconstructions and, as `original_...`, of the true images, and
        numbers of records, in the form of a record.

    Raises:
        UserError: the judge was trained on other data, or none of the reconstructed records can be judged.

    """
    check_same_data(judge, context, f"{where}.judge: {entry.judge}")
    model = judge.models([0])[0].to(context.device)
    reseed(model, generator(entry.seed, Purpose.RECOGNITION).initial_seed())
    network = Judge(model, context)
    return {
        f"{target}/{label}": _result(entry, network, context, networks, f"{target}/{label}")
        for (target, label), networks in sorted(reconstructions.items())
    }


def _result(
    entry: RecogniseEntry, judge: Judge, context: DataContext, networks: Sequence[Reconstructions], name: str
) -> dict[str, Any]:
    """Judge the reconstructions of one attack on all networks of one target."""
    device = context.device
    probes = [(one.images.to(device), one.records.to(device)) for one in networks]
    of_reconstructions = [judge.scores(images, records) for images, records in probes]
    of_originals = [judge.scores(context.dataset.images[records], records) for _, records in probes]
    scores = {metric: [one[metric] for one in of_reconstructions] for metric in of_reconstructions[0]}
    scores |= {f"original_{metric}": [one[metric] for one in of_originals] for metric in of_originals[0]}
    judged = min(len(values) for per_network in scores.values() for values in per_network)
    if not judged:
        raise UserError(f"{name}: none of its records can be judged: no other camera has their identity in the gallery")
    draws = numpy_generator(entry.seed, Purpose.RECOGNITION, name)
    of = [judge.judged(records).cpu().numpy() for _, records in probes]
    metrics = {
        metric: bootstrap_of_means(per_network, entry.resamples, draws, of).within(0.0, 1.0).as_record()
        for metric, per_network in scores.items()
    }
    records = {"probes": judged, "gallery": len(judge.gallery)}
    return {"kind": "recognition", "metrics": metrics, "history": {}, "records": records}
