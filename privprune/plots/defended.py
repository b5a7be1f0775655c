"""Cells whose features were attacked: which stand together, in pairs without and with CEM, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from privprune.plots.selection import Setting, inverted, target
from privprune.plots.series import Point, point_over_seeds
from privprune.plots.style import FEATURE_DEFENCES, Look, attack_order, defence_label, feature_defence, feature_look
from privprune.published import Paper
from privprune.records import MAKING, Record
from privprune.verdicts import Evaluation

STRONGEST = ("decoder_train", "decoder_infer", "large_decoder_train", "gan_train")  # whose numbers a figure shows first


@dataclass(frozen=True)
class Defended:
    """A cell whose features were attacked.

    Attributes:
        cell: its name.
        base: its defence but for CEM.
        cem: whether CEM was put on it.
        label: its defence as printed.
        look: of the base; with CEM marks are filled and lines solid, without they are hollow and dashed.
        in_tables: whether it is a row, or another defence beside the rows; else it belongs to a sweep only.
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
    def setting(self) -> Setting:
        """Data, model and protocol: only cells that agree in them are drawn together."""
        return self.training.data["name"], self.training.model, self.training.protocol

    @property
    def accuracy(self) -> Point:
        """Test accuracy, mean and range of the seeds."""
        return point_over_seeds(self.training.metrics["test_accuracy"])

    def measure(self, attack: str, metric: str) -> Point | None:
        """Return one metric of one attack with its interval, None where it was not measured."""
        found = self.results(attack).get("metrics", {}).get(metric)
        return Point(found["mean"], found["low"], found["high"]) if found else None

    def results(self, attack: str) -> Mapping[str, Any]:
        """Return all that one attack found, nothing where it was not run."""
        found: Mapping[str, Any] = self.attack.attacks.get(attack, {})
        return found

    def number(self, metric: str) -> Point | None:
        """Return a number of the attack's record that belongs to no single attack, mean and range of the seeds.

        None where it was not measured or is not finite, as the entropy given features without noise.
        """
        values = self.attack.metrics.get(metric, [])
        finite = [value for value in values if value is not None and isfinite(value)]
        return point_over_seeds(finite) if finite and len(finite) == len(values) else None


def defended(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Defended]:
    """Return the cells of rows, controls and sweeps whose features were attacked, in the order of the palette."""
    training = {record.cell: record for record in records if record.stage in MAKING}
    attacks = {target(record): record for record in records if record.stage == "attack" and inverted(record)}
    names = {role.cell: role.name for role in reversed(evaluation.roles)}
    known = [cell.cell for cell in evaluation.cells if cell.cell in training and cell.cell in attacks]
    named = {cell: names.get(cell) or _of_training(training[cell]) for cell in known}
    bases = [feature_defence(name)[0] for name in named.values()]
    order = {name: place for place, name in enumerate(FEATURE_DEFENCES)}
    found = []
    for cell in known:
        base, cem = feature_defence(named[cell])
        look = feature_look(base, bases)
        label = paper.defences.get(named[cell], defence_label(base, look, cem=cem))
        in_tables = cell in names and (named[cell] in paper.defences or base in FEATURE_DEFENCES)
        found.append(Defended(cell, base, cem, label, look, in_tables, training[cell], attacks[cell]))
    return sorted(found, key=lambda one: (order.get(one.base, len(order)), one.base, one.cem))


def _of_training(record: Record) -> str:
    """Return the defence of a cell that stands for no row, by its entry of the suite: `cem` on a base is `base+cem`."""
    defence = record.parameters.get("defence") or {}
    name = str(defence.get("name", "bottleneck"))
    base = defence.get("base") or {}
    return f"{base.get('name', 'bottleneck')}+cem" if name == "cem" else name


def pairs(cells: Sequence[Defended]) -> list[tuple[str, Defended | None, Defended | None]]:
    """Return (base, cell without CEM, cell with CEM) per base, None where there is no such cell."""
    found: dict[str, list[Defended | None]] = {}
    for cell in cells:
        pair = found.setdefault(cell.base, [None, None])
        pair[cell.cem] = pair[cell.cem] or cell
    return [(base, without, cem) for base, (without, cem) in found.items()]


def by_setting(cells: Sequence[Defended]) -> dict[Setting, list[Defended]]:
    """Gather cells by data, model and protocol, in their order."""
    groups: dict[Setting, list[Defended]] = {}
    for cell in cells:
        groups.setdefault(cell.setting, []).append(cell)
    return groups


def attack_names(cells: Sequence[Defended]) -> list[str]:
    """Return the attacks that any of the cells was attacked with, in the order of `style.attack_order`."""
    return sorted({name for cell in cells for name in cell.attack.attacks}, key=attack_order)


def strongest(cells: Sequence[Defended]) -> str:
    """Return the attack whose numbers a figure shows: the paper's decoder where it was run; empty for none."""
    names = attack_names(cells)
    return next((name for name in (*STRONGEST, *names) if name in names), "")
