"""Records of a run that never took place, small and complete, for the tests of figures and report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from verdict_records import checks

from privprune.records import Record
from privprune.verdicts.settings import ControlSettings, CurveSettings, EvaluateSettings, RowSettings

ATTACKS = ("nasr", "lira_online_fixed")
SEEDS = [0, 1, 2]
# cell: test accuracy, balanced attack accuracy, weights left, stage, what it starts from
CELLS = {
    "digits-baseline": (0.978, 0.533, 61470, "train", "datasets/digits"),
    "digits-mia_pruning": (0.969, 0.519, 3896, "prune", "models/digits-baseline"),
    "digits-min_max": (0.971, 0.524, 61470, "harden", "datasets/digits"),
    "digits-both": (0.962, 0.512, 3896, "prune", "models/digits-min_max"),
    "digits-dp": (0.921, 0.503, 61470, "harden", "datasets/digits"),
    "digits-dense": (0.979, 0.536, 61470, "harden", "models/digits-baseline"),
    "digits-random": (0.952, 0.515, 3896, "prune", "models/digits-baseline"),
    "digits-small": (0.955, 0.516, 3890, "train", "datasets/digits"),
    "digits-early": (0.968, 0.520, 61470, "harden", "datasets/digits"),
    "digits-2x": (0.977, 0.531, 30735, "prune", "models/digits-baseline"),
    "digits-4x": (0.976, 0.529, 15367, "prune", "models/digits-baseline"),
    "digits-8x": (0.973, 0.525, 7683, "prune", "models/digits-baseline"),
    "digits-32x": (0.941, 0.511, 1921, "prune", "models/digits-baseline"),
}
_ROWS = {
    "baseline": "digits-baseline",
    "mia_pruning": "digits-mia_pruning",
    "min_max": "digits-min_max",
    "mia_pruning+min_max": "digits-both",
    "dp": "digits-dp",
}
_CONTROLS = {
    "dense_same_epochs": "digits-dense",
    "random_mask": "digits-random",
    "small_dense": "digits-small",
    "early_stop": "digits-early",
}
SETTINGS = EvaluateSettings(
    reads="mia_pruning",
    rows=tuple(RowSettings("MNIST", "LeNet-5", defence, cell, "nasr") for defence, cell in _ROWS.items()),
    controls=tuple(ControlSettings("MNIST", "LeNet-5", control, cell, "nasr") for control, cell in _CONTROLS.items()),
    curves=(
        CurveSettings(
            "MNIST",
            "LeNet-5",
            "mia_pruning",
            ("digits-2x", "digits-4x", "digits-8x", "digits-mia_pruning", "digits-32x"),
        ),
    ),
)


def example_records(note: str = "", attacks: Sequence[str] = ATTACKS) -> list[Record]:
    """Return the records of training and attack of every cell."""
    return [
        record
        for place, name in enumerate(CELLS)
        for record in _cell(name, note, attacks, np.random.default_rng(place))
    ]


def _cell(name: str, note: str, attacks: Sequence[str], random: np.random.Generator) -> list[Record]:
    accuracy, attacked, left, stage, origin = CELLS[name]
    pruned = stage == "prune"
    common: dict[str, Any] = {
        "suite": "demo",
        "paper": "mia_pruning",
        "cell": name,
        "parameters": {"paper": "mia_pruning", "data": "digits"},
        "data": {"name": "digits", "fingerprint": "0" * 64, "note": note},
        "model": "lenet5",
        "protocol": "clean",
        "seeds": SEEDS,
        "shadows": 8,
        "versions": {"python": "3.11.7", "torch": "2.11.0"},
        "device": "cpu",
    }
    training: dict[str, Any] = {
        "stage": stage,
        "origin": origin,
        "metrics": {
            "train_accuracy": [0.999, 0.998, 0.999],
            "test_accuracy": [accuracy - 0.003, accuracy, accuracy + 0.003],
            "weights": [61470.0 if name != "digits-small" else float(left)] * 3,
            "weights_left": [float(left)] * 3,
            **({"epsilon": [6.28] * 3} if name == "digits-dp" else {}),
        },
        "history": {"loss": _losses(30 if pruned else 20, pruned, random)},
        "phases": [{"name": "ADMM", "epochs": 18}, {"name": "retrain", "epochs": 12}] if pruned else [],
        "histograms": _histogram(left, random),
        "checks": checks(("network", "pruning" if pruned else "defence")),
    }
    results = {attack: _attack(attack, attacked, random) for attack in attacks}
    attack = {
        **common,
        "parameters": {
            **common["parameters"],
            "methods": {label: {"attack": label} for label in attacks},
        },
    }
    return [
        Record(**common, **training),
        Record(**attack, stage="attack", origin=f"models/{name}", attacks=results, checks=checks(attacks)),
    ]


def _losses(epochs: int, pruned: bool, random: np.random.Generator) -> list[list[float]]:
    def loss(epoch: int) -> float:
        after_pruning = 0.35 * float(np.exp(18 - epoch)) if pruned and epoch >= 18 else 0.0
        return float(2.2 * np.exp(-epoch / 4) + 0.04 + 0.05 * pruned + after_pruning + 0.03 * random.random())

    return [[loss(epoch) for _ in SEEDS] for epoch in range(epochs)]


def _histogram(left: int, random: np.random.Generator) -> dict[str, list[float]]:
    weights = random.normal(0, 0.1, 61470)
    kept = weights[np.argsort(np.abs(weights))[-left:]]
    counts, edges = np.histogram(kept, bins=61, range=(-0.5, 0.5))
    return {"edges": edges.tolist(), "all": counts.astype(float).tolist()}


def _attack(name: str, accuracy: float, random: np.random.Generator) -> dict[str, Any]:
    accuracy += 0.012 if name.startswith(("lira", "rmia")) else 0.0
    rates = np.logspace(-4, 0, 41)
    hits = rates ** (1 - 2 * (accuracy - 0.5)) * np.exp(0.05 * random.standard_normal(41) * (1 - rates))
    spread = 0.002 + 0.1 * hits * (1 - rates)
    ramp = 1 - np.exp(-np.arange(25) / 6)
    history = [[0.5 + (accuracy - 0.5) * share + 0.003 * random.standard_normal() for _ in SEEDS] for share in ramp]
    return {
        "metrics": {
            "balanced_accuracy": _measure(accuracy, 0.011),
            "auc": _measure(accuracy + 0.008, 0.013),
            "tpr_at_1_percent_fpr": _measure(0.4 * (accuracy - 0.475), 0.006),
            "tpr_at_0.1_percent_fpr": _measure(0.04 * (accuracy - 0.475), 0.0012),
            "accuracy_at_2_to_1": _measure(0.667, 0.004),
            "accuracy_at_5_to_1": _measure(0.833, 0.003),
        },
        "roc": {
            "fpr": rates.tolist(),
            "tpr": np.clip(hits, 0, 1).tolist(),
            "low": np.clip(hits - spread, 0, 1).tolist(),
            "high": np.clip(hits + spread, 0, 1).tolist(),
        },
        "records": {"members": 300, "nonmembers": 250},
        "history": {"accuracy": history} if name == "nasr" else {},
    }


def _measure(mean: float, half: float) -> dict[str, Any]:
    values = [mean - half / 2, mean, mean + half / 2]
    return {"values": values, "mean": mean, "low": mean - half, "high": mean + half, "seeds": 3, "basis": "nested"}
