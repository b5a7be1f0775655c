"""Everything that the records contain about each cell, in the units that papers print."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from privprune.checks import Check
from privprune.errors import UserError
from privprune.records import MAKING, Record
from privprune.verdicts.attack_results import (
    AttackResult,
    AttackRun,
    InversionResult,
    checks_of,
    inversion_results,
    membership_results,
)
from privprune.verdicts.cell_of_record import attacked_cell, threat_of
from privprune.verdicts.record_metrics import (
    ADDING_STAGES,
    added_numbers,
    deployed_numbers,
    inversion_numbers,
    maker_numbers,
    with_derived,
)
from privprune.verdicts.settings import EvaluateSettings, Threat
from privprune.verdicts.sparsity_search import SearchCandidate, search_candidates
from privprune.verdicts.statistics import Estimate, SeedValues
from privprune.verdicts.theorem import bounded_errors
from privprune.verdicts.training_stages import TrainingStage, last_training, training_stages
from privprune.verdicts.transmissions import repeats

BOUND = "bound"  # subject of the checks of the bound on MSE, in a record of inversion
BALANCED = "balanced_accuracy"  # what a printed attack accuracy is compared with: members and non-members 1:1
_CUT_DOWN = re.compile(r"\d+ of \d+ training records")  # what the setting `limit` adds to the note of a data set
_WANTED: dict[Threat, str] = {
    "membership": "attack",
    "inversion": "inversion",
}  # how an error message names the records


@dataclass(frozen=True)
class MeasuredCell:
    """One cell: what it is, and everything measured on it.

    Attributes:
        cell: its name in the suite.
        stage: the stage that made it.
        data: name of the data set.
        source: the registry's name of the data set, which is the same in all suites.
        note: a warning that is shown wherever the data set is used; empty for none.
        model: name of the architecture.
        protocol: how the records were divided.
        seeds: the targets' seeds, in the order of all values.
        epochs: number of epochs in its history of training.
        numbers: metric -> estimate over seeds; accuracies in percent, weights as counts; those of inversion attacks
            have the intervals of their record (a bootstrap over seeds and images).
        attacks: membership attack -> its result, where the cell was attacked.
        inversions: inversion attack -> its numbers of images, where the cell's features were inverted.
        search: candidates of Algorithm 1's outer loop, where the cell's sparsity was chosen by it.
        bounded: errors of inversion that the bound on MSE is about, see `theorem.bounded_errors`.
        checks: `network`, `defence`, `pruning` or `bound` -> its checks; None where the record is older than checks.
        deployed: what was measured of its exported network alone; empty where none was exported.
        repeats: whether it sends the same for an image each time.
        lineage: the trainings that lead to it, the first one first and its own last; None where the record of one is
            missing.

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
    inversions: dict[str, InversionResult]
    search: tuple[SearchCandidate, ...]
    bounded: tuple[str, ...] = ()
    checks: dict[str, tuple[Check, ...]] | None = None
    lineage: tuple[TrainingStage, ...] | None = None
    deployed: dict[str, Estimate] = field(default_factory=dict)
    repeats: bool = False

    @property
    def cut_down(self) -> str:
        """How many training records were used, as the note of the data set says; empty if all of them."""
        limited = _CUT_DOWN.search(self.note)
        return limited.group() if limited else ""

    @property
    def utility(self) -> Estimate | None:
        """Utility of the network: mean average precision for re-identification, else test accuracy."""
        return self.numbers.get("mean_average_precision", self.numbers.get("test_accuracy"))

    def by_seed(self, metric: str, attack: str | None) -> SeedValues | None:
        """Return the metric per seed, None where it was not measured; `attack` is the one whose accuracy is meant.

        A metric that was measured on one network only has no value per seed.
        """
        if metric == "attack_accuracy":
            return self.attack_by_seed(attack or "", BALANCED) or None
        estimate = self.utility if metric == "utility" else self.numbers.get(metric)
        return (
            None
            if estimate is None or len(estimate.values) != len(self.seeds)
            else SeedValues(dict(zip(self.seeds, estimate.values, strict=True)), estimate.parts)
        )

    def run_of(self, attack: str) -> AttackRun | None:
        """Return how an attack, on membership or of inversion, was run on this cell; None where it was not."""
        result = self.attacks.get(attack) or self.inversions.get(attack)
        return result.run if result else None

    def attack_by_seed(self, attack: str, measure: str) -> SeedValues:
        """Return one measure of one attack per seed; empty where it was not measured."""
        estimate = self.attacks[attack].measures.get(measure) if attack in self.attacks else None
        values = {} if estimate is None else dict(zip(self.seeds, estimate.values, strict=True))
        return SeedValues(values, () if estimate is None else estimate.parts)


