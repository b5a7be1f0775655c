"""Reading YAML files as plain data, and the line in which each mistake is reported."""

from pathlib import Path

import pytest

from privprune.errors import UserError
from privprune.yaml_file import load_yaml

MISTAKES = {
    "missing": (None, "the file is missing, allowed a suite file such as params/laptop.yaml"),
    "empty": (b"", "found None, allowed a mapping with a suite's sections"),
    "list": (b"- 1\n", "found [1], allowed a mapping with a suite's sections"),
    "broken": (b"a: [1\nb: }", "not readable as YAML, did not find expected ',' or ']' in line 2, column 2"),
    "binary": (b"\xff\xfe\x00", "not readable as YAML, 'utf-8' codec can't decode byte 0xff in position 0"),
    "control": (b"a: \x00", "not readable as YAML, "),
    "twice": (
        b"train:\n  a: {epochs: 1}\n  a: {epochs: 2}\n",
        'not readable as YAML, found duplicate key "a" in line 3, column 3',
    ),
    "object": (b"a: !!python/object/apply:os.getcwd []", "not readable as YAML, could not determine a constructor"),
    "two documents": (b"a: 1\n---\na: 2", "not readable as YAML, but found another document in line 2, column 1"),
}


@pytest.mark.parametrize(("content", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_line(content: bytes | None, line: str, tmp_path: Path) -> None:
    """The message names the file, the mistake and, where known, its line and column."""
    path = tmp_path / "suite.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        load_yaml(path)
    assert str(refused.value).startswith(f"{path}: {line}")
    assert "\n" not in str(refused.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """The message says that it could not be read."""
    with pytest.raises(UserError, match="could not be read, Is a directory"):
        load_yaml(tmp_path)


def test_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """The YAML 1.2 core schema: exponents need no point, yes and on are texts, 010 is ten."""
    path = tmp_path / "suite.yaml"
    path.write_text("{rate: 5e-2, power: 1e3, yes: no, on: off, ten: 010, eight: 0o10, none: ~, true: x}")
    expected = {"rate": 0.05, "power": 1000.0, "yes": "no", "on": "off", "ten": 10, "eight": 8}
    assert load_yaml(path) == {**expected, "none": None, True: "x"}


def test_a_written_key_overrides_a_merged_one(tmp_path: Path) -> None:
    """`<<: *anchor` adds keys that are not written in the mapping itself."""
    path = tmp_path / "suite.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")
    assert load_yaml(path)["b"] == {"x": 1, "y": 3}


def test_each_call_returns_a_copy(tmp_path: Path) -> None:
    """A change of the returned data does not affect later calls."""
    path = tmp_path / "suite.yaml"
    path.write_text("a: {x: 1}\n")
    load_yaml(path)["a"]["x"] = 2
    assert load_yaml(path) == {"a": {"x": 1}}
