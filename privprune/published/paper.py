"""All that a paper prints, as data: its tables row by row, the tolerances, and its claims."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from privprune.published.claim import Claim
from privprune.published.metric import METRICS
from privprune.published.number import NOT_AVAILABLE, PublishedNumber, Tolerance, printed_value

OURS = "(ours)"  # ends the name of a data set that the paper has no experiment on: a place of our own


@dataclass(frozen=True)
class PrintedRow:
    """One row (dataset, model, defence) of a printed table.

    Attributes:
        dataset: the data set, as printed; one that ends with `OURS` makes the row ours, without any number.
        model: the model, as printed.
        defence: a key of the paper's `defences`.
        attack: the attack behind its attack accuracy; None where the row has none.
        numbers: metric -> text as printed, or that it is not available: such a number has no verdict.
        flags: metric, or `row` for all of them -> what is odd about it in the paper itself.

    """

    dataset: str
    model: str
    defence: str
    attack: str | None
    numbers: dict[str, str]
    flags: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be read, and flags that belong to none of them."""
        for metric, printed in self.numbers.items():
            if metric not in METRICS:
                raise ValueError(f"numbers: found {metric!r}, allowed {', '.join(METRICS)}")
            if self.dataset.endswith(OURS) and printed != NOT_AVAILABLE:
                raise ValueError(f"numbers: found {printed!r} for {self.dataset}, allowed {NOT_AVAILABLE}")
            if printed != NOT_AVAILABLE:
                printed_value(printed)
        if unknown := set(self.flags) - {"row", *self.numbers}:
            raise ValueError(f"flags: found {', '.join(sorted(unknown))}, allowed row, {', '.join(self.numbers)}")
        if (self.attack is None) == ("attack_accuracy" in self.numbers):
            raise ValueError("attack: stands where, and only where, an attack accuracy is printed")

    @property
    def key(self) -> tuple[str, str, str]:
        """What a suite names the row by; several tables may print it."""
        return self.dataset, self.model, self.defence


@dataclass(frozen=True)
class PrintedTable:
    """One table, its rows in printed order; the note says what is odd about it, or is empty."""

    name: str
    caption: str
    note: str
    rows: tuple[PrintedRow, ...]

    @property
    def ours(self) -> bool:
        """Whether the paper has no such table: all its rows are places of our own."""
        return all(row.dataset.endswith(OURS) for row in self.rows)


@dataclass(frozen=True)
class QuotedGain:
    """An average gain that the text quotes: how much larger an error is with a defence's addition, in percent.

    Attributes:
        dataset: the data set, as printed.
        attacker: what the attacker knows, as printed.
        metrics: the columns whose gains are averaged.
        quoted: the text as printed.
        read_as: numbers that must be misprints -> what they must mean.
        note: what is odd about it; empty for nothing.

    """

    dataset: str
    attacker: str
    metrics: tuple[str, ...]
    quoted: str
    read_as: dict[str, str]
    note: str


