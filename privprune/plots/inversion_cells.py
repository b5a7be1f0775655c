"""Cells whose features were inverted: their numbers, and their pairs without and with CEM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from privprune.plots.conditions import Conditions
from privprune.plots.series import Point, point_over_seeds
from privprune.plots.style import FEATURE_DEFENCES, Look, attack_order, defence_label, feature_defence, feature_look
from privprune.published import Paper
from privprune.records import MAKING, Record
from privprune.verdicts import Evaluation
from privprune.verdicts.cell_of_record import attack_records

# Attacks whose numbers a figure shows, the first that was run.
STRONGEST = ("decoder_train", "decoder_infer", "large_decoder_train", "gan_train")


@dataclass(frozen=True)
class InversionCell:
    """A cell whose features were inverted.

    Attributes:
        cell: its name.
        base: its defence without CEM.
        cem: whether CEM was added to the defence.
        label: its defence as printed.
        look: how the base is drawn; marks are filled and lines solid with CEM, hollow and dashed without.
        in_tables: whether it is a row of a table, or a defence beside the rows; if not, it belongs to a curve only.
        training: record of the stage that made it.
        attack: record of the inversion attacks.

    """

    cell: str
    base: str
    cem: bool
    label: str
    look: Look
    in_tables: bool
    training: Record
    attack: Record

    @property
    def conditions(self) -> Conditions:
        """Data, model and protocol of the cell."""
        return Conditions(self.training.data["name"], self.training.model, self.training.protocol)

    @property
    def accuracy(self) -> Point:
        """Test accuracy, mean and range of the seeds."""
        return point_over_seeds(self.training.metrics["test_accuracy"])

    def measure(self, attack: str, metric: str) -> Point | None:
        """Return one metric of one attack with its interval, None where it was not measured."""
        result = self.results(attack).get("metrics", {}).get(metric)
        return Point(result["mean"], result["low"], result["high"]) if result else None

    def results(self, attack: str) -> Mapping[str, Any]:
        """Return the results of one attack, empty where it was not run."""
        results: Mapping[str, Any] = self.attack.attacks.get(attack, {})
        return results

    def counts_epochs(self, attack: str) -> bool:
        """Whether the curve of an attack that was run has a number per epoch; else it has some of its `steps`."""
        return "steps" not in self.attack.parameters["inversions"].get(attack, {"steps": 0})

    def number(self, metric: str) -> Point | None:
        """Return a number of the attack's record that belongs to no single attack, mean and range of the seeds.

        None where it was not measured or is not finite, as the conditional entropy of features without noise.
        """
        values = self.attack.metrics.get(metric, [])
        finite = [value for value in values if value is not None and isfinite(value)]
        return point_over_seeds(finite) if finite and len(finite) == len(values) else None


def inversion_cells(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[InversionCell]:
    """Return the cells of rows, controls and curves whose features were inverted, in the order of the palette."""
    training = {record.cell: record for record in records if record.stage in MAKING}
    attacks = attack_records(records, "inversion")
    names = {role.cell: role.name for role in reversed(evaluation.roles)}
    known = [cell.cell for cell in evaluation.cells if cell.cell in training and cell.cell in attacks]
    named = {cell: names.get(cell) or _of_training(training[cell]) for cell in known}
    bases = [feature_defence(name)[0] for name in named.values()]
    order = {name: place for place, name in enumerate(FEATURE_DEFENCES)}
    cells = []
    for cell in known:
        base, cem = feature_defence(named[cell])
        look = feature_look(base, bases)
        label = paper.labels[named[cell]] if known_name(named[cell], paper) else defence_label(base, look, cem=cem)
        look = replace(look, label=label.removesuffix("+CEM"))
        in_tables = cell in names and (named[cell] in paper.defences or base in FEATURE_DEFENCES)
        cells.append(InversionCell(cell, base, cem, label, look, in_tables, training[cell], attacks[cell]))
    return sorted(cells, key=lambda one: (order.get(one.base, len(order)), one.base, one.cem))


def known_name(name: str, paper: Paper) -> bool:
    """Whether the paper's file has a name for a defence or control."""
    return name in paper.defences or name in paper.controls


def _of_training(record: Record) -> str:
    """Return the defence of a cell that stands for no row, from the suite's entry: `cem` on a base is `base+cem`."""
    defence = record.parameters.get("defence") or {}
    name = str(defence.get("name", "bottleneck"))
    base = defence.get("base") or {}
    return f"{base.get('name', 'bottleneck')}+cem" if name == "cem" else name


def pairs(cells: Sequence[InversionCell]) -> list[tuple[str, InversionCell | None, InversionCell | None]]:
    """Return (base, cell without CEM, cell with CEM) per base, None where there is no such cell."""
    by_base: dict[str, list[InversionCell | None]] = {}
    for cell in cells:
        pair = by_base.setdefault(cell.base, [None, None])
        pair[cell.cem] = pair[cell.cem] or cell
    return [(base, without, cem) for base, (without, cem) in by_base.items()]


def attack_names(cells: Sequence[InversionCell]) -> list[str]:
    """Return the attacks that any of the cells was attacked with, in the order of `style.attack_order`."""
    return sorted({name for cell in cells for name in cell.attack.attacks}, key=attack_order)


def strongest(cells: Sequence[InversionCell]) -> str:
    """Return the attack whose numbers a figure shows: the paper's decoder if it was run; empty for no attack."""
    names = attack_names(cells)
    return next((name for name in (*STRONGEST, *names) if name in names), "")
