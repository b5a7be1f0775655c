"""A table of records as a CSV file, with a column of labels; for networks that take vectors, such as `mlp`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.own_format import DrawnSplit, OwnFormat, OwnSettings, check_bytes, check_classes, in_the_files
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import SourceInfo
from privprune.datasets.tables import Table, check_complete, class_numbers, encoded, read_table
from privprune.errors import UserError, shown
from privprune.names import Rule
from privprune.settings import Printed

_PARTS = ("train.csv", "test.csv")
_MOST_CLASSES = 1000  # a column with more is no column of labels
Delimiter = Annotated[str, Rule(lambda text: len(text) == 1 and text not in '"\r\n ', "one character, such as , or ;")]


@dataclass(frozen=True, kw_only=True)
class TableSettings(OwnSettings):
    """An entry for a table: numeric columns are standardised, categories become a column of 0 and 1 each.

    Attributes:
        label: name of the column of labels.
        columns: names of the columns that the networks see, in this order; null for all but that of the labels.
        categories: those of them whose values are categories even if they are numbers, such as codes; null for none.
        delimiter: what stands between two values of a line; null for a comma.
        split: how test records are drawn from the file `path`; null where `path` is a folder with `train.csv` and
            `test.csv`.

    """

    name: Literal["csv"]
    label: Printed
    columns: tuple[Printed, ...] | None = None
    categories: tuple[Printed, ...] | None = None
    delimiter: Delimiter | None = None
    split: DrawnSplit | None = None

    def describe(self) -> DatasetInfo:
        """Read the tables as a whole: their categories say how many numbers a record has."""
        raw = _read(self)
        return DatasetInfo(
            name=self.name,
            channels=np.asarray(raw.images).shape[1],
            size=1,
            classes=raw.classes,
            train_records=raw.official_train,
            test_records=len(raw.labels) - raw.official_train,
            read=lambda _source: raw,
            source=SourceInfo("user_supplied", "you", (self.path,), "a CSV file, or train.csv and test.csv"),
            vectors=True,
        )

    def tables(self) -> list[Table]:
        """Read the file, or those of training and test records.

        Raises:
            UserError: a file is missing or no such table, or both have other columns.

        """
        root = self.location
        if self.split is not None:
            if root.is_dir():
                raise UserError(f"path: found the folder {self.path}, allowed a file with `split`")
            return [self._table(root)]
        if not root.is_dir():
            raise UserError(f"path: found {self.path}, allowed a folder with {' and '.join(_PARTS)}, or `split`")
        train, test = (self._table(root / part) for part in _PARTS)
        if list(train.columns) != list(test.columns):
            raise UserError(f"path: {test.file}: line 1: found other columns than in {train.file}, allowed the same")
        return [train, test]

    def _table(self, path: Path) -> Table:
        with in_the_files():
            return read_table(path, self.delimiter or ",")

    def used(self, table: Table) -> list[str]:
        """Return the columns that the networks see.

        Raises:
            UserError: the table lacks a column, or one is used for both, or twice.

        """
        for key, names in (("label", (self.label,)), ("columns", self.columns), ("categories", self.categories)):
            for name in names or ():
                if name not in table.columns:
                    raise UserError(f"{key}: found {shown(name)}, allowed {', '.join(table.columns)} ({table.file})")
        used = [name for name in table.columns if name != self.label] if self.columns is None else list(self.columns)
        if self.label in used or len(set(used)) != len(used) or not used:
            raise UserError(f"columns: found {shown(used)}, allowed columns other than the label's, each once")
        wrong = next((name for name in self.categories or () if name not in used), None)
        if wrong is not None:
            raise UserError(f"categories: found {shown(wrong)}, allowed {', '.join(used)}")
        return used


def _read(settings: TableSettings) -> RawDataset:
    """Read all records, the training records first.

    Raises:
        UserError: a file is missing, is no such table, lacks a column or a value, or has a column that is neither of
            numbers nor of categories.

    """
    tables = settings.tables()
    used = settings.used(tables[0])
    with in_the_files():
        check_complete(tables, [*used, settings.label])
    texts = [text for table in tables for text in table.columns[settings.label]]
    labels, names = class_numbers(texts)
    if len(names) > _MOST_CLASSES:
        raise UserError(f"label: found {len(names):,} classes in {settings.label}, allowed at most {_MOST_CLASSES:,}")
    train, test = _parts(tables, texts, settings.split)
    with in_the_files():
        vectors = encoded(tables, train, used, settings.categories or ())
    check_classes(*(Counter(texts[record] for record in part) for part in (train, test)))
    check_bytes("columns", len(vectors), vectors.shape[1] * vectors.itemsize)
    order = np.concatenate([train, test])
    return RawDataset(
        np.ascontiguousarray(vectors[order][:, :, None, None]),
        labels[order],
        official_train=len(train),
        classes=len(names),
        class_names=names,
    )


def _parts(tables: Sequence[Table], labels: Sequence[str], split: DrawnSplit | None) -> tuple[Array, Array]:
    """Return the positions of training and test records among those of all tables."""
    if split is not None:
        return split.parts(np.array(labels))
    first = len(tables[0])
    return np.arange(first), np.arange(first, len(labels))


METHOD = OwnFormat(TableSettings)
