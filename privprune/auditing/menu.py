"""The attacks that an audit runs unless it is given others: label -> settings, as in a suite.

Budgets are for a few hundred to some ten thousand records on one core. Every attack that trains stops on a plateau of
held-out known records, and its check says where its budget ended first.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CONTROL = "label_without_model"  # the control by which the labels themselves are judged

_READER = {"steps": 1500, "interval": 25, "patience": 10, "validation": 0.2, "batch": 64, "learning_rate": 0.001}
_LIRA = {"attack": "lira", "mode": "online", "variance": "fixed", "queries": 1, "shift": 0}
MEMBERSHIP: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "gap": {"attack": "gap"},
        "loss": {"attack": "loss", "threshold": "calibrated"},
        "confidence": {"attack": "confidence", "thresholds": "global"},
        "confidence_per_class": {"attack": "confidence", "thresholds": "per_class"},
        "entropy": {"attack": "entropy", "thresholds": "per_class"},
        "modified_entropy": {"attack": "modified_entropy", "thresholds": "per_class"},
        "nasr": {
            "attack": "nasr",
            "variant": "paper",
            "initialisation": "he",
            "steps": 3000,
            "interval": 20,
            "patience": 15,
            "learning_rate": 0.001,
            "batch": 64,
            "validation": 0.2,
        },
        "rahman": {
            "attack": "rahman",
            "order": "sorted",
            "hidden": 64,
            "steps": 1000,
            "interval": 10,
            "patience": 10,
            "learning_rate": 0.01,
            "validation": 0.2,
        },
        "label_only_shifted": {
            "attack": "label_only",
            "queries": {"name": "shifted", "shift": 1, "mirrored": True},
            "score": "count",
            "training": None,
        },
        "label_only_noisy": {
            "attack": "label_only",
            "queries": {"name": "noisy", "deviation": 0.05, "draws": 20},
            "score": "count",
            "training": None,
        },
        "samia": {
            "attack": "samia",
            "inputs": "logarithms",
            "deviation": 0.01,
            "draws": 10,
            "width": 16,
            "layers": 1,
            "dropout": 0.2,
            "training": _READER,
        },
        "lira_online": _LIRA,
        "lira_online_per_record": {**_LIRA, "variance": "per_record"},
        "lira_online_mirrored": {**_LIRA, "queries": 2},
        "lira_offline": {**_LIRA, "mode": "offline"},
        "rmia": {"attack": "rmia", "a": 0.3, "gamma": 1.0},
        "label_without_model": {"attack": CONTROL, "smoothing": 1.0},
        "random_scores": {"attack": "random_scores"},
    }
)

_CONSTANT = {"name": "constant", "milestones": [], "factor": 1.0}
_DECODER = {
    "blocks": 2,
    "width": 32,
    "start": "fresh",
    "rescale": True,
    "fit": {
        "epochs": 100,
        "batch": 64,
        "learning_rate": 0.003,
        "weight_decay": 0.0,
        "schedule": _CONSTANT,
        "precision": "float32",
        "validation": 0.1,
        "patience": 5,
    },
}
INVERSIONS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "lmmse": {"attack": "lmmse", "records": 5000, "features": 4096, "validation": 0.1},
        "decoder": {"attack": "decoder", **_DECODER},
        "rmle": {
            "attack": "rmle",
            "start": "mean_image",
            "decoder": None,
            "restarts": 1,
            "steps": 500,
            "learning_rate": 0.05,
            "schedule": {**_CONSTANT, "name": "cosine"},
            "unit": "variance",
            "total_variation": 0.02,
        },
    }
)
