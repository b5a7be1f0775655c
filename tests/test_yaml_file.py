"""Reading YAML files as plain data, and the line in which each mistake is reported."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from locations import ROOT, TINY

from privprune import yaml_file
from privprune.errors import UserError
from privprune.yaml_file import load_yaml

SUITES = [ROOT / "params.yaml", *sorted((ROOT / "params").glob("*.yaml")), *sorted(TINY.parent.glob("*.yaml"))]
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
    "object": (
        b"a: !!python/object/apply:os.getcwd []",
        "not readable as YAML, found a sequence, which YAML reads as python/object/apply:os.getcwd, allowed numbers, ",
    ),
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


def bomb_of_aliases() -> str:
    """Return nine lines that stand for 9^9 texts."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines)


def bomb_of_merge_keys() -> str:
    """Return lines that merge a mapping 9^30 times."""
    lines = ["a0: &a0 {k0: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 30)]
    return "\n".join(lines)


def chain_of_aliases() -> str:
    """Return a list in a list 1,300 times, each on a line of its own, which the last line uses."""
    lines = ["a:", "- &a0 [x]", *(f"- &a{n} [*a{n - 1}]" for n in range(1, 1300)), "b: *a1299"]
    return "\n".join(lines)


def long_text_often() -> str:
    """Return a text of 1,000 characters that stands in a list 9,000 times."""
    return f"a: &a [{'x' * 1000}]\nb: [{'*a, ' * 9_000}]"


def many_merges() -> str:
    """Return a wide mapping that a thousand others merge: few characters, and many values."""
    wide = ", ".join(f"k{n}: 1" for n in range(700))
    return "\n".join([f"a: &a {{{wide}}}", *(f"b{n}: {{<<: *a}}" for n in range(1000))])


PLAIN = "allowed numbers, texts, true, false, null"
PLACED = {  # what the parser or the constructor stumbles over -> the message behind "not readable as YAML, "
    "date": ("a: 2024-01-01", f"found '2024-01-01', which YAML reads as timestamp, {PLAIN} in line 1, column 4"),
    "no date": ("a: 2024-13-45", f"found '2024-13-45', which YAML reads as timestamp, {PLAIN} in line 1, column 4"),
    "binary": ("a: !!binary x", f"found 'x', which YAML reads as binary, {PLAIN} in line 1, column 4"),
    "set": ("a: !!set {x}", f"found a mapping, which YAML reads as set, {PLAIN} in line 1, column 4"),
    "tag of ours": ("a: !suite x", f"found 'x', which YAML reads as !suite, {PLAIN} in line 1, column 4"),
    "no integer": ("b: 1\na: !!int x", "found 'x', allowed an integer in line 2, column 4"),
    "no float": ("a: !!float x", "found 'x', allowed a number in line 1, column 4"),
    "no boolean": ("a: !!bool x", "found 'x', allowed true or false in line 1, column 4"),
    "empty integer": ('a: !!int ""', "found '', allowed an integer in line 1, column 4"),
    "empty float": ('a: !!float ""', "found '', allowed a number in line 1, column 4"),
    "empty boolean": ('a: !!bool ""', "found '', allowed true or false in line 1, column 4"),
    "sign without digits": ("a: !!int +", "found '+', allowed an integer in line 1, column 4"),
    "no digits": ("a: 0x_", "found '0x_', allowed an integer in line 1, column 4"),
    "point without digits": ("a: ._", "found '._', allowed a number in line 1, column 4"),
    "long integer": ("a: " + "9" * 5000, f"found '{'9' * 56}..., allowed a number of at most 100 characters in line 1"),
    "long hexadecimal": ("a: 0x" + "f" * 5000, "found '0xfff"),
    "list as a key": ("? [a]\n: 1", "found a list or mapping as a key, allowed a text in line 1, column 3"),
    "mapping as a key": ("? {a: 1}\n: 1", "found a list or mapping as a key, allowed a text in line 1, column 3"),
    "list of a mapping as a key": ("? [{a: 1}]\n: 1", "found a list or mapping as a key"),
    "deep lists": (
        "a: " + "[" * 4_000 + "]" * 4_000,
        "found more than 50 levels of lists and mappings, allowed at most these in line 1",
    ),
    "many brackets": ("a: " + "[" * 100_000, "found more than 10,000 brackets, allowed at most these"),
    "deep mappings": ("a: " + "{a: " * 100_000, "found more than 10,000 brackets, allowed at most these"),
    "deep blocks": ("\n".join(" " * n + "a:" for n in range(900)), "found more than 50 levels"),
    "deep aliases": (chain_of_aliases(), "found more than 50 levels of lists and mappings, allowed at most these"),
    "too many values": ("a: [" + "1," * 150_000 + "]", "found more than 50,000 values, allowed at most these"),
    "long text, often": (long_text_often(), "found more than 5,000,000 characters with all aliases written out"),
    "many merges": (many_merges(), "found more than 400,000 values with all aliases written out"),
    "too long": ("a: " + "x" * 600_000, "found more than 500,000 bytes, allowed at most these"),
    "bomb of aliases": (bomb_of_aliases(), "found more than 400,000 values with all aliases written out"),
    "bomb of merge keys": (bomb_of_merge_keys(), "found more than 400,000 values with all aliases written out"),
    "list in itself": ("a: &a [*a]", "found the alias *a, allowed those of anchors that end above in line 1, column 8"),
    "mapping in itself": ("a: &a {<<: *a}", "found the alias *a, allowed those of anchors that end above"),
    "no anchor": ("a: *b", "found the alias *b, allowed those of anchors that end above in line 1, column 4"),
    "tab for a space": ("\ta: 1", "found character that cannot start any token in line 1, column 1"),
    "long undefined alias": ("a: *" + "b" * 100_000, "found the alias *bbb"),
}


@pytest.mark.parametrize("kind", PLACED)
def test_whatever_yaml_can_say_ends_in_one_line_within_a_second(kind: str, tmp_path: Path) -> None:
    """A value that cannot be built, or a text that stands for too much, is refused with line and column."""
    text, line = PLACED[kind]
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(UserError) as refused:
        load_yaml(path)
    assert time.process_time() - began < 1
    assert str(refused.value).startswith(f"{path}: not readable as YAML, {line}")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= 500


TAGS = ("", "!!int", "!!float", "!!bool", "!!null", "!!str", "!!seq", "!!map")
SCALARS = st.text("+-_.:0179abefinoxNE ", max_size=6) | st.text(max_size=4)


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(tag=st.sampled_from(TAGS), text=SCALARS)
def test_any_text_behind_any_tag_is_a_value_or_one_line(tag: str, text: str, tmp_path_factory: Any) -> None:
    """No text that a tag calls a number, true, false, null or a container ends in a traceback."""
    path = Path(tmp_path_factory.getbasetemp()) / "tagged.yaml"
    path.write_text(f"a: {tag} {json.dumps(text)}\n")
    with contextlib.suppress(UserError):
        assert list(load_yaml(path)) == ["a"]


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.name)
def test_suites_in_the_repository_need_half_of_each_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite can grow to twice what the largest one here has before a limit is reached."""
    for limit in (
        "MOST_BYTES",
        "MOST_BRACKETS",
        "MOST_VALUES",
        "MOST_WRITTEN_OUT",
        "MOST_VALUES_WRITTEN_OUT",
        "MOST_DEPTH",
    ):
        monkeypatch.setattr(yaml_file, limit, getattr(yaml_file, limit) // 2)
    assert load_yaml(path)


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
