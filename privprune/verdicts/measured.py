"""What the records say about each cell, in the units that papers print."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privprune.errors import UserError
from privprune.records import Record
from privprune.verdicts.settings import EvaluateSettings
from privprune.verdicts.statistics import Estimate, over_seeds

BALANCED = "balanced_accuracy"  # what a printed attack accuracy is held against: members and non-members 1:1
_ACCURACIES = ("test_accuracy", "train_accuracy")
_RATIOS = ("auc",)  # reported in [0, 1]; every other measure of an attack in percent
_CUT_DOWN = re.compile(r"\d+ of \d+ training records")  # what `limit` adds to a data set's note
_CONVERGED = 0.1  # share of the loss's whole fall that may still be ahead (ours; the paper gives no rule)


@dataclass(frozen=True)
class AttackResult:
    """One attack on one cell.

    Attributes:
        measures: measure -> estimate over seeds and records; all in percent but the AUC.
        members: attacked members per target.
        nonmembers: attacked non-members per target.

    """

    measures: dict[str, Estimate]
    members: int
    nonmembers: int


@dataclass(frozen=True)
class SearchCandidate:
    """One candidate of MIA-Pruning's Algorithm 1, all from the selection records; ratio 1 is the dense network.

    Attributes:
        ratio: all weights / weights left.
        accuracy: percent, over seeds.
        gain: of the inference network, Equation 1; -log 4 is guessing.
        chosen: whether it was taken.
        within_drop: whether the choice kept the accuracy asked for.

    """

    ratio: float
    accuracy: Estimate
    gain: Estimate
    chosen: bool
    within_drop: bool


@dataclass(frozen=True)
class MeasuredCell:
    """One cell: what it is, and everything measured on it.

    Attributes:
        cell: its name in the suite.
        stage: the stage that made it.
        data: name of the data set.
        source: the registry's name of it, the same whatever a suite calls it.
        note: what must be said wherever the data set is used; empty for nothing.
        model: name of the architecture.
        protocol: how the records were divided.
        seeds: the targets' seeds, in the order of all values.
        epochs: epochs of training that its history shows.
        numbers: metric -> estimate over seeds; accuracies in percent, weights as counts.
        attacks: attack -> its result, where the cell was attacked.
        search: candidates of Algorithm 1's outer loop, where the cell's sparsity was chosen by it.

    """

    cell: str
    stage: str
    data: str
    source: str
    note: str
    model: str
    protocol: str
    seeds: tuple[int, ...]
    epochs: int
    numbers: dict[str, Estimate]
    attacks: dict[str, AttackResult]
    search: tuple[SearchCandidate, ...]

    @property
    def cut_down(self) -> str:
        """How many training records of the set were kept, in words, as its note says; empty for all."""
        found = _CUT_DOWN.search(self.note)
        return found.group() if found else ""

    def by_seed(self, metric: str, attack: str | None) -> dict[int, float] | None:
        """Return the metric per seed, None where it was not measured; `attack` says whose attack accuracy."""
        if metric == "attack_accuracy":
            return self.attack_by_seed(attack or "", BALANCED) or None
        found = self.numbers.get(metric)
        return None if found is None else dict(zip(self.seeds, found.values, strict=True))

    def attack_by_seed(self, attack: str, measure: str) -> dict[int, float]:
        """Return one measure of one attack per seed; empty where it was not measured."""
        found = self.attacks[attack].measures.get(measure) if attack in self.attacks else None
        return {} if found is None else dict(zip(self.seeds, found.values, strict=True))


def measured_cells(records: Iterable[Record], settings: EvaluateSettings, where: str) -> dict[str, MeasuredCell]:
    """Gather the records of all cells that the settings name.

    Args:
        records: those of the suite; others than the expected ones are passed over.
        settings: what is expected.
        where: the section's place in the suite file, for the message.

    Raises:
        UserError: a record is missing (all missing ones are listed), there are two where one belongs, the records of
            a cell contradict each other, or an attack that a row names was not run.

    """
    made, attacked = _sorted_out(records, settings)
    missing = [f"train, prune or harden of {cell}" for cell in settings.cells if cell not in made]
    missing += [f"attack of {cell}" for cell in settings.attacked if cell not in attacked]
    if missing:
        raise UserError(
            f"{where}: no record of {'; '.join(missing)} (run `dvc repro`, or drop the rows that name them)"
        )
    cells = {cell: _measured(made[cell], attacked.get(cell)) for cell in settings.cells}
    for number, row in enumerate(settings.rows):
        _check_attack(row.attack, cells[row.cell], f"{where}.rows[{number}]")
    for number, control in enumerate(settings.controls):
        _check_attack(control.attack, cells[control.cell], f"{where}.controls[{number}]")
    return cells


def _sorted_out(records: Iterable[Record], settings: EvaluateSettings) -> tuple[dict[str, Record], dict[str, Record]]:
    """Divide the expected cells' records into the makers' and the attackers'."""
    expected = set(settings.cells)
    made: dict[str, Record] = {}
    attacked: dict[str, Record] = {}
    for record in records:
        if record.cell not in expected:
            continue
        place = attacked if record.stage == "attack" else made
        if record.cell in place:
            stages = f"{place[record.cell].stage} and {record.stage}"
            raise UserError(f"records: two of cell {record.cell} ({stages}), allowed one; remove the outdated one")
        place[record.cell] = record
    return made, attacked


