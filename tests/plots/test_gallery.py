"""What the cloud sees of many methods: panels that are large enough, and of which every one shows the same images."""

from __future__ import annotations

import numpy as np
import pytest

from privprune.plots import gallery
from privprune.plots.cloud import ReconstructionPanel
from privprune.plots.style import Look


@pytest.mark.parametrize(("shape", "across", "side"), [((64, 640), 5, 0.4), ((64, 256), 8, 0.25), ((192, 192), 6, 0.2)])
def test_images_are_large_enough(shape: tuple[int, int], across: int, side: float) -> None:
    """A strip of ten faces shows five, at four tenths of an inch; two rows of eight, and a mosaic, are shown whole."""
    picture = np.random.default_rng(0).random((*shape, 3))
    panels = [
        ReconstructionPanel(f"Method {number}", Look("", "#0067a5"), picture, ("MSE 0.01",)) for number in range(6)
    ]
    figure = gallery.draw(picture, panels)
    widths = [axes.get_position().width * figure.get_figwidth() for axes in figure.axes]
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]

    assert len(figure.axes) == 1 + len(panels)
    assert min(widths) / across >= side
    assert {one.shape[1] for one in shown} == {min(shape[1], 5 * shape[0])}
    assert all(np.array_equal(one, picture[:, : one.shape[1]]) for one in shown)
