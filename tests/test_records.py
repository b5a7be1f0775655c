"""Records, the results that are tracked in git."""

from dataclasses import replace
from pathlib import Path

import pytest

from privprune.errors import UserError
from privprune.records import Record, read_records, record_path, versions

RECORD = Record(
    suite="demo",
    paper="mia_pruning",
    stage="prune",
    cell="digits-pruned",
    parameters={"epochs": 3, "rate": 0.05, "from": "models/a", "limit": None},
    data={"name": "digits", "fingerprint": "f" * 64, "note": ""},
    model="lenet5",
    protocol="clean",
    origin="models/a",
    seeds=[0, 1],
    shadows=2,
    metrics={"test_accuracy": [0.5, 0.25]},
    history={"loss": [[1.5, 2.5], [0.5, None]]},  # type: ignore[list-item]  # a value that a phase lacks is null
    phases=[{"name": "admm", "epochs": 2}],
    histograms={"edges": [-1.0, 0.0, 1.0], "all": [3.0, 4.0]},
    versions=versions(),
)


def test_a_written_record_is_read_unchanged(tmp_path: Path) -> None:
    """A record that was written is read unchanged, from the documented path."""
    RECORD.write(tmp_path)
    assert read_records(tmp_path) == [RECORD]
    assert record_path(tmp_path, "demo", "mia_pruning", "prune", "digits-pruned") == (
        tmp_path / "demo/records/mia_pruning/prune/digits-pruned.json"
    )
    assert record_path(tmp_path, "demo", "mia_pruning", "prune", "digits-pruned").exists()


def test_numbers_keep_six_digits(tmp_path: Path) -> None:
    """Every float is rounded to six significant digits, however deep; integers and texts are not touched."""
    value = 0.12345678
    RECORD.write(tmp_path)
    replace(
        RECORD, metrics={"a": [value, 1e-9 * value]}, attacks={"nasr": {"x": [{"y": value}], "n": 123456789}}
    ).write(tmp_path)
    (found,) = read_records(tmp_path)
    assert found.metrics == {"a": [0.123457, 1.23457e-10]}
    assert found.attacks == {"nasr": {"x": [{"y": 0.123457}], "n": 123456789}}


def test_records_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """The order does not depend on when they were written."""
    for cell in ("b", "c", "a"):
        replace(RECORD, cell=cell).write(tmp_path)
    assert [record.cell for record in read_records(tmp_path)] == ["a", "b", "c"]
    assert read_records(tmp_path / "nothing") == []


@pytest.mark.parametrize("content", ['{"suite": "demo"}', '{"unknown": 1}', "[1, 2]", "3", "null"])
def test_other_json_files_are_refused(tmp_path: Path, content: str) -> None:
    """A JSON file with other content is refused; the error names its path."""
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UserError, match=r"x\.json: not a record of this version"):
        read_records(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_named(tmp_path: Path, value: float) -> None:
    """JSON has none; the line says which number it is, and nothing is written."""
    diverged = replace(RECORD, attacks={"nasr": {"metrics": {"auc": [0.5, value]}}})
    line = rf"digits-pruned\.json: record\.attacks\.nasr\.metrics\.auc\[1\]: found {value}, allowed finite numbers"
    with pytest.raises(UserError, match=line):
        diverged.write(tmp_path)
    assert not list(tmp_path.rglob("*.json"))
