"""The controls beside the paper's methods, and the sweep of sparsities."""

from collections.abc import Mapping, Sequence

from privprune.published import Paper, attack_label
from privprune.tables.checks import checks_in_words
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, of_cell, seeds, utilities
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_on, numbers, printed_place, row
from privprune.verdicts import CellRole, Evaluation, MeasuredCell
from privprune.verdicts.checks import of_attack
from privprune.verdicts.checks import of_cell as checks_of_cell
from privprune.verdicts.measured_cells import BALANCED
from privprune.verdicts.sparsity_search import SearchCandidate
from privprune.verdicts.strongest import strongest_attacks

_STRONGEST = "strongest_attack"  # the accuracy of the strongest attack of each cell, and its name
_COLUMNS = {
    "membership": ("test_accuracy", "attack_accuracy", _STRONGEST, "accuracy_gap", "weights_after", "weights_ratio"),
    "inversion": (
        "decoder_train_mse", "decoder_infer_mse", "gan_train_mse", "large_decoder_train_mse",
        "conditional_entropy", "feature_bytes",
    ),
}  # fmt: skip
_CAPTIONS = {
    "membership": "What the paper does not compare with: is it the pruning that protects, or the extra training, the "
    "size, or the lost accuracy?",
    "inversion": "What the paper's tables do not have beside its rows: simpler defences, other settings, the other "
    "form of the method.",
}
_CHOSEN = (
    "Strongest attack: of those that ran on all cells, chosen for each on records that are not evaluated, so that it "
    "may be lower on these."
)


