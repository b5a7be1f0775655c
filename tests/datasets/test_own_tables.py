"""Tables as vectors: what each column becomes, who has a part in its scaling, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_files import SPLIT, own_entry, people, write_table

from privprune.datasets.dataset import Dataset
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch, load_dataset
from privprune.errors import UserError
from privprune.settings import read


def settings(path: Path, **keys: Any) -> Any:
    """Return the settings of an entry whose labels are the column `income`."""
    complete = {"label": "income", "split": SPLIT, **keys}
    return read(DATASET_ENTRY, own_entry("csv", path, **complete), "P: datasets.mine")


def fetched(path: Path, **keys: Any) -> Dataset:
    """Return the records as the stages see them."""
    folder = path.parent / "out" / "mine"
    fetch(settings(path, **keys), folder, {}, path.parent)
    return load_dataset(folder)


def test_numbers_are_standardised_by_the_training_records_alone(tmp_path: Path) -> None:
    """Training records have mean 0 and deviation 1; a test record far away changes none of them."""
    rows = people(40)
    parts = {"train.csv": [rows[0], *rows[1:31]], "test.csv": [rows[0], *rows[31:]]}
    for name, part in parts.items():
        write_table(tmp_path / "one" / name, part)
        write_table(tmp_path / "two" / name, part if name == "train.csv" else [*part, [10**6, "40", "self", 1, "low"]])
    one, two = (fetched(tmp_path / name, split=None, columns=["age", "hours"]) for name in ("one", "two"))
    train = one.images[:30].flatten(1)
    assert np.allclose(train.mean(0), 0, atol=1e-6)
    assert np.allclose(train.std(0, unbiased=False), 1, atol=1e-6)
    assert np.array_equal(two.images[:40], one.images)
    ages = np.array([row[0] for row in rows[1:]], dtype=float)
    expected = (ages - ages[:30].mean()) / ages[:30].std()
    assert np.allclose(one.images[:, 0, 0, 0], expected, atol=1e-5)


def test_categories_are_one_hot_and_numbers_may_be_categories(tmp_path: Path) -> None:
    """Each category of training has a column, sorted; one that only test has is 0 everywhere."""
    rows = [["work", "code", "income"], ["b", "1", "low"], ["a", "20", "high"], ["b", "3", "low"]]
    write_table(tmp_path / "t" / "train.csv", rows)
    write_table(tmp_path / "t" / "test.csv", [rows[0], ["new", "3", "low"]])
    found = fetched(tmp_path / "t", split=None, categories=["code"], protocols={})
    assert found.images[:, :, 0, 0].tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 1]]
    info = settings(tmp_path / "t", split=None, categories=["code"]).info
    assert (info.vectors, info.channels, info.size, info.train_records, info.test_records) == (True, 5, 1, 3, 1)
    assert settings(tmp_path / "t", split=None).info.channels == 3  # the code as a number


def test_a_drawn_split_has_every_record_once(tmp_path: Path) -> None:
    """The same share of each class, with labels that stay with their records."""
    path = write_table(tmp_path / "people.csv", people(80))
    found = fetched(path, columns=["age"])
    assert (found.official_train, len(found.labels)) == (60, 80)
    assert found.class_names == ("high", "low")
    high = found.images[found.labels == 0].mean()
    assert high > found.images[found.labels == 1].mean() + 1
    counts = [found.labels[part].bincount() for part in (slice(60), slice(60, 80))]
    assert (counts[0] / 60 - counts[1] / 20).abs().max() < 0.05


def test_classes_that_are_whole_numbers_are_in_the_order_of_their_values(tmp_path: Path) -> None:
    """10 comes after 9, also where names are texts."""
    path = write_table(tmp_path / "t.csv", [["x", "y", "income"], *([k, 1, k] for k in (10, 9, -1) for _ in range(4))])
    assert fetched(path, protocols={}).class_names == ("-1", "9", "10")


def test_other_delimiters_quotes_and_marks_of_editors(tmp_path: Path) -> None:
    """Semicolons, a byte-order mark, spaces around values, and line ends of Windows in quoted values."""
    path = tmp_path / "t.csv"
    lines = ['a; "b;c";income', *(f'{k}; "x\r\ny{k % 2}";{"low" if k % 2 else "high"}' for k in range(8))]
    path.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode())
    assert settings(path, delimiter=";", columns=["a", "b;c"]).info.channels == 3


def changed(line: int, column: int, value: str) -> Callable[[list[list[Any]]], None]:
    """Return what changes one value."""

    def change(rows: list[list[Any]]) -> None:
        rows[line - 1][column] = value

    return change


def one_label(rows: list[list[Any]]) -> None:
    """Give all records one label."""
    for row in rows[1:]:
        row[-1] = "low"


def names_as_categories(rows: list[list[Any]]) -> None:
    """Put a name into a column."""
    rows[1:] = [[row[0], row[1], f"person {number}", 0, row[-1]] for number, row in enumerate(rows[1:] * 60)]


FILE = "path: {path}: "
MISTAKES: dict[str, tuple[Callable[[list[list[Any]]], object], dict[str, Any], str]] = {
    "missing": (changed(17, 0, " "), {}, FILE + "line 17, column age: found '', allowed a value (none may be missing)"),
    "NA": (changed(9, 2, "N/A"), {}, FILE + "line 9, column work: found 'N/A', allowed a value"),
    "nan": (changed(9, 1, "NaN"), {}, FILE + "line 9, column hours: found 'NaN', allowed a value"),
    "missing label": (changed(3, 4, "?"), {}, FILE + "line 3, column income: found '?', allowed a value"),
    "text among numbers": (
        changed(5, 0, "12a"),
        {},
        FILE + "line 5, column age: found '12a', allowed numbers from -1e+30 to 1e+30 as in other lines, or the column",
    ),
    "infinite": (changed(5, 1, "inf"), {}, FILE + "line 5, column hours: found 'inf', allowed numbers"),
    "too large": (changed(5, 1, "1e200"), {}, FILE + "line 5, column hours: found '1e200', allowed numbers"),
    "too few values": (lambda rows: rows[6].pop(), {}, FILE + "line 7: found 4 values, allowed 5 as in line 1"),
    "no name": (changed(1, 0, ""), {}, FILE + "line 1: found no name for column 1, allowed a name for each"),
    "name twice": (changed(1, 0, "work"), {}, FILE + "line 1: found the column 'work' twice, allowed once"),
    "no records": (lambda rows: rows.__delitem__(slice(1, None)), {}, FILE + "found no records, allowed lines below"),
    "empty": (
        lambda rows: rows.clear(),
        {},
        FILE + "found an empty file, allowed a table with the names of its columns",
    ),
    "one class": (one_label, {}, "path: found one class, 'low', allowed at least two"),
    "names": (
        names_as_categories,
        {},
        FILE + "column work: found 1,800 categories, allowed at most 1,000; leave it out",
    ),
    "many classes": (
        names_as_categories,
        {"label": "work"},
        "label: found 2,400 classes in work, allowed at most 1,000",
    ),
    "unknown label": (
        list,
        {"label": "wages"},
        "label: found 'wages', allowed age, hours, work, postcode, income ({path})",
    ),
    "unknown column": (list, {"columns": ["ages"]}, "columns: found 'ages', allowed age, hours"),
    "label as column": (
        list,
        {"columns": ["age", "income"]},
        "columns: found ['age', 'income'], allowed columns other",
    ),
    "unused category": (
        list,
        {"columns": ["age"], "categories": ["work"]},
        "categories: found 'work', allowed age",
    ),
    "other delimiter": (
        list,
        {"delimiter": ";"},
        FILE + "line 1: found one column, 'age,hours,work,postcode,income', allo",
    ),
    "share": (list, {"split": {"test": 0.001, "seed": 1}}, "split.test: found 0.001 of 40 records, allowed a share"),
    "folder": (list, {"split": None}, "path: found {path}, allowed a folder with train.csv and test.csv, or `split`"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_table_that_cannot_be_used_is_refused_with_line_and_column(tmp_path: Path, kind: str) -> None:
    """One line with file, place, what was found and what is allowed."""
    change, keys, expected = MISTAKES[kind]
    rows = people(40)
    change(rows)
    path = write_table(tmp_path / "people.csv", rows)
    with pytest.raises(UserError) as refused:
        _ = settings(path, **keys).info
    assert str(refused.value).startswith(expected.format(path=path))
    with pytest.raises(UserError) as refused:
        fetched(path, **keys)
    assert str(refused.value).startswith(f"datasets.mine.{expected.format(path=path)}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b,income\n1,caf\xe9,low\n", "found bytes that are not UTF-8 (invalid continuation byte), allowed UTF-8"),
        (b'a,b,income\n1,"open,low\n', "line 2: not readable as a table (unexpected end of data)"),
        (b"a,b,income\n1," + b"x" * 200_000 + b",low\n", "line 2: not readable as a table (field larger than"),
        (None, "found no such file, allowed a table with the names of its columns first"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """Other encodings, open quotes, endless values, no file."""
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        _ = settings(path).info
    assert str(refused.value).startswith(f"path: {path}: {expected}")


def test_a_device_is_no_table() -> None:
    """It would be read without end."""
    with pytest.raises(UserError, match="path: /dev/zero: found no such file, allowed a table"):
        _ = settings(Path("/dev/zero")).info


def test_a_class_that_only_test_has_is_refused(tmp_path: Path) -> None:
    """No network can have learnt it; so are other columns in test."""
    rows = people(20)
    write_table(tmp_path / "t" / "train.csv", rows)
    write_table(tmp_path / "t" / "test.csv", [rows[0], [*rows[1][:-1], "none"]])
    with pytest.raises(UserError, match="path: found the class 'none' in test and not in training, allowed classes"):
        _ = settings(tmp_path / "t", split=None).info
    write_table(tmp_path / "t" / "test.csv", [row[::-1] for row in rows])
    with pytest.raises(
        UserError, match=r"test\.csv: line 1: found other columns than in .*train\.csv, allowed the same"
    ):
        _ = settings(tmp_path / "t", split=None).info
