"""Made-up records of networks whose features were inverted, as small as verdicts need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from verdict_records import cell_records, checks, hardly_any_part

from privprune.records import Record

_QUALITIES = ("mse", "psnr", "ssim", "ssim_valid")
MEASURES = (*_QUALITIES, *(f"{name}_as_written" for name in _QUALITIES))


def inverted(
    cell: str,
    errors: Mapping[str, Sequence[float]],
    *,
    entropy: Sequence[float] = (-100.0, -100.0, -100.0),
    bound: Sequence[float] = (1e-4, 1e-4, 1e-4),
    half: float = 1e-4,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    **made: Any,
) -> list[Record]:
    """Return the records of a cell's training and of its inversion.

    `errors` gives each attack's MSE per seed, and `settings` its entry in the suite, where it matters.
    """
    how: dict[str, Any] = {"data": "cifar10", "model": "vgg11_bn", "protocol": "paper", **made}
    (training,) = cell_records(cell, **how)
    failed = how.get("failed")
    training = replace(training, paper="cem")
    count = len(training.seeds)
    results = {attack: _result(list(values)[:count], half, cell) for attack, values in errors.items()}
    attack = replace(
        training,
        stage="attack",
        cell=f"{cell}-inverted",
        origin=f"models/{cell}",
        parameters={
            "target": cell,
            "inversions": {attack: {"attack": attack, **(settings or {}).get(attack, {})} for attack in errors},
        },
        metrics={
            "feature_bytes": [2048.0] * count,
            "conditional_entropy": list(entropy)[:count],
            "mse_bound": list(bound)[:count],
            "mse_bound_nothing_sent": [2e-4] * count,
            "image_entropy_bound": [-9000.0] * count,
            "mean_image_mse": [0.06] * count,
            "edge_parameters": [85256.0] * count,
        },
        history={},
        phases=[],
        attacks=results,
        checks=checks(errors, failed),
    )
    return [training, attack]


def _result(values: Sequence[float], half: float, cell: str) -> dict[str, Any]:
    mean = sum(values) / len(values)
    one = {"values": list(values), "mean": mean, "low": mean - half, "high": mean + half, "basis": "nested"}
    one |= {"record_part": hardly_any_part(cell)} if len(values) > 1 else {}
    metrics = {name: dict(one) for name in MEASURES}
    return {"kind": "inversion", "metrics": metrics, "records": {"known": 50000, "scored": 200}, "history": {}}