def measured_cells(
    records: Iterable[Record], settings: EvaluateSettings, threat: Threat, where: str
) -> dict[str, MeasuredCell]:
    """Gather the records of all cells that the settings name.

    Args:
        records: those of the suite; records of cells that the settings do not name are ignored.
        settings: the cells that are needed, as rows, controls and curves.
        threat: the kind of attack that every cell of an attacked row must have.
        where: file and key of the section, for error messages.

    Raises:
        UserError: a record is missing (all missing ones are listed), there are two where one belongs, the records of
            a cell contradict each other, or an attack that a row names was not run.

    """
    needed: dict[Threat, tuple[str, ...]] = {threat: settings.attacked(threat)}
    cells = gather(records, settings.cells, needed, where)
    for number, row in enumerate(settings.rows):
        _check_attack(row.attack, cells[row.cell], f"{where}.rows[{number}]")
    for number, control in enumerate(settings.controls):
        _check_attack(control.attack, cells[control.cell], f"{where}.controls[{number}]")
    return cells


def gather(
    records: Iterable[Record], expected: Iterable[str], needed: Mapping[Threat, Iterable[str]], where: str
) -> dict[str, MeasuredCell]:
    """Return the expected cells; `needed` says which of them must have been attacked in which way.

    Raises:
        UserError: as for `measured_cells`.

    """
    names = tuple(expected)
    records = list(records)
    made, attacked = _by_stage(records, set(names))
    added, deployed = added_numbers(records), deployed_numbers(records)
    missing = [f"train, prune or harden of {cell}" for cell in names if cell not in made]
    missing += [
        f"{_WANTED[kind]} of {cell}" for kind, cells in needed.items() for cell in cells if (cell, kind) not in attacked
    ]
    if missing:
        raise UserError(
            f"{where}: no record of {'; '.join(missing)} (run `dvc repro`, or drop the rows that name them)"
        )
    stages = training_stages(records)
    makers = {record.cell: record for record in records if record.stage in MAKING}
    return {
        cell: replace(
            _measured(
                made[cell],
                last_training(made[cell], makers),
                attacked.get((cell, "membership")),
                attacked.get((cell, "inversion")),
                added.get(cell, {}),
                stages[cell],
            ),
            deployed=deployed.get(cell, {}),
            repeats=repeats(made[cell], makers),
        )
        for cell in names
    }


def _by_stage(
    records: Iterable[Record], expected: set[str]
) -> tuple[dict[str, Record], dict[tuple[str, Threat], Record]]:
    """Return cell -> record of the stage that made it, and (cell, threat) -> record of its attacks."""
    made: dict[str, Record] = {}
    attacked: dict[tuple[str, Threat], Record] = {}
    for record in records:
        cell = attacked_cell(record) if record.stage == "attack" else record.cell
        if cell not in expected or record.stage in ADDING_STAGES:
            continue
        before = attacked.get((cell, threat_of(record))) if record.stage == "attack" else made.get(cell)
        if before is not None:
            stages = f"{before.stage} and {record.stage}"
            raise UserError(f"records: two of cell {cell} ({stages}), allowed one; remove the outdated one")
        if record.stage == "attack":
            attacked[cell, threat_of(record)] = record
        else:
            made[cell] = record
    return made, attacked


def _check_attack(attack: str | None, cell: MeasuredCell, place: str) -> None:
    if attack is not None and attack not in cell.attacks:
        raise UserError(
            f"{place}.attack: found {attack!r}, allowed those run on {cell.cell}: {', '.join(cell.attacks)}"
        )


def _measured(
    made: Record,
    trained: Record,
    attacked: Record | None,
    inverted: Record | None,
    added: Mapping[str, Estimate],
    stages: tuple[TrainingStage, ...] | None,
) -> MeasuredCell:
    """Join the record of the stage that made a cell with those of its attacks and the metrics that other stages add."""
    for other in (attacked, inverted):
        if other is not None:
            _check_same(made, other)
    numbers = {**added, **maker_numbers(made), **(inversion_numbers(inverted) if inverted else {})}
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
        numbers=with_derived(numbers, bounded_errors(inverted) if inverted else ()),
        attacks=membership_results(attacked) if attacked else {},
        inversions=inversion_results(inverted) if inverted else {},
        search=search_candidates(made),
        bounded=bounded_errors(inverted) if inverted else (),
        checks=_checks(trained, inverted),
        lineage=stages,
    )


def _check_same(made: Record, attacked: Record) -> None:
    for what, one, other in (
        ("seeds", made.seeds, attacked.seeds),
        ("data", made.data["fingerprint"], attacked.data["fingerprint"]),
    ):
        if one != other:
            raise UserError(
                f"records: {what} of cell {made.cell} differ between {made.stage} ({one}) and attack ({other}); "
                "run `dvc repro` to attack it again"
            )


def _checks(trained: Record, inverted: Record | None) -> dict[str, tuple[Check, ...]] | None:
    """Return the checks of a cell's training, and those of the bound that was computed from its features."""
    if not trained.checks:
        return None
    bound = (checks_of(inverted, BOUND) if inverted else None) or ()
    checks = {subject: checks_of(trained, subject) or () for subject in trained.checks}
    return {**checks, BOUND: bound} if bound else checks
