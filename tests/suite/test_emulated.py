"""Before a long run, a reader is told what will be slow on the machine at hand."""

from __future__ import annotations

from typing import Any

import pytest

import privprune.suite.emulated
from privprune.suite.emulated import note_on_bfloat16

PLAN = {"epochs": 1, "precision": "bfloat16"}
SLOW: dict[str, Any] = {
    "device": "cpu",
    "train": {"a": {"plan": PLAN}, "b": {"plan": PLAN | {"precision": "float32"}}},
    "prune": {},
    "attack": {"a": {"inversions": {"decoder": {"fit": PLAN}}}},
}


@pytest.mark.parametrize(
    ("native", "suite", "counted"),
    [
        (False, SLOW, "2 of 3 entries"),
        (True, SLOW, None),
        (False, SLOW | {"train": {}, "attack": None}, None),
    ],
)
def test_emulated_precision_is_said(
    native: bool, suite: dict[str, Any], counted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries in bfloat16 are counted, wherever it stands in them, and only where the processor emulates it."""
    monkeypatch.setattr(privprune.suite.emulated, "_native", lambda: native)
    note = note_on_bfloat16(suite)
    assert note is None if counted is None else counted in str(note)
