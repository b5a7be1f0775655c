"""Records of pruned and hardened edges that never were, small and complete, for the tests of PATROL's report."""

from __future__ import annotations

from typing import Any

from example_inversions import encoded, photograph
from verdict_records import checks

from privprune.records import Record
from privprune.verdicts.settings import ControlSettings, CurveSettings, EvaluateSettings, RowSettings

SEEDS = [0, 1, 2]
PLACE = ("VeRi-776, VERI-Wild", "ResNet-18")
# cell: mAP, MSE of the decoder, Lipschitz constant, share of the edge removed, recognised, stage
CELLS = {
    "reid-none": (0.80, 0.004, 1.00, 0.0, 0.90, "train"),
    "reid-noise": (0.70, 0.007, 1.00, 0.0, 0.70, "harden"),
    "reid-noise-strong": (0.60, 0.012, 1.00, 0.0, 0.50, "harden"),
    "reid-dropout": (0.72, 0.006, 0.98, 0.0, 0.75, "harden"),
    "reid-skip": (0.75, 0.005, 0.97, 0.0, 0.80, "harden"),
    "reid-pruning": (0.79, 0.009, 0.90, 0.92, 0.60, "prune"),
    "reid-lipschitz": (0.79, 0.011, 0.60, 0.92, 0.55, "prune"),
    "reid-adversarial": (0.78, 0.014, 0.80, 0.92, 0.40, "prune"),
    "reid-patrol": (0.79, 0.017, 0.50, 0.93, 0.30, "prune"),
    "reid-patrol-cem": (0.77, 0.020, 0.45, 0.93, 0.25, "prune"),
    "reid-blocks1": (0.80, 0.001, 1.10, 0.0, 0.97, "train"),
    "reid-blocks2": (0.80, 0.002, 1.05, 0.0, 0.95, "train"),
}
_ROWS = {
    "none": "reid-none",
    "noise": "reid-noise",
    "dropout": "reid-dropout",
    "skip_random_blocks": "reid-skip",
    "pruning": "reid-pruning",
    "pruning+lipschitz": "reid-lipschitz",
    "pruning+adversarial": "reid-adversarial",
    "patrol": "reid-patrol",
}
_CONTROLS = {"patrol+cem": "reid-patrol-cem", "blocks_1": "reid-blocks1", "blocks_2": "reid-blocks2"}
SETTINGS = EvaluateSettings(
    reads="patrol",
    rows=tuple(RowSettings(*PLACE, defence, cell, None) for defence, cell in _ROWS.items()),
    controls=tuple(ControlSettings(*PLACE, control, cell, None) for control, cell in _CONTROLS.items()),
    curves=(
        CurveSettings(*PLACE, "none", ("reid-blocks1", "reid-blocks2", "reid-none")),
        CurveSettings(*PLACE, "noise", ("reid-none", "reid-noise", "reid-noise-strong")),
    ),
)
TIMED = {"edge_onnx_runtime_milliseconds": 1.25, "edge_peak_memory_bytes": 3.0 * 2**20}
LABELS = ("decoder_train", "adaptive_decoder")
DEPLOYED = ("reid-none", "reid-patrol")
_DENSE = 16000.0
_EDGES = {"reid-blocks1": 5000.0, "reid-blocks2": 10000.0}


def patrol_records(data: str = "photo-reid", model: str = "photos_resnet") -> list[Record]:
    """Return the records of training and inversion of every cell, of recognition, and of two deployments."""
    common = _common(data, model)
    made = [record for cell in CELLS for record in _cell(cell, common)]
    return [*made, _recognised(common), *(_deployed(cell, common) for cell in DEPLOYED)]


def _common(data: str, model: str) -> dict[str, Any]:
    return {
        "suite": "demo",
        "paper": "patrol",
        "data": {"name": data, "fingerprint": "0" * 64, "note": ""},
        "model": model,
        "protocol": "paper",
        "shadows": 0,
        "versions": {"python": "3.11.7", "torch": "2.11.0"},
        "device": "cpu",
    }


