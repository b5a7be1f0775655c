"""Whether what inversion attacks rebuilt is still recognisable: an independent network looks at it.

PSNR and SSIM say how near a reconstruction comes to its image, not whether a person or a vehicle can be told from it
(Hoefler et al., A Privacy Study of Sparse Collaborative Inference, 2026, Section 5). Of a re-identification set, the
judge looks for each rebuilt test picture in the true gallery; of a classification set, it names its class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privprune.cells import Cell
from privprune.errors import UserError
from privprune.metrics.intervals import Array, bootstrap_of_means
from privprune.metrics.reidentification import rank_queries
from privprune.models import BlockNet, embedder, reseed
from privprune.randomness import Purpose, generator, numpy_generator
from privprune.settings import AtLeastOne
from privprune.training.batches import as_input
from privprune.workflow.attack_outputs import Rebuilt
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.inversions import InversionEntry

_VALUES_AT_ONCE = 6_200_000  # of the images that the judge looks at together


@dataclass(frozen=True)
class RecogniseEntry:
    """An entry of the suite's `recognise` section.

    Attributes:
        paper: whose attacks are looked at: all on the same data that carry one of the labels.
        data: name of the dataset.
        judge: a cell of the same data that shares no training with any target; its first network judges.
        inversions: labels of inversion attacks.
        resamples: of the bootstrap behind the intervals.
        seed: of the bootstrap.

    """

    paper: str
    data: str
    judge: str
    inversions: tuple[str, ...]
    resamples: AtLeastOne
    seed: int

    def __post_init__(self) -> None:
        """Refuse an entry that looks at nothing."""
        if not self.inversions or len(set(self.inversions)) != len(self.inversions):
            raise ValueError(f"inversions: found {list(self.inversions)}, allowed at least one, all different")

    def looks_at(self, attack: InversionEntry) -> tuple[str, ...]:
        """Return which labels of an inversion entry belong to this one."""
        same = attack.paper == self.paper and attack.data == self.data
        return tuple(label for label in self.inversions if same and label in attack.inversions)


def check_recognise(
    entry: RecogniseEntry,
    lines: Mapping[str, tuple[str, tuple[str, ...]]],
    attacks: Iterable[InversionEntry],
    where: str,
) -> None:
    """Hold an entry against the suite, before anything is trained.

    Args:
        entry: what was asked for.
        lines: name of each cell -> name of its dataset, and the cell with all those that it was trained on from.
        attacks: all inversion entries of the suite.
        where: the place of the entry, for the message.

    Raises:
        UserError: no such judge, one of other data or related to a target, or a label that no attack has.

    """
    if entry.judge not in lines:
        raise UserError(f"{where}.judge: found {entry.judge!r}, allowed {', '.join(lines)}")
    data, judge = lines[entry.judge]
    if entry.data != data:
        raise UserError(f"{where}.data: found {entry.data}, allowed {data} (the judge's)")
    seen: set[tuple[str, str]] = set()
    for attack in attacks:
        pairs = {(attack.target, label) for label in entry.looks_at(attack)}
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
    """A network that has seen nothing of the targets, and what it makes of pictures."""

    def __init__(self, model: BlockNet, context: DataContext) -> None:
        """Take a network of the same data, on the device; for re-identification it embeds the gallery at once."""
        dataset = context.dataset
        self._dataset = dataset
        self._model = (model if dataset.cameras is None else embedder(model)).eval()
        first = len(dataset.labels) if dataset.cameras is None else dataset.official_train + dataset.queries
        self.gallery = torch.arange(first, len(dataset.labels), device=context.device)
        self._known = None if dataset.cameras is None else self._seen(dataset.images, self.gallery)

    def scores(self, images: Tensor, records: Tensor) -> Scores:
        """Look at probes: one value of each metric for each that can be judged.

        A probe of a re-identification set whose identity no other camera has in the gallery is left out.

        Args:
            images: uint8 [n, C, H, W], on the device: the records themselves, or what was rebuilt of them.
            records: int64 [n], on the device: whose identity, camera or class is looked for.

        """
        made = self._seen(images, torch.arange(len(images), device=images.device))
        labels, cameras, gallery = self._dataset.labels, self._dataset.cameras, self.gallery
        if cameras is None or self._known is None:
            return {"accuracy": _numbers(made.argmax(1) == labels[records])}
        probes = (made, labels[records], cameras[records])
        ranks = rank_queries(*probes, self._known, labels[gallery], cameras[gallery])
        first, precision = ranks.first[ranks.counted], ranks.average_precision[ranks.counted]
        return {"rank_1": _numbers(first < 1), "mean_average_precision": _numbers(precision)}

    @torch.no_grad()
    def _seen(self, images: Tensor, records: Tensor) -> Tensor:
        """Return logits or embeddings, float32 [n, D]."""
        together = max(1, _VALUES_AT_ONCE // math.prod(images.shape[1:]))
        return torch.cat([self._model(as_input(images[part])).float() for part in records.split(together)])


def _numbers(values: Tensor) -> Array:
    return values.double().cpu().numpy()


def recognise(
    entry: RecogniseEntry,
    judge: Cell,
    context: DataContext,
    rebuilt: Mapping[tuple[str, str], Sequence[Rebuilt]],
    where: str,
) -> dict[str, Any]:
    """Let the judge look at all that was rebuilt.

    Args:
        entry: seed and resamples.
        judge: its first network judges.
        context: the data.
        rebuilt: what `read_rebuilt` returned.
        where: the place of the entry, for messages.

    Returns:
        `<target>/<label>` -> metrics with intervals, on reconstructions and, as `original_...`, on the images
        themselves, and numbers of records, as a record holds them.

    Raises:
        UserError: the judge was trained on other data.

    """
    check_same_data(judge, context, f"{where}.judge: {entry.judge}")
    model = judge.models([0])[0].to(context.device)
    reseed(model, generator(entry.seed, Purpose.RECOGNITION).initial_seed())
    looking = Judge(model, context)
    return {
        f"{target}/{label}": _result(entry, looking, context, networks, f"{target}/{label}")
        for (target, label), networks in sorted(rebuilt.items())
    }


def _result(
    entry: RecogniseEntry, judge: Judge, context: DataContext, networks: Sequence[Rebuilt], name: str
) -> dict[str, Any]:
    """Judge what one attack made of all networks of one target."""
    device = context.device
    probes = [(one.images.to(device), one.records.to(device)) for one in networks]
    made = [judge.scores(images, records) for images, records in probes]
    true = [judge.scores(context.dataset.images[records], records) for _, records in probes]
    scores = {metric: [own[metric] for own in made] for metric in made[0]}
    scores |= {f"original_{metric}": [own[metric] for own in true] for metric in true[0]}
    judged = min(len(values) for per_network in scores.values() for values in per_network)
    if not judged:
        raise UserError(f"{name}: none of its records can be judged: no other camera has their identity in the gallery")
    draws = numpy_generator(entry.seed, Purpose.RECOGNITION, name)
    metrics = {
        metric: bootstrap_of_means(per_network, entry.resamples, draws).within(0.0, 1.0).as_record()
        for metric, per_network in scores.items()
    }
    records = {"probes": judged, "gallery": len(judge.gallery)}
    return {"kind": "recognition", "metrics": metrics, "history": {}, "records": records}
