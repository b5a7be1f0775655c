"""Records to figures: numbers are chosen, drawn and saved in separate modules; nothing is measured here."""

from privprune.plots.draw import draw
from privprune.plots.drawing import Drawing
from privprune.plots.saving import save

__all__ = ["Drawing", "draw", "save"]
