"""What a paper prints, as data: its tables row by row and its claims, with our tolerances."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from privprune.published.claim import Claim
from privprune.published.labels import method_label
from privprune.published.metric import METRICS
from privprune.published.number import NOT_AVAILABLE, PublishedNumber, Tolerance, printed_value
from privprune.published.question import Question

OURS = "(ours)"  # suffix of data sets that the paper does not use: experiments of our own


class _Labels(dict[str, str]):
    """Names in tables; that of a method without one is its own, in words."""

    def __missing__(self, name: str) -> str:
        return name.replace("_", " ")


@dataclass(frozen=True)
class PrintedRow:
    """One row (dataset, model, defence) of a printed table.

    Attributes:
        dataset: the data set, as printed; one that ends with `OURS` makes the row ours, without any number.
        model: the model, as printed.
        defence: a key of the paper's `defences`.
        attack: the attack behind its attack accuracy; None where the row has none.
        numbers: metric -> text as printed, or that it is not available: such a number has no verdict.
        flags: metric, or `row` for all of them -> what is unusual about it in the paper itself.

    """

    dataset: str
    model: str
    defence: str
    attack: str | None
    numbers: dict[str, str]
    flags: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be read, and flags of metrics that the row does not have."""
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
        """The key of the row in a suite; several tables may print the same row."""
        return self.dataset, self.model, self.defence


@dataclass(frozen=True)
class PrintedTable:
    """One table, its rows in printed order; the note says what is unusual about it, or is empty."""

    name: str
    caption: str
    note: str
    rows: tuple[PrintedRow, ...]

    @property
    def ours(self) -> bool:
        """Whether all rows are experiments of our own, so that the paper has no such table."""
        return all(row.dataset.endswith(OURS) for row in self.rows)


@dataclass(frozen=True)
class QuotedGain:
    """An average gain that the text quotes: how much larger an error is with a defence's addition, in percent.

    Attributes:
        dataset: the data set, as printed.
        attacker: the data that the attack was trained on, as printed.
        metrics: the columns whose gains are averaged.
        quoted: the text as printed.
        read_as: misprinted numbers -> the numbers that must be meant.
        note: what is unusual about it; empty for nothing.

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
        short: name of its method in text.
        citation: authors, venue, identifiers.
        threat: the kind of its attacks; each row's cell must have been attacked in this way.
        protocol: the division of the records under which its numbers were measured.
        datasets: data set as printed -> our names for the same data; a name of ours where it ends with `OURS`.
        covers: a printed data set that stands for several -> these.
        models: model as printed -> our names for the same network.
        attacks: attack behind a printed number -> our names for the same attack.
        columns: printed metric -> the measured metric that it is compared with, where the same name means another
            attack or another scoring.
        defences: defence -> its name in tables.
        averages: printed row that averages others -> the defences that it averages.
        controls: control that the paper does not have -> its name in tables.
        tolerances: tolerances; the first that applies to a number counts.
        tables: the tables, in printed order.
        gains: average gains that the text quotes.
        claims: the claims, in the order of the report.
        questions: what the report answers first, from the claims; empty for a paper without claims.

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
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        """Refuse rows and claims with names that are not declared."""
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
        for claim in self.claims:
            own = {name for variant in claim.variants for comparison in variant for name in comparison.names}
            if unknown := set(claim.unequal_epochs) - own:
                allowed = ", ".join(sorted(own))
                raise ValueError(
                    f"claims: {claim.name}.unequal_epochs: found {', '.join(sorted(unknown))}, allowed {allowed}"
                )
        self._check_names()
        self._check_questions()

    def _check_names(self) -> None:
        """Refuse another spelling of a method that has a name."""
        for name, label in self.labels.items():
            if label != (declared := method_label(name) or label):
                raise ValueError(f"defences, controls: {name}: found {label!r}, allowed {declared!r}, its one name")

    def _check_questions(self) -> None:
        """Refuse clauses about claims that the file does not have, and words for more or fewer comparisons."""
        compared = {claim.name: len(claim.comparisons) for claim in self.claims}
        for clause in (clause for question in self.questions for clause in question.clauses):
            if clause.claim not in compared:
                raise ValueError(f"questions: found the claim {clause.claim}, allowed {', '.join(compared)}")
            if len(clause.words) != compared[clause.claim]:
                wanted = compared[clause.claim]
                raise ValueError(f"questions: {clause.claim}: found {len(clause.words)} words, allowed {wanted}")

    def measured_as(self, metric: str) -> str:
        """Return the measured metric that a printed one is compared with."""
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
        """Defence or control -> its name in tables; a control that the file does not list is called by its own name."""
        return _Labels({**self.defences, **self.controls})

    @cached_property
    def numbers(self) -> tuple[PublishedNumber, ...]:
        """All printed numbers, in printed order, without those that are not available."""
        return tuple(
            self._number(table.name, row, metric)
            for table in self.tables
            for row in table.rows
            for metric, printed in row.numbers.items()
            if printed != NOT_AVAILABLE
        )

    @cached_property
    def first_prints(self) -> dict[tuple[str, str, str, str], float]:
        """(data set, model, defence, metric) -> the first printed number; one for several data sets counts for each."""
        prints: dict[tuple[str, str, str, str], float] = {}
        for number in self.numbers:
            for dataset in (number.dataset, *self.covers.get(number.dataset, ())):
                prints.setdefault((dataset, number.model, number.method, number.metric), number.value)
        return prints

    def _number(self, table: str, row: PrintedRow, metric: str) -> PublishedNumber:
        tolerance = next((one for one in self.tolerances if one.fits(metric, row.dataset)), None)
        if tolerance is None:
            raise ValueError(f"tolerances: none for {metric} on {row.dataset}")
        flags = tuple(text for place, text in row.flags.items() if place in ("row", metric))
        attack = row.attack or "" if metric == "attack_accuracy" else METRICS[self.measured_as(metric)].attack
        printed = row.numbers[metric]
        return PublishedNumber(table, row.dataset, row.model, row.defence, attack, metric, printed, tolerance, flags)