def _check_attack(attack: str | None, cell: MeasuredCell, place: str) -> None:
    if attack is not None and attack not in cell.attacks:
        raise UserError(
            f"{place}.attack: found {attack!r}, allowed those run on {cell.cell}: {', '.join(cell.attacks)}"
        )


def _measured(made: Record, attacked: Record | None) -> MeasuredCell:
    """Join the record of a cell's training with that of its attacks."""
    if attacked is not None:
        for what, one, other in (
            ("seeds", made.seeds, attacked.seeds),
            ("data", made.data["fingerprint"], attacked.data["fingerprint"]),
        ):
            if one != other:
                raise UserError(
                    f"records: {what} of cell {made.cell} differ between {made.stage} ({one}) and attack ({other}); "
                    "run `dvc repro` to attack it again"
                )
    return MeasuredCell(
        cell=made.cell,
        stage=made.stage,
        data=made.data["name"],
        source=made.data.get("source", made.data["name"]),
        note=made.data.get("note", ""),
        model=made.model,
        protocol=made.protocol,
        seeds=tuple(made.seeds),
        epochs=len(made.history.get("loss", [])),
        numbers={metric: over_seeds(values, *_possible(metric)) for metric, values in _values(made).items()},
        attacks={} if attacked is None else {name: _attack(found) for name, found in attacked.attacks.items()},
        search=tuple(_candidate(found) for found in made.search),
    )


def _candidate(found: Mapping[str, Any]) -> SearchCandidate:
    return SearchCandidate(
        ratio=float(found["ratio"]),
        accuracy=over_seeds([100 * value for value in found["selection_accuracy"]], 0.0, 100.0),
        gain=over_seeds(found["gain"]),
        chosen=bool(found["chosen"]),
        within_drop=bool(found["within_drop"]),
    )


def _possible(metric: str) -> tuple[float, float]:
    return (0.0, 100.0) if metric in _ACCURACIES else (-math.inf, math.inf)


def _values(record: Record) -> dict[str, list[float]]:
    """Return every printed metric that a record of training allows, per seed."""
    metrics = record.metrics
    found = {name: [100 * value for value in metrics[name]] for name in _ACCURACIES if name in metrics}
    if len(found) == len(_ACCURACIES):
        test, train = (found[name] for name in _ACCURACIES)
        found["accuracy_gap"] = [before - after for before, after in zip(train, test, strict=True)]
    if "weights" in metrics and "weights_left" in metrics:
        found["weights"], found["weights_after"] = list(metrics["weights"]), list(metrics["weights_left"])
        pairs = zip(metrics["weights"], metrics["weights_left"], strict=True)
        found["weights_ratio"] = [all_ / max(left, 1) for all_, left in pairs]
    if "epsilon" in metrics:
        found["epsilon"] = list(metrics["epsilon"])
    losses = [epoch for epoch in record.history.get("loss", []) if None not in epoch]  # null where not measured
    if losses:
        per_seed = list(zip(*losses, strict=True))
        found["final_loss"] = [own[-1] for own in per_seed]
        found["epochs_to_converge"] = [float(epochs_to_converge(own)) for own in per_seed]
    return found


def epochs_to_converge(losses: Sequence[float]) -> int:
    """Return the first epoch, counted from 1, from which on the loss stays close to its last value.

    Close is within a tenth of the whole way from the first to the last loss (ours; the paper gives no rule).
    """
    last = losses[-1]
    near = _CONVERGED * abs(losses[0] - last)
    far = [epoch for epoch, loss in enumerate(losses, start=1) if abs(loss - last) > near]
    return far[-1] + 1 if far else 1


def _attack(found: Mapping[str, Any]) -> AttackResult:
    """Return an attack's measures with the intervals that its record holds (records nested in seeds)."""
    measures = {name: _scaled(one, 1.0 if name in _RATIOS else 100.0) for name, one in found["metrics"].items()}
    return AttackResult(measures, int(found["records"]["members"]), int(found["records"]["nonmembers"]))


def _scaled(content: Mapping[str, Any], factor: float) -> Estimate:
    values = tuple(factor * value for value in content["values"])
    return Estimate(values, factor * content["mean"], factor * content["low"], factor * content["high"])
