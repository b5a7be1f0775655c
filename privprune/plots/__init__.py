"""Records to figures: numbers are chosen, drawn and saved in separate modules; nothing is measured here."""

from privprune.plots.cross import draw as draw_cross
from privprune.plots.draw import draw
from privprune.plots.drawing import Drawing, Picture
from privprune.plots.own import draw as draw_own
from privprune.plots.saving import picture, read_pictures, save, save_all

__all__ = ["Drawing", "Picture", "draw", "draw_cross", "draw_own", "picture", "read_pictures", "save", "save_all"]