def _cell(name: str, common: dict[str, Any]) -> list[Record]:
    precision, error, constant, removed, _, stage = CELLS[name]
    dense = _EDGES.get(name, _DENSE)
    pruned = {
        "edge_parameters_dense": [dense] * 3,
        "edge_parameters_left": [dense * (1 - removed)] * 3,
        "edge_removed": [removed] * 3,
        "edge_operations_removed": [removed] * 3,
        "blocks_removed": [1.0, 1.0, 2.0],
    }
    training = Record(
        **common,
        seeds=SEEDS,
        stage=stage,  # type: ignore[arg-type]
        cell=name,
        parameters={"paper": "patrol", "data": common["data"]["name"]},
        origin=f"datasets/{common['data']['name']}",
        metrics={
            "rank_1": [precision + 0.1] * 3,
            "rank_5": [precision + 0.15] * 3,
            # differences and ratios of two cells have some spread: without any they would be no evidence
            "mean_average_precision": [precision * share for share in (0.9975, 1.0, 1.0025)],
            "train_accuracy": [0.99] * 3,
            **(pruned if stage == "prune" else {}),
        },
        history={"loss": [[1.0] * 3, [0.5] * 3]},
        checks=checks(("network", "defence")),
    )
    attack = Record(
        **common,
        seeds=SEEDS,
        stage="attack",
        cell=f"{name}-inversion",
        parameters={"paper": "patrol", "target": name, "inversions": {label: {"attack": label} for label in LABELS}},
        checks=checks(LABELS),
        origin=f"models/{name}",
        metrics={
            "edge_lipschitz": [constant + by for by in (-0.01, 0.0, 0.01)],
            "lipschitz_1": [constant] * 3,
            "edge_parameters": [dense * (1 - removed)] * 3,
            "feature_bytes": [8192.0] * 3,
        },
        attacks={"decoder_train": _attack(error), "adaptive_decoder": _attack(0.95 * error)},
        panels={"original": encoded(photograph()), "decoder_train": encoded(photograph(4))},
    )
    return [training, attack]


def _attack(error: float) -> dict[str, Any]:
    metrics = {"mse": error, "psnr": 20.0 - 100 * error, "ssim": 1 - 20 * error}
    return {
        "kind": "inversion",
        "metrics": {name: measure(value, abs(value) / 50 + 1e-5) for name, value in metrics.items()},
        "history": {},
        "records": {"known": 500, "scored": 150},
    }


def measure(mean: float, half: float) -> dict[str, Any]:
    """Return an estimate over three seeds in the form of a record."""
    values = [mean - half / 2, mean, mean + half / 2]
    return {"values": values, "mean": mean, "low": mean - half, "high": mean + half, "basis": "nested"}


def _recognised(common: dict[str, Any]) -> Record:
    found = {
        f"{cell}/decoder_train": {
            "kind": "recognition",
            "metrics": {
                "rank_1": measure(values[4], 0.01 + (values[4] - 0.3) / 100),
                "original_rank_1": measure(0.95, 0.01),
            },
            "history": {},
            "records": {"probes": 40, "gallery": 120},
        }
        for cell, values in CELLS.items()
    }
    place = {"stage": "recognise", "cell": "reid", "origin": "models/judge", "seeds": SEEDS}
    return Record(**common, **place, parameters={"paper": "patrol"}, attacks=found)  # type: ignore[arg-type]


def _deployed(cell: str, common: dict[str, Any]) -> Record:
    left = 1 - CELLS[cell][3]
    place = {"stage": "deploy", "cell": cell, "origin": f"models/{cell}", "seeds": [0]}
    return Record(
        **common,
        **place,  # type: ignore[arg-type]
        parameters={"paper": "patrol", "cell": cell},
        metrics={
            "edge_parameters": [_DENSE * left],
            "edge_operations": [2e6 * left],
            "cloud_operations": [1e6],
            "edge_file_bytes": [4 * _DENSE * left],
            "wire_bytes_float32": [8192.0],
            "wire_bytes_int8": [2048.0],
            "float32_wire_bytes": [8192.0],
            "float32_mean_average_precision": [0.5],
            "float32_lmmse_mse": [0.02],
            "int8_4_bit_wire_bytes": [1032.0],
            "int8_4_bit_mean_average_precision": [0.45],
            "int8_4_bit_lmmse_mse": [0.03],
            "outputs_error": [1e-6],
        },
    )
