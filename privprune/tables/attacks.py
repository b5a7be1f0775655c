"""All attacks on all cells; the claim under every attack; and the replay at other shares of members."""

from collections.abc import Sequence

from privprune.metrics.membership import always_member_accuracy
from privprune.published import Paper, attack_label
from privprune.published.metric import Unit
from privprune.tables.notes import DIFFERENCES, INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, plain, seeds, with_interval
from privprune.tables.table import ABSENT, MINUS, Table, TableCell, labels, measured_place, numbers, printed_place, row
from privprune.verdicts import AttackDifference, CellRole, Evaluation, MeasuredCell

MEASURES: dict[str, tuple[str, Unit]] = {
    "balanced_accuracy": ("Balanced accuracy (%)", "percent"),
    "auc": ("AUC", "ratio"),
    "tpr_at_1_percent_fpr": ("TPR at 1 % FPR (%)", "percent"),
    "tpr_at_0.1_percent_fpr": ("TPR at 0.1 % FPR (%)", "percent"),
}
# name in the records -> heading, and members per non-member
_REPLAYS: dict[str, tuple[str, float]] = {
    "balanced_accuracy": ("1:1", 1),
    "accuracy_at_2_to_1": ("2:1", 2),
    "accuracy_at_5_to_1": ("5:1", 5),
}


def attacks_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return one row per membership attack and cell with a role."""
    cells = [evaluation.cell(name) for name in dict.fromkeys(role.cell for role in evaluation.roles)]
    attacked = [cell for cell in cells if cell.attacks]
    return Table(
        name="attacks",
        title="All membership attacks on all cells",
        caption="Membership inference against each cell. Guessing reaches a balanced accuracy of 50 %, an AUC of "
        "0.500, and a true-positive rate that equals the false-positive rate.",
        columns=(
            *labels("Cell", "Method", "Attack"),
            *numbers(*(title for title, _ in MEASURES.values()), "Members + non-members", "Seeds"),
        ),
        rows=tuple(_attack(cell, attack, evaluation, paper) for cell in attacked for attack in cell.attacks),
        notes=(*INTERVALS, *_resolution(attacked), *data_notes(attacked)),
    )


def _attack(cell: MeasuredCell, attack: str, evaluation: Evaluation, paper: Paper) -> tuple[TableCell, ...]:
    result = cell.attacks[attack]
    measured = [estimate(result.measures.get(name), unit) for name, (_, unit) in MEASURES.items()]
    names = dict.fromkeys(paper.labels[role.name] for role in evaluation.roles if role.cell == cell.cell)
    records = f"{result.members:,} + {result.nonmembers:,}"
    return row(cell.cell, "; ".join(names), attack_label(attack), *measured, records, seeds(len(cell.seeds)))


def _resolution(cells: Sequence[MeasuredCell]) -> list[str]:
    """Return a warning if a false-positive rate of 0.1 % means less than ten records."""
    counts = [result.nonmembers for cell in cells for result in cell.attacks.values()]
    if not counts or min(counts) >= 10000:
        return []
    return [
        f"Some targets are attacked with only {min(counts):,} non-members, of which 0.1 % is {min(counts) / 1000:.3g}.",
        "With fewer than ten records, the TPR at 0.1 % FPR is unstable.",
    ]


def every_attack_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the difference of the claims that ask for it, under every attack and measure."""
    differences = [one for claim in evaluation.claims for one in claim.every_attack]
    grouped: dict[tuple[object, ...], dict[str, AttackDifference]] = {}
    for one in differences:
        grouped.setdefault((one.place, one.of, one.against, one.attack), {})[one.measure] = one
    return Table(
        name="every_attack",
        title="The defence under every attack",
        caption="Difference of each measure between the defence and what it is compared with, paired over seeds; below "
        "zero the defence protects.",
        columns=(
            *labels("Measured on", "Difference", "Attack"),
            *numbers(*(title for title, _ in MEASURES.values()), "Seeds"),
        ),
        rows=tuple(_difference(one, paper) for one in grouped.values()),
        notes=(
            "Percent points but for the AUC.",
            f"Mean over paired seeds [95 % interval]; {DIFFERENCES}",
            *data_notes(evaluation.cells),
        ),
    )


def _difference(by_measure: dict[str, AttackDifference], paper: Paper) -> tuple[TableCell, ...]:
    one = next(iter(by_measure.values()))
    cells = []
    for measure, (_, unit) in MEASURES.items():
        this = by_measure.get(measure)
        text = ABSENT if this is None else with_interval(this.mean, this.low, this.high, unit, difference=True)
        cells.append(text)
    pair = f"{paper.labels[one.of]} {MINUS} {paper.labels[one.against]}"
    place = f"{printed_place(one.place.dataset, one.place.model)}: {measured_place(one.place)}"
    return row(place, pair, attack_label(one.attack), *cells, seeds(one.seeds))


def base_rates_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the accuracy of the printed attack with one, two and five members per non-member."""
    roles = [role for role in evaluation.roles if role.attack is not None]
    cells = [evaluation.cell(role.cell) for role in roles]
    chances = [plain(100 * always_member_accuracy(odds), "percent") for _, odds in _REPLAYS.values()]
    if not roles:
        return Table("base_rates", "Attack accuracy at other shares of members", "", labels(""), (), ())
    always = row("always answering 'member'", ABSENT, ABSENT, ABSENT, ABSENT, *chances)
    return Table(
        name="base_rates",
        title="Attack accuracy at other shares of members",
        caption="The same attackers, scored with one, two and five members per non-member. Plain accuracy rises with "
        "the share of members alone; the paper does not state its share.",
        columns=(
            *labels("Printed for", "Method", "Measured on", "Attack"),
            *numbers("Published (%)", *(f"{title} (%)" for title, _ in _REPLAYS.values())),
        ),
        rows=(always, *(_replay(role, evaluation, paper) for role in roles)),
        notes=(*INTERVALS, *data_notes(cells)),
    )


def _replay(role: CellRole, evaluation: Evaluation, paper: Paper) -> tuple[TableCell, ...]:
    measures = evaluation.cell(role.cell).attacks[role.attack or ""].measures
    place = role.place
    printed = dict.fromkeys(
        one.printed
        for one in evaluation.verdicts
        if (one.dataset, one.model, one.method, one.metric)
        == (place.dataset, place.model, role.name, "attack_accuracy")
    )
    return row(
        printed_place(place.dataset, place.model),
        paper.labels[role.name],
        measured_place(place),
        attack_label(role.attack) if role.attack else ABSENT,
        ", ".join(printed) or ABSENT,
        *(estimate(measures.get(name), "percent") for name in _REPLAYS),
    )
