"""The look of all figures: names of defences and attacks, colours, markers and dash patterns.

Colours follow Okabe and Ito (2008), darkened where thin lines need it, so that no two defences differ
by hue alone for a colour-blind reader: defences also differ by marker, controls also by dash.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl

from privprune.published import METHODS, words

mpl.use("Agg")  # figures are written to files, never shown in a window

INK = "#1f2328"  # text and axes
MUTED = "#6e7781"  # reference lines and second-rank text
GRID = "#e3e6ea"
PAPER = "#ffffff"
SHADE = "#f1f3f5"  # regions that the data cannot resolve
NEUTRAL = "#57606a"  # marks that stand for no defence

TEXT_WIDTH = 7.2  # inches: the width of a page's text, two journal columns
BAND_ALPHA = 0.18

Dash = Literal["-", ""] | tuple[float, tuple[float, ...]]
Marker = str | tuple[int, Literal[1], int]  # matplotlib's name, or a star: points, 1, angle in degrees


@dataclass(frozen=True)
class Look:
    """How one thing is drawn in every figure: its printed name, colour, marker and dash pattern."""

    label: str
    colour: str
    marker: Marker = "o"
    dash: Dash = "-"


_DASHED: Dash = (0, (5, 2))
_DOTTED: Dash = (0, (1.2, 1.6))
_DASH_DOT: Dash = (0, (5, 1.6, 1.2, 1.6))
DEFENCES: dict[str, Look] = {
    "baseline": Look(METHODS["baseline"], "#4d4d4d", "o"),
    "mia_pruning": Look(METHODS["mia_pruning"], "#0067a5", "s"),
    "min_max": Look(METHODS["min_max"], "#c8500a", "^"),
    "mia_pruning+min_max": Look(METHODS["mia_pruning+min_max"], "#a3418c", "D"),
    "dp": Look(METHODS["dp"], "#0b8062", "v"),
    "dense_same_epochs": Look(METHODS["dense_same_epochs"], "#9a6b00", "X", _DASHED),
    "random_mask": Look(METHODS["random_mask"], "#6b7a00", "P", _DOTTED),
    "small_dense": Look(METHODS["small_dense"], "#00808a", "p", _DASH_DOT),
    "early_stop": Look(METHODS["early_stop"], "#b0305c", "*", _DASHED),
    "magnitude": Look(METHODS["magnitude"], "#7b5141", "<", _DOTTED),
    "mild_pruning": Look(METHODS["mild_pruning"], "#3d6b8c", ">", _DASH_DOT),
    "eightfold_pruning": Look(METHODS["eightfold_pruning"], "#4f6d1e", (5, 1, 0), _DASHED),
    "confidence_penalty": Look(METHODS["confidence_penalty"], "#7a3fb8", "8"),
    "ppb": Look(METHODS["ppb"], "#3a7d1f", "h"),
    "mia_pruning+ppb": Look(METHODS["mia_pruning+ppb"], "#8b2f16", "H", _DASHED),
    "relaxloss": Look(METHODS["relaxloss"], "#c2257f", "d"),
    "hamp": Look(METHODS["hamp"], "#c62828", (4, 1, 0), _DASH_DOT),
}
# Defences of features. With CEM added a defence has the same colour and a filled marker.
FEATURE_DEFENCES: dict[str, Look] = {
    "none": Look(METHODS["none"], "#4d4d4d", "o"),
    "bottleneck": Look(METHODS["bottleneck"], "#0067a5", "s"),
    "noise": Look(METHODS["noise"], "#b0305c", "*"),
    "distance_correlation": Look(METHODS["distance_correlation"], "#c8500a", "^"),
    "dropout": Look(METHODS["dropout"], "#a3418c", "D"),
    "patrol_as_in_cem": Look(METHODS["patrol_as_in_cem"], "#0b8062", "v"),
    "resfl": Look(METHODS["resfl"], "#9a6b00", "X"),
    "noise_nopeek": Look(METHODS["noise_nopeek"], "#6b7a00", "P"),
    "noise_arl": Look(METHODS["noise_arl"], "#00808a", "p"),
    "top_k": Look(METHODS["top_k"], "#5b5ea6", "h"),
    "laplace": Look(METHODS["laplace"], "#7b5141", "<"),
    "local_dp": Look(METHODS["local_dp"], "#3a3a8c", ">"),
}
_OTHER_NAMES = {  # other names in papers, released code and suites
    "no_defense": "none",
    "no_defence": "none",
    "gaussian": "noise",
    "distcorr": "distance_correlation",
    "nopeek": "distance_correlation",
    "patrol": "patrol_as_in_cem",
    "ressfl": "resfl",
    "cem": "bottleneck",  # CEM without another defence: its own bottleneck and noise
}
_OF_CEM = "cem_"  # prefix of controls that vary CEM itself: each is a separate method, with CEM
_WITH_CEM = re.compile(r"(?:^|\s*\+\s*)cem$")
_SPARE = (("#5b5ea6", "h"), ("#7b5141", "<"), ("#3a3a8c", ">"), ("#5f6b1f", "8"))  # of features
_SPARE_DEFENCES: tuple[tuple[str, Marker], ...] = (
    ("#5b5ea6", (8, 1, 0)),
    ("#3a3a8c", (6, 1, 0)),
    ("#5f6b1f", (3, 1, 0)),
)

_ATTACKS = (
    *("nasr", "rahman", "gap", "loss", "confidence", "entropy", "modified_entropy", "lira", "rmia"),
    *("decoder", "large_decoder", "gan", "rmle", "deep_prior"),
)

# Light colour -> dark-screen colour: the same hues, with a contrast of at least 4.5:1 on the dark background.
DARK: dict[str, str] = {
    INK: "#d6dae0",
    MUTED: "#98a1ab",
    GRID: "#30363d",
    PAPER: "#15181c",
    SHADE: "#1f242a",
    NEUTRAL: "#aab2bb",
    "#4d4d4d": "#c2c2c2",
    "#0067a5": "#56a8e0",
    "#c8500a": "#f08a4b",
    "#a3418c": "#dd8acb",
    "#0b8062": "#3fc79d",
    "#9a6b00": "#dcae3c",
    "#6b7a00": "#b4c53e",
    "#5b5ea6": "#a5a8ea",
    "#b0305c": "#ee7fa5",
    "#00808a": "#44c3cd",
    "#7b5141": "#c79a88",
    "#3a3a8c": "#9090e0",
    "#5f6b1f": "#a9b868",
    "#7a3fb8": "#b892ec",
    "#c62828": "#f27d7d",
    "#3a7d1f": "#86c46a",
    "#8b2f16": "#dc8f74",
    "#c2257f": "#f083bf",
    "#3d6b8c": "#8db9d8",
    "#4f6d1e": "#b7d17f",
}


def defence_look(name: str, others: Sequence[str] = ()) -> Look:
    """Return how a defence is drawn; a defence without a declared look takes a spare one by its place in `others`."""
    if name in DEFENCES:
        return DEFENCES[name]
    colour, marker = _SPARE_DEFENCES[_place(name, others) % len(_SPARE_DEFENCES)]
    return Look(words(name), colour, marker)


def feature_defence(name: str) -> tuple[str, bool]:
    """Return the base of a defence of features and whether it has CEM: `resfl+cem` gives (`resfl`, True).

    A variant of CEM such as `cem_other_form` has CEM, and its base is the variant itself.
    """
    plain = _WITH_CEM.sub("", name.lower()) or "cem"
    with_cem = plain.startswith(_OF_CEM) or _WITH_CEM.search(name.lower()) is not None
    return _OTHER_NAMES.get(plain, plain), with_cem


def defence_identifier(label: str) -> str:
    """Return the identifier of a defence from its label in figures: `ResSFL+CEM` gives `resfl+cem`."""
    base, cem = feature_defence(label)
    names = {look.label.lower(): name for name, look in (DEFENCES | FEATURE_DEFENCES).items()}
    return f"{names.get(base, base)}{'+cem' if cem else ''}"


def feature_look(base: str, others: list[str]) -> Look:
    """Return how a defence of features is drawn; one without a declared look takes a spare by its place in `others`."""
    if base in FEATURE_DEFENCES:
        return FEATURE_DEFENCES[base]
    unknown = sorted({other for other in others if other not in FEATURE_DEFENCES} | {base})
    colour, marker = _SPARE[unknown.index(base) % len(_SPARE)]
    variant = base.removeprefix(_OF_CEM)
    return Look(words(base) if variant == base else f"CEM, {words(variant).lower()}", colour, marker)


def defence_label(base: str, look: Look, *, cem: bool) -> str:
    """Return the label of a defence that is in no printed row."""
    return f"{look.label}+CEM" if cem and not base.startswith(_OF_CEM) else look.label


def row_look(name: str, others: Sequence[str] = ()) -> Look:
    """Return how a printed row is drawn, whichever threat its defence is against."""
    base, _ = feature_defence(name)
    return FEATURE_DEFENCES[base] if name not in DEFENCES and base in FEATURE_DEFENCES else defence_look(name, others)


def _place(name: str, others: Sequence[str]) -> int:
    """Return the place of a defence among the ones without a look, in alphabetical order."""
    unknown = sorted({other for other in others if other not in DEFENCES} | {name})
    return unknown.index(name)


def attack_order(name: str) -> tuple[int, str]:
    """Return a key that sorts attacks: networks first, then rules on one output, then those with shadow models."""
    kinds = [place for place, kind in enumerate(_ATTACKS) if name == kind or name.startswith(f"{kind}_")]
    return (kinds[0] if kinds else len(_ATTACKS)), name


def percent(rate: float, _: object = None) -> str:
    """Return a rate as a short percentage for an axis: 0.001 is `0.1 %`."""
    return f"{100 * rate:.6g} %"


def power(value: float, _: object = None) -> str:
    """Return a number for a logarithmic axis: 0.001 is `0.001`, 0.00001 is `1e-5`."""
    return f"{value:g}".replace("e-0", "e-")


def count(number: float, _: object = None) -> str:
    """Return a count for an axis, shortened by thousands or millions: 20000 gives `20k`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.6g}{letter}"
    return f"{number:.6g}"


def two_lines(title: str) -> str:
    """Break a title of two parts before its ` & ` or after its comma, so that it fits a narrow panel."""
    return title.replace(" & ", "\n& ", 1).replace(", ", ",\n", 1)


@contextmanager
def journal() -> Iterator[None]:
    """Apply the shared settings of matplotlib inside the block, and restore the previous ones after it."""
    with mpl.rc_context(_SETTINGS):
        yield


_SETTINGS: Any = {  # Any, since matplotlib declares a type per key
    "font.family": "DejaVu Sans",  # shipped with matplotlib, so that all machines write the same bytes
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "figure.facecolor": PAPER,
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "text.parse_math": False,  # the name of a cell may contain a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "patch.linewidth": 0.6,
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # words as text, see `classes` for the fonts
}
