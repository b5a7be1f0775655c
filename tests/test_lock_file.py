"""An entry of `dvc.lock` written alone: as DVC would have written the whole file."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml
from dvc.utils.serialize._yaml import parse_yaml_for_update

from stages.lock_file import replaced

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
def test_the_rest_stays_as_dvc_would_write_it(name: str) -> None:
    """An entry in the middle, at either end, with a name in quotes, or not there before: DVC's bytes."""
    text = dumps_yaml(lock(NAMES))
    entry = {**deepcopy(ENTRY), "cmd": "another", "outs": []}
    whole = parse_yaml_for_update(text, "dvc.lock")
    whole["stages"].update({name: entry})
    assert replaced(text, dumps_yaml({"schema": "2.0", "stages": {name: entry}})) == dumps_yaml(whole)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_entry_changes_nothing(name: str) -> None:
    """What is written again is what was there."""
    text = dumps_yaml(lock(NAMES))
    assert replaced(text, dumps_yaml(lock((name,)))) == text


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
    ],
)
def test_what_looks_otherwise_is_left_to_dvc(text: str) -> None:
    """A file that is empty, was merged badly, or has a form that DVC does not write is not touched."""
    assert replaced(text, dumps_yaml(lock(("a",)))) is None
