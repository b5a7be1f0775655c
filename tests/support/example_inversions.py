"""Records of inversions that never took place, small and complete, for the tests of figures, report and tracking."""

from __future__ import annotations

import base64
import io
from math import e, pi
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.image import imsave
from verdict_records import checks

from privprune.records import Record
from privprune.verdicts.cross import CrossRow, CrossSettings
from privprune.verdicts.settings import CurveSettings, EvaluateSettings, RowSettings

SEEDS = [0, 1, 2]
DIMENSIONS = 3 * 32 * 32
# cell: defence, test accuracy, MSE of the decoder, stage
CELLS = {
    "photos-none": ("none", 0.881, 0.0016, "train"),
    "photos-bottleneck": ("bottleneck", 0.832, 0.0057, "train"),
    "photos-bottleneck-cem": ("bottleneck+cem", 0.829, 0.0081, "harden"),
    "photos-noise_arl": ("noise_arl", 0.825, 0.0087, "train"),
    "photos-noise_arl-cem": ("noise_arl+cem", 0.821, 0.0118, "harden"),
    "photos-resfl": ("resfl", 0.818, 0.0123, "harden"),
    "photos-resfl-cem": ("resfl+cem", 0.816, 0.0167, "harden"),
}
ATTACKS = {"decoder_train": {"attack": "decoder"}, "rmle": {"attack": "rmle", "steps": 10}}
LABELS = tuple(ATTACKS)


SETTINGS = EvaluateSettings(
    reads="cem",
    rows=tuple(RowSettings("CIFAR-10", "VGG11", values[0], cell, None) for cell, values in CELLS.items()),
    controls=(),
    curves=(
        CurveSettings("CIFAR-10", "VGG11", "noise_arl", ("photos-bottleneck", "photos-noise_arl", "photos-resfl")),
        CurveSettings("CIFAR-10", "VGG11", "noise_arl+cem", ("photos-bottleneck-cem", "photos-noise_arl-cem")),
    ),
)
CROSS_SETTINGS = CrossSettings(
    reads=".",
    membership=("rmia",),
    inversion=("decoder_train", "rmle"),
    rows=(CrossRow("No defence", "photos-none"), CrossRow("ResSFL+CEM", "photos-resfl-cem")),
)


def photograph(blur: int = 0, rows: int = 24, columns: int = 32) -> npt.NDArray[np.float64]:
    """Return a scene of colours, averaged over squares of so many pixels."""
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    scene = np.stack([x, y, 0.5 + 0.5 * np.sin(12 * x) * np.cos(9 * y)], axis=-1)
    if blur > 1:
        small = scene[: rows // blur * blur, : columns // blur * blur]
        small = small.reshape(rows // blur, blur, columns // blur, blur, 3).mean(axis=(1, 3))
        scene = small.repeat(blur, axis=0).repeat(blur, axis=1)
    return scene


def encoded(pixels: npt.NDArray[np.float64]) -> str:
    """Return a photograph in the form of a record."""
    buffer = io.BytesIO()
    imsave(buffer, np.clip(pixels, 0, 1), format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def inversion_records() -> list[Record]:
    """Return the records of training and inversion of every cell."""
    return [record for place, name in enumerate(CELLS) for record in _cell(name, np.random.default_rng(place))]


def _cell(name: str, random: np.random.Generator) -> list[Record]:
    defence, accuracy, error, stage = CELLS[name]
    common: dict[str, Any] = {
        "suite": "demo",
        "paper": "cem",
        "data": {"name": "photos", "fingerprint": "0" * 64, "note": ""},
        "model": "photos_cnn",
        "protocol": "paper",
        "seeds": SEEDS,
        "shadows": 0,
        "versions": {"python": "3.11.7", "torch": "2.11.0"},
        "device": "cpu",
    }
    training = Record(
        **common,
        stage=stage,  # type: ignore[arg-type]
        cell=name,
        parameters={"paper": "cem", "data": "photos", "network": {"cut": {"wire": {"deviation": 10 * error}}}},
        origin="datasets/photos",
        metrics={"test_accuracy": [accuracy - 0.01, accuracy, accuracy + 0.01], "train_accuracy": [0.99] * 3},
        history=_histories(defence, random),
        checks=checks(("network", "defence")),
    )
    attack = Record(
        **common,
        stage="attack",
        cell=f"{name}-inversion",
        parameters={"paper": "cem", "target": name, "inversions": ATTACKS},
        checks=checks(LABELS),
        origin=f"models/{name}",
        metrics=_bound(error),
        attacks={label: _attack(error * (1 + 2 * place)) for place, label in enumerate(LABELS)},
        panels=_panels(error),
    )
    return [training, attack]


def _panels(error: float) -> dict[str, str]:
    rebuilt = {
        label: encoded(photograph(2 ** (place + int(error > 0.006) + int(error > 0.012))))
        for place, label in enumerate(LABELS)
    }
    return {"original": encoded(photograph()), **rebuilt}


def _bound(error: float) -> dict[str, list[float]]:
    bound = error / 50
    entropy = DIMENSIONS / 2 * float(np.log(2 * pi * e * bound))
    return {
        "conditional_entropy": [entropy] * 3,
        "mse_bound": [bound] * 3,
        "mse_bound_nothing_sent": [2 * bound] * 3,
        "image_entropy_bound": [entropy + DIMENSIONS / 2 * float(np.log(2))] * 3,
        "mean_image_mse": [0.06] * 3,
        "feature_values": [512.0] * 3,
        "feature_bytes": [2048.0] * 3,
    }


def _histories(defence: str, random: np.random.Generator) -> dict[str, list[list[float]]]:
    names = [
        "loss",
        *(["cem_loss"] if defence.endswith("cem") else []),
        *(["decoder_loss"] if "resfl" in defence else []),
    ]
    return {
        name: [[float(2 * np.exp(-epoch / 4) + 0.1 + 0.02 * random.random()) for _ in SEEDS] for epoch in range(12)]
        for name in names
    }


def _attack(error: float) -> dict[str, Any]:
    return {
        "kind": "inversion",
        "metrics": {
            "mse": _measure(error, error / 20),
            "psnr": _measure(-10 * float(np.log10(error)), 0.2),
            "ssim": _measure(1 - 20 * error, 0.01),
            "ssim_valid": _measure(0.9 - 20 * error, 0.01),
        },
        "history": {"mse": [[float(error * (1 + 9 * np.exp(-e_ / 5))) for _ in SEEDS] for e_ in range(10)]},
        "records": {"known": 500, "scored": 150},
    }


def _measure(mean: float, half: float) -> dict[str, Any]:
    values = [mean - half / 2, mean, mean + half / 2]
    return {"values": values, "mean": mean, "low": mean - half, "high": mean + half, "basis": "nested"}


_PEOPLE = {"members": 300, "nonmembers": 250}


def membership_record(cell: str, accuracy: float, attack: str = "rmia") -> Record:
    """Return the record of a membership attack on a cell of this example."""
    made = next(record for record in inversion_records() if record.cell == cell)
    return Record(
        **{
            name: getattr(made, name)
            for name in ("suite", "paper", "data", "model", "protocol", "seeds", "shadows", "versions", "device")
        },
        stage="attack",
        cell=f"{cell}-membership",
        parameters={"target": cell},
        origin=f"models/{cell}",
        attacks={
            attack: {"metrics": {"balanced_accuracy": _measure(accuracy, 0.01)}, "records": _PEOPLE, "history": {}}
        },
    )
