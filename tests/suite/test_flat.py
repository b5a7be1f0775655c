"""A suite without anchors says the same, and an override changes one key of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from locations import ROOT, TINY

from privprune import command_line
from privprune.errors import UserError
from privprune.suite.flat import flat
from privprune.yaml_file import load_yaml

DEMO = ROOT / "params.yaml"
EXAMPLE = """\
# about the suite
base: &base
  rate: 1e-3   # (ours) slow
  name: "yes"
  # of another key
  inner: {a: 1, b: [1, 2]}   # both
other: {<<: *base, rate: 2, more: null}

# a section
list:
  - *base
  - {x: 1}
"""


def leaves(content: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of each leaf; a list is one, as an override replaces it as a whole."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from leaves(value, f"{place}.{key}" if place else key)
    else:
        yield place, content


def test_nothing_is_lost(tmp_path: Path) -> None:
    """A suite written without anchors has the same content, no anchor, no alias, and the same text if written again."""
    text = flat(TINY)
    (tmp_path / "params.yaml").write_text(text)
    assert load_yaml(tmp_path / "params.yaml") == load_yaml(TINY)
    assert not re.search(r"(^|[\s\[{])([&*]\w|<<:)", re.sub(r"#.*", "", text), re.MULTILINE)
    assert flat(tmp_path / "params.yaml") == text


def test_comments_go_with_their_keys(tmp_path: Path) -> None:
    """Comments stay beside and above their keys, also where a key comes from an anchor; numbers keep their form."""
    (tmp_path / "suite.yaml").write_text(EXAMPLE)
    assert flat(tmp_path / "suite.yaml").splitlines() == [
        "# about the suite",
        "base:",
        "  rate: 1e-3  # (ours) slow",
        "  name: yes",
        "  # of another key",
        "  inner: {a: 1, b: [1, 2]}  # both",
        "other: {rate: 2, name: yes, inner: {a: 1, b: [1, 2]}, more: null}",
        "",
        "# a section",
        "list:",
        "  - {rate: 1e-3, name: yes, inner: {a: 1, b: [1, 2]}}",
        "  - {x: 1}",
    ]


def test_an_anchor_of_a_number_or_a_text_is_written_out(tmp_path: Path) -> None:
    """What one number, text, truth or null shares with others stands in each place, in the form of the first."""
    (tmp_path / "suite.yaml").write_text(
        "a: {n: &n 3, r: &r 1e-3, t: &t 'x y', h: &h 0x10, yes: &y true, none: &z null}\n"
        "b: [*n, *r, *t, *h, *y, *z]\n&k key: *n\n"
    )
    text = flat(tmp_path / "suite.yaml")
    assert text.splitlines() == [
        "a: {n: 3, r: 1e-3, t: x y, h: 0x10, yes: true, none: null}",
        "b: [3, 1e-3, x y, 0x10, true, null]",
        "key: 3",
    ]


def test_what_dvc_cannot_edit_is_refused_in_one_line(tmp_path: Path) -> None:
    """A tab in front of a value can be read, but not changed by `dvc exp run -S`."""
    path = tmp_path / "suite.yaml"
    path.write_text("a: 1\nb:\t2\n")
    assert load_yaml(path) == {"a": 1, "b": 2}
    with pytest.raises(UserError) as refused:
        flat(path)
    place = r"found character '\t' that cannot start any token in line 2, column 3"
    assert str(refused.value) == f"{path}: {place}, allowed what DVC can edit, with spaces alone"


def test_the_demo_that_runs_is_the_demo() -> None:
    """params.yaml in git is what `privprune use params/demo.yaml` writes."""
    assert DEMO.read_text(encoding="utf-8") == flat(ROOT / "params" / "demo.yaml")


def test_an_override_changes_one_key(tmp_path: Path) -> None:
    """`dvc exp run -S` reaches every leaf of the demo and no other: all leaves, each with a value of its own."""
    shutil.copyfile(DEMO, tmp_path / "params.yaml")
    wanted = {place: number for number, (place, _) in enumerate(leaves(load_yaml(DEMO)), 1000)}
    apply_overrides(tmp_path / "params.yaml", [f"{place}={value}" for place, value in wanted.items()])
    assert len(wanted) > 1000
    assert dict(leaves(load_yaml(tmp_path / "params.yaml"))) == wanted


def test_the_command_writes_the_suite_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`privprune use` writes params.yaml, and writes nothing from a suite with a mistake."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(TINY.read_text().replace("suite: tiny", "suite: 1e3"))
    assert command_line.main(["use", "bad.yaml"]) == 1
    assert not (tmp_path / "params.yaml").exists()
    monkeypatch.setattr(command_line, "check", lambda _: None)
    (tmp_path / "good.yaml").write_text(EXAMPLE)
    assert command_line.main(["use", "good.yaml"]) == 0
    assert load_yaml(tmp_path / "params.yaml") == load_yaml(tmp_path / "good.yaml")
