"""Made-up records, as small as verdicts need them: the tests say what each cell measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from privprune.checks import check
from privprune.metrics.record_part import RecordPart
from privprune.records import Record

PRINTED = {"data": "mnist", "model": "lenet5", "protocol": "paper"}  # what Table 1's first rows were measured on


def cell_records(
    cell: str,
    *,
    data: str = "mnist",
    model: str = "lenet5",
    protocol: str = "paper",
    note: str = "",
    stage: str = "train",
    seeds: Sequence[int] = (0, 1, 2),
    test: Sequence[float] = (0.99, 0.99, 0.99),
    train: Sequence[float] = (1.0, 1.0, 1.0),
    weights: tuple[int, int] = (61470, 61470),
    losses: Sequence[Sequence[float]] = (),
    attacks: Mapping[str, Sequence[float]] | None = None,
    origin: str = "",
    epochs: int = 20,
    failed: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return the record of a cell's training, and of its attacks where `attacks` gives balanced accuracies per seed.

    All checks pass but those in `failed`, which maps a subject to the name of its failed check.
    """
    count = len(seeds)
    common: dict[str, Any] = {
        "suite": "test",
        "paper": "mia_pruning",
        "cell": cell,
        "parameters": {},
        "data": {"name": data, "fingerprint": "f", "note": note},
        "model": model,
        "protocol": protocol,
        "seeds": list(seeds),
        "shadows": 0,
    }
    metrics = {
        "test_accuracy": list(test)[:count],
        "train_accuracy": list(train)[:count],
        "weights": [float(weights[0])] * count,
        "weights_left": [float(weights[1])] * count,
    }
    history = {"loss": [list(epoch)[:count] for epoch in losses]} if losses else {}
    parts = {"test_accuracy": hardly_any_part(cell)} if count > 1 else {}
    made = Record(
        **common,
        stage=stage,
        origin=origin or f"datasets/{data}",
        metrics=metrics,
        history=history,
        phases=[{"name": "train", "epochs": epochs}],
        checks=checks(("network", "defence"), failed),
        record_parts=parts,
    )
    if attacks is None:
        return [made]
    common["parameters"] = {"target": cell, "methods": {name: {"attack": name} for name in attacks}}
    results = {name: attack_result(list(values)[:count], cell=cell) for name, values in attacks.items()}
    record = Record(**common, stage="attack", origin=f"models/{cell}", attacks=results, checks=checks(attacks, failed))
    return [made, record]


def checks(subjects: Iterable[str], failed: Mapping[str, str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return one check of each subject: one that passes, or the one that is named in `failed`."""
    named = failed or {}
    return {
        subject: [
            check(
                named.get(subject, "works"), [0.0 if subject in named else 1.0], "at least", 0.5, "a made-up share"
            ).as_record()
        ]
        for subject in subjects
    }


def hardly_any_part(cell: str) -> dict[str, Any]:
    """Return the record part of a cell whose own records hardly matter, so that equal seeds have a narrow interval."""
    up_and_down = np.tile(1e-12 * np.array([1.0, -1.0] * 10), (2, 1))
    return RecordPart(f"records of {cell}", 1000, up_and_down).as_record()


def attack_result(values: Sequence[float], half: float = 0.01, cell: str = "") -> dict[str, Any]:
    """Return one attack's part of a record: every measure has the same values and an interval of +-half."""
    mean = sum(values) / len(values)
    measure = {"values": list(values), "mean": mean, "low": mean - half, "high": mean + half}
    names = ("balanced_accuracy", "auc", "tpr_at_1_percent_fpr", "tpr_at_0.1_percent_fpr")
    replays = ("accuracy_at_2_to_1", "accuracy_at_5_to_1")
    part = {"record_part": hardly_any_part(cell)} if len(values) > 1 else {}
    return {
        "metrics": {name: {**measure, **part} for name in names} | {name: dict(measure) for name in replays},
        "records": {"members": 5000, "nonmembers": 5000},
    }
