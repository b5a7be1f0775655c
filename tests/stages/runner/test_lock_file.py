"""One entry of `dvc.lock` written alone: the bytes that DVC would have written."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from dvc.dvcfile import Lockfile
from dvc.stage import serialize
from dvc.utils.serialize import dumps_yaml
from dvc.utils.serialize._yaml import parse_yaml, parse_yaml_for_update

from stages.runner.lock_file import install, replace_entry

ENTRY = {
    "cmd": "python -m stages.train 'a: b' " + "with-a-long-argument-and " * 6,
    "deps": [{"path": "data/a", "hash": "md5", "md5": "0" * 32, "size": 3}],
    "params": {"params.yaml": {"train.a": {"rate": 0.0005, "none": None, "text": "one\n\n  two\n", "seeds": [0, 1]}}},
    "outs": [{"path": "data/models/a", "hash": "md5", "md5": "1" * 32, "size": 5, "nfiles": 2}],
}
NAMES = ("check", "train@a", "train@odd: name", "'quoted'", "plot@b")


def lock(names: tuple[str, ...]) -> dict[str, Any]:
    """Return a lock file's content."""
    return {"schema": "2.0", "stages": {name: deepcopy(ENTRY) for name in names}}


@pytest.mark.parametrize("name", [*NAMES, "new"])
def test_the_file_is_as_dvc_would_write_it(name: str) -> None:
    """An entry in the middle, at either end, with a name in quotes, or not there before: DVC's bytes."""
    text = dumps_yaml(lock(NAMES))
    entry = {**deepcopy(ENTRY), "cmd": "another", "outs": []}
    whole = parse_yaml_for_update(text, "dvc.lock")
    whole["stages"].update({name: entry})
    assert replace_entry(text, dumps_yaml({"schema": "2.0", "stages": {name: entry}})) == dumps_yaml(whole)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_entry_changes_nothing(name: str) -> None:
    """The file is the same where the entry is."""
    text = dumps_yaml(lock(NAMES))
    assert replace_entry(text, dumps_yaml(lock((name,)))) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema: '2.0'\nstages: {}\n",
        "schema: '2.0'\ndatasets: []\nstages:\n  a:\n    cmd: b\n",
        "schema: '2.0'\nstages:\n  a: {cmd: b}\n",
        "schema: '2.0'\nstages:\n  ? a\n  :\n    cmd: b\n",
        "schema: '2.0'\nstages:\n  a:\n    cmd: b\n<<<<<<< HEAD\n",
        "schema: '2.0'\nstages:\n  a:\n    cmd: b\ndatasets: []\n",
        "stages:\n  a:\n    cmd: b\nschema: '2.0'\n",
        "schema: '2.0'\nstages:\n  a:\n    deps: &id001 []\n  b:\n    deps: *id001\n",
    ],
)
def test_another_form_is_left_to_dvc(text: str) -> None:
    """A file that is empty, badly merged, of a form that DVC does not write, or with an anchor in two entries."""
    assert replace_entry(text, dumps_yaml(lock(("a",)))) is None


def test_content_in_two_places_is_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stages, each with one object in two places, are read back unchanged: equal anchors would be mixed up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Lockfile, "dump_stages", Lockfile.dump_stages)
    assert install()
    content: dict[str, dict[str, Any]] = {}
    for name in ("train@a", "train@b"):
        shared = {"name": name, "rates": [0.1, 0.2]}
        content[name] = {"cmd": "true", "params": {"params.yaml": {"first": shared, "second": shared}}}
    monkeypatch.setattr(serialize, "to_lockfile", lambda stage: {stage: content[stage]})
    lock_file = SimpleNamespace(path="dvc.lock", relpath="dvc.lock", repo=SimpleNamespace(scm_context=Mock()))
    Path("dvc.lock").write_text(dumps_yaml({"schema": "2.0", "stages": {name: content[name] for name in ("train@a",)}}))
    for name in ("train@b", "train@a", "train@b"):
        Lockfile.dump_stages(lock_file, [name])  # type: ignore[arg-type]
    assert parse_yaml(Path("dvc.lock").read_text(), "dvc.lock") == {"schema": "2.0", "stages": content}