@dataclass(frozen=True)
class Paper:
    """A paper's printed numbers and claims, with the tolerances and names needed to judge a run against them.

    Attributes:
        paper: its short name in suites and folders.
        title: its title.
        short: how its method is called in text.
        citation: authors, place, identifiers.
        threat: what its attacks infer; each row's cell must have been attacked in this way.
        protocol: the division of records that its numbers were measured with.
        datasets: data set as printed -> our names for the same data; a name of ours where it ends with `OURS`.
        covers: a printed data set that stands for several -> these.
        models: model as printed -> our names for the same network.
        attacks: attack behind a printed number -> our names for the same attack.
        columns: printed metric -> the measured one that it is held against, where the same name means another attack or
            another scoring.
        defences: defence -> how tables call it.
        averages: printed row that averages others -> the defences that it averages.
        controls: control that the paper lacks -> how tables call it.
        tolerances: the first that fits a number counts.
        tables: in printed order.
        gains: average gains that the text quotes.
        claims: in the order they are shown.

    """

    paper: str
    title: str
    short: str
    citation: str
    threat: Literal["membership", "inversion"]
    protocol: str
    datasets: dict[str, tuple[str, ...]]
    covers: dict[str, tuple[str, ...]]
    models: dict[str, tuple[str, ...]]
    attacks: dict[str, tuple[str, ...]]
    columns: dict[str, str]
    defences: dict[str, str]
    averages: dict[str, tuple[str, ...]]
    controls: dict[str, str]
    tolerances: tuple[Tolerance, ...]
    tables: tuple[PrintedTable, ...]
    gains: tuple[QuotedGain, ...]
    claims: tuple[Claim, ...]

    def __post_init__(self) -> None:
        """Refuse rows and claims that name what is not declared."""
        for row in self.rows:
            if row.dataset not in self.datasets or row.model not in self.models or row.defence not in self.defences:
                raise ValueError(f"tables: {' / '.join(row.key)} names a data set, model or defence not declared")
            if row.attack is not None and row.attack not in self.attacks:
                raise ValueError(f"tables: {' / '.join(row.key)} names the attack {row.attack}, not declared")
        if unknown := {*self.columns, *self.columns.values()} - set(METRICS):
            raise ValueError(f"columns: found {', '.join(sorted(unknown))}, allowed {', '.join(METRICS)}")
        compared = [one for claim in self.claims for variant in claim.variants for one in variant]
        names = {name for comparison in compared for name in comparison.names}
        if unknown := names - set(self.labels):
            raise ValueError(f"claims: found {', '.join(sorted(unknown))}, allowed {', '.join(self.labels)}")

    def measured_as(self, metric: str) -> str:
        """Return the measured metric that a printed one is held against."""
        return self.columns.get(metric, metric)

    @property
    def rows(self) -> tuple[PrintedRow, ...]:
        """All printed rows, table after table."""
        return tuple(row for table in self.tables for row in table.rows)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """All printed pairs of data set and model, in printed order."""
        return tuple(dict.fromkeys((row.dataset, row.model) for row in self.rows))

    def prints_attack(self, dataset: str, model: str, defence: str) -> bool:
        """Whether a membership attack is printed for a row."""
        return any(row.attack for row in self.rows if row.key == (dataset, model, defence))

    @property
    def labels(self) -> dict[str, str]:
        """Defences and controls with the names that tables use."""
        return {**self.defences, **self.controls}

    @cached_property
    def numbers(self) -> tuple[PublishedNumber, ...]:
        """All printed numbers, in printed order; those that are not available are none."""
        return tuple(
            self._number(table.name, row, metric)
            for table in self.tables
            for row in table.rows
            for metric, printed in row.numbers.items()
            if printed != NOT_AVAILABLE
        )

    @cached_property
    def first_prints(self) -> dict[tuple[str, str, str, str], float]:
        """(data set, model, defence, metric) -> the first printed number; a print for several data sets is each's."""
        found: dict[tuple[str, str, str, str], float] = {}
        for number in self.numbers:
            for dataset in (number.dataset, *self.covers.get(number.dataset, ())):
                found.setdefault((dataset, number.model, number.method, number.metric), number.value)
        return found

    def _number(self, table: str, row: PrintedRow, metric: str) -> PublishedNumber:
        tolerance = next((one for one in self.tolerances if one.fits(metric, row.dataset)), None)
        if tolerance is None:
            raise ValueError(f"tolerances: none for {metric} on {row.dataset}")
        flags = tuple(text for place, text in row.flags.items() if place in ("row", metric))
        attack = row.attack or "" if metric == "attack_accuracy" else METRICS[self.measured_as(metric)].attack
        printed = row.numbers[metric]
        return PublishedNumber(table, row.dataset, row.model, row.defence, attack, metric, printed, tolerance, flags)