def controls_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the controls beside the methods of the same place, with the same columns."""
    places = dict.fromkeys(role.place for role in evaluation.roles if role.control)
    keys = [(place.dataset, place.model, place.data, place.protocol) for place in places]
    roles = [
        role
        for key in dict.fromkeys(keys)
        for role in evaluation.roles
        if (role.place.dataset, role.place.model, role.place.data, role.place.protocol) == key
    ]
    columns: tuple[str, ...] = _COLUMNS[paper.threat]
    if paper.threat == "inversion":
        columns = (*utilities(evaluation.cell(role.cell) for role in roles), *columns)
    if any("epsilon" in evaluation.cell(role.cell).numbers for role in roles):
        columns = (*columns, "epsilon")
    strongest = _strongest(roles, evaluation)
    have = {role.name for role in roles} | {curve.name for curve in evaluation.curves}
    missing = [label for name, label in paper.controls.items() if name not in have]
    return Table(
        name="controls",
        title="Controls",
        caption=_CAPTIONS[paper.threat],
        columns=(
            *labels("Stands beside", "Measured on", "Method"),
            *numbers(*("Strongest attack (%)" if one == _STRONGEST else heading(one) for one in columns), "Seeds"),
            *labels("Checks"),
        ),
        rows=tuple(_control(role, columns, strongest.get(role), evaluation, paper) for role in roles),
        notes=(
            *INTERVALS,
            *((_CHOSEN,) if strongest else ()),
            "Checks: of the cell and of the attacks in its row; the table of checks has each with its reason.",
            *((f"Not run in this suite: {'; '.join(missing)}.",) if missing else ()),
            *data_notes(evaluation.cell(role.cell) for role in roles),
        ),
    )


def _strongest(roles: Sequence[CellRole], evaluation: Evaluation) -> dict[CellRole, str]:
    """Return the strongest attack of each cell, of those that ran on all attacked cells of the same place.

    A row with an attack that the others were spared, such as one on two networks, has none; nor has a cell whose
    attacks have no scores on records kept for that.
    """
    chosen: dict[CellRole, str] = {}
    for place in dict.fromkeys(role.place for role in roles):
        cells = {role: evaluation.cell(role.cell) for role in roles if role.place == place}
        attacked = {role: cell for role, cell in cells.items() if strongest_attacks([cell], "membership")}
        if not attacked:
            continue
        best = strongest_attacks(list(attacked.values()), "membership") or {}
        shared = set.intersection(*(set(cell.attacks) for cell in attacked.values()))
        chosen |= {role: best[role.cell] for role in attacked if role.cell in best and role.attack in shared}
    return chosen


def _control(
    role: CellRole, columns: Sequence[str], strongest: str | None, evaluation: Evaluation, paper: Paper
) -> tuple[TableCell, ...]:
    cell = evaluation.cell(role.cell)
    label = paper.labels[role.name]
    attacks = [one for one in cell.inversions if f"{one}_mse" in columns]
    attacks += [one for one in dict.fromkeys((role.attack, strongest)) if one in cell.attacks]
    return row(
        printed_place(role.place.dataset, role.place.model),
        measured_on(cell),
        TableCell(f"Control: {label}", "control") if role.control else label,
        *(_value(cell, one, {_STRONGEST: strongest, "attack_accuracy": role.attack}) for one in columns),
        seeds(len(cell.seeds)),
        checks_in_words([*checks_of_cell(cell), *(check for one in attacks for check in of_attack(cell, one))]),
    )


def _value(cell: MeasuredCell, column: str, attacks: Mapping[str, str | None]) -> str:
    """Return what stands in a column; the name of the attack with its accuracy, `attacks` being those of columns."""
    return _named(cell, attacks[column]) if column in attacks else of_cell(cell, column)


def _named(cell: MeasuredCell, attack: str | None) -> str:
    return f"{_accuracy_of(cell, attack)}, {attack_label(attack)}" if attack else ABSENT


def _accuracy_of(cell: MeasuredCell, attack: str | None) -> str:
    return estimate(cell.attacks[attack].measures[BALANCED], "percent") if attack in cell.attacks else ABSENT


def sweep_table(evaluation: Evaluation) -> Table:
    """Return test accuracy and each membership attack's balanced accuracy along the sweep, one column per cell."""
    cells = [cell for name in evaluation.sweep if (cell := evaluation.cell(name)).attacks]
    if not cells:
        return Table("sweep", "Sweep", "", labels(""), (), ())
    attacks = tuple(dict.fromkeys(attack for cell in cells for attack in cell.attacks))
    shown = ("weights_after", "weights_ratio", "train_accuracy", "test_accuracy")
    return Table(
        name="sweep",
        title="Attack against test accuracy along the sweep",
        caption="Balanced accuracy of each attack, beside what is left of the weights and of the test accuracy.",
        columns=(*labels(""), *numbers(*(cell.cell for cell in cells))),
        rows=(
            row("Measured on", *(measured_on(cell) for cell in cells)),
            row("Seeds", *(seeds(len(cell.seeds)) for cell in cells)),
            *(row(heading(metric), *(of_cell(cell, metric) for cell in cells)) for metric in shown),
            *(row(f"Attack: {attack_label(one)} (%)", *(_accuracy_of(cell, one) for cell in cells)) for one in attacks),
        ),
        notes=(*INTERVALS, *data_notes(cells)),
    )


def search_table(evaluation: Evaluation) -> Table:
    """Return the candidates of Algorithm 1's outer loop, for each cell whose sparsity was chosen by it."""
    searched = [cell for cell in evaluation.cells if cell.search]
    return Table(
        name="search",
        title="Sparsity chosen as in Algorithm 1",
        caption="Gain of the inference network (Equation 1; guessing has -1.386) and accuracy of each candidate, both "
        "on the selection records, which no attack or utility is reported on. Taken is the smallest gain among those "
        "accurate enough.",
        columns=(*labels("Cell", "Weights reduced"), *numbers("Accuracy (%)", "Gain", "Seeds"), *labels("Taken")),
        rows=tuple(_candidate(cell, candidate) for cell in searched for candidate in cell.search),
        notes=(*INTERVALS, *data_notes(searched)),
    )


def _candidate(cell: MeasuredCell, candidate: SearchCandidate) -> tuple[TableCell, ...]:
    taken = (
        "" if not candidate.chosen else "yes" if candidate.within_drop else "yes, the most accurate: none was enough"
    )
    gain = candidate.gain
    interval = "" if gain.low is None or gain.high is None else f" [{gain.low:.3f}, {gain.high:.3f}]"
    return row(
        cell.cell,
        "dense" if candidate.ratio == 1 else f"{candidate.ratio:g}x",
        estimate(candidate.accuracy, "percent"),
        f"{gain.mean:.3f}{interval}",
        seeds(len(gain.values)),
        taken,
    )
