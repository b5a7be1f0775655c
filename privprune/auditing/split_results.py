"""The result of an audit of features, as data: how well each attack reconstructs images, and its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from privprune.auditing.settings import SplitSettings, as_record
from privprune.checks import Check
from privprune.metrics.intervals import Interval
from privprune.metrics.reconstruction import Quality
from privprune.records import versions

SHOWN = {"mse": "MSE", "psnr": "PSNR (dB)", "ssim_valid": "SSIM"}  # of all measures, those on the page


@dataclass(frozen=True)
class InversionResult:
    """What one attack reconstructs.

    Attributes:
        label: its label.
        settings: as the attack was run, with the key `attack`.
        control: whether it ignores the features on purpose.
        measures: of `metrics.reconstruction.QUALITIES`, on the scored images, with a 95 % interval over images.
        selection: mean squared error on the selection images, by which the strongest attack is chosen.
        quality: of each scored image.
        images: float32 [shown, C, H, W] in [0, 1], the reconstructions that are shown.
        checks: of the attack.

    """

    label: str
    settings: Mapping[str, object]
    control: bool
    measures: Mapping[str, Interval]
    selection: float
    quality: Quality
    images: Tensor
    checks: tuple[Check, ...]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "settings": dict(self.settings),
            "control": self.control,
            "measures": {name: interval.as_record() for name, interval in self.measures.items()},
            "mse_on_selection_images": self.selection,
            "checks": [one.as_record() for one in self.checks],
        }


@dataclass(frozen=True)
class SplitResult:
    """All that an audit of features found.

    Attributes:
        name: of the edge, for the page.
        seed: of all random numbers.
        settings: of the audit.
        source: what was audited, in a few words.
        image_shape: (C, H, W).
        feature_shape: of one image's features.
        random: whether the edge sends different features of one image.
        images: part (`known`, `scored`, `selection`) -> number of images.
        originals: float32 [shown, C, H, W] in [0, 1], the scored images that are shown.
        attacks: in the order of the settings, the control first.
        not_run: label -> why.
        strongest: label of the attack with the lowest error on the selection images; the control is left out. None
            where no attack was run.

    """

    name: str
    seed: int
    settings: SplitSettings
    source: str
    image_shape: tuple[int, ...]
    feature_shape: tuple[int, ...]
    random: bool
    images: Mapping[str, int]
    originals: Tensor
    attacks: tuple[InversionResult, ...]
    not_run: Mapping[str, str]
    strongest: str | None

    def attack(self, label: str) -> InversionResult:
        """Return the result of an attack; raises KeyError where it was not run."""
        return {one.label: one for one in self.attacks}[label]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON, without images: the same for the same edge, images, settings and seed."""
        return {
            "kind": "split",
            "name": self.name,
            "seed": self.seed,
            "source": self.source,
            "settings": as_record(self.settings),
            "image_shape": list(self.image_shape),
            "feature_shape": list(self.feature_shape),
            "random": self.random,
            "images": dict(self.images),
            "attacks": {one.label: one.as_record() for one in self.attacks},
            "not_run": dict(self.not_run),
            "strongest": self.strongest,
            "versions": versions(),
        }
