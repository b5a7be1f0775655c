"""How much a colour stands out from another one, also for readers who are colour-blind."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb

# What the common kinds see of linear red, green and blue (Machado, Oliveira and Fernandes 2009, severity 1).
COLOUR_BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _XYZ.sum(axis=1)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (Web Content Accessibility Guidelines 2.2)."""
    light = [float(_XYZ[1] @ _linear(colour)) for colour in (one, other)]
    return (max(light) + 0.05) / (min(light) + 0.05)


def difference(one: str, other: str, seen: Sequence[Sequence[float]]) -> float:
    """Return the distance in CIELAB (CIE 1976) of two colours as a colour-blind reader sees them; 2 is just visible."""
    return float(np.linalg.norm(_lab(np.array(seen) @ _linear(one)) - _lab(np.array(seen) @ _linear(other))))


def _linear(colour: str) -> npt.NDArray[np.float64]:
    return np.array([part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)])


def _lab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x, y, z = np.cbrt(np.maximum(_XYZ @ np.clip(linear, 0, 1) / _WHITE, 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
