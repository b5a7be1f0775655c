"""Classifiers to audit: one that knows records with random labels by heart, asked about these or about others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privprune.auditing import AuditSettings

CLASSES = 3
FEW: Mapping[str, Mapping[str, object]] = {  # the attacks that take no time, and a control
    "gap": {"attack": "gap"},
    "loss": {"attack": "loss", "threshold": "calibrated"},
    "label_without_model": {"attack": "label_without_model", "smoothing": 1.0},
}
SHADOWED: Mapping[str, Mapping[str, object]] = {
    "lira_online": {"attack": "lira", "mode": "online", "variance": "fixed", "queries": 1, "shift": 0},
    "lira_offline": {"attack": "lira", "mode": "offline", "variance": "fixed", "queries": 1, "shift": 0},
    "rmia": {"attack": "rmia", "a": 0.3, "gamma": 1.0},
}
QUICK = AuditSettings(resamples=200, exposed=5, attacks=FEW)
Pair = tuple[Tensor, Tensor]


def records(count: int, seed: int) -> Pair:
    """Return inputs with random labels, between which nothing but memory decides: float [n, 1, 4, 4], int64 [n]."""
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 4, 4, generator=draw), torch.randint(CLASSES, (count,), generator=draw)


def train(given: Pair, seed: int) -> nn.Module:
    """Train a classifier until it knows its records by heart."""
    inputs, labels = given
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimiser.step()
    return model


def memorising(count: int = 120) -> tuple[nn.Module, Pair, Pair]:
    """Return a classifier, its training records, and as many others of the same distribution."""
    with torch.random.fork_rng(devices=[]):
        members = records(count, 1)
        return train(members, 0), members, records(count, 2)
