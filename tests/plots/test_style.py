"""How figures look and are saved: the same bytes each time, legible in light and dark, names that are safe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from contrast import contrast
from matplotlib.figure import Figure

from privprune.plots import save, training_curves
from privprune.plots.drawing import file_name
from privprune.plots.panels import legend_columns
from privprune.plots.saving import png, svg
from privprune.plots.series import Band
from privprune.plots.style import (
    DARK,
    DEFENCES,
    FEATURE_DEFENCES,
    PAPER,
    Look,
    attack_order,
    defence_look,
    feature_look,
)
from privprune.plots.training_curves import Phase, TrainingColumn
from privprune.published import attack_label

BASELINE = DEFENCES["baseline"]
LOSS = Band((1.0, 2.0, 3.0), (2.0, 1.0, 0.5), (1.9, 0.8, 0.4), (2.1, 1.2, 0.6))
ATTACK = Band((1.0, 2.0), (0.5, 0.6), (0.45, 0.55), (0.55, 0.65))


def a_figure() -> Figure:
    """Return a small figure, made anew."""
    return training_curves.draw(
        [TrainingColumn("Baseline $x_$", BASELINE, LOSS, ATTACK, (Phase("a", 1), Phase("b", 2)))]
    )


def test_same_figure_gives_same_bytes_in_any_order() -> None:
    """Two drawings of the same numbers are equal byte by byte, whichever format is made first; no date is in them."""
    first, second = a_figure(), a_figure()
    pictures = svg(first, "name"), png(first)

    assert (png(second), svg(second, "name")) == pictures[::-1]
    assert b"tEXt" not in pictures[1]
    assert not re.search(r"date|20\d\d-\d\d-\d\d", pictures[0])


def test_words_of_a_picture_are_text() -> None:
    """Words can be read and found in the SVG, in a font that each reader has; signs of markup are escaped."""
    text = svg(a_figure(), "name")

    assert ">Baseline $x_$<" in text
    assert "sans-serif" in text
    assert "'" not in text


def test_saved_files_are_the_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    """Saving writes PNG and SVG under the name, and no other file."""
    paths = save(a_figure(), tmp_path / "figures", "curves")

    assert [path.name for path in paths] == ["curves.png", "curves.svg"]
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in paths[1].read_text()


@pytest.mark.parametrize("name", sorted(DEFENCES | FEATURE_DEFENCES))
def test_colours_stand_out_on_light_and_dark(name: str) -> None:
    """Each defence's colour has a contrast of 4.5:1 on paper, and its dark counterpart on a dark screen."""
    colour = (DEFENCES | FEATURE_DEFENCES)[name].colour

    assert contrast(colour, PAPER) >= 4.5
    assert contrast(DARK[colour], DARK[PAPER]) >= 4.5


def test_defences_of_one_figure_differ_without_colour() -> None:
    """No two defences share a marker, and unknown ones take looks that differ from each other."""
    others = ["alpha", "beta"]
    membership: list[Look] = [*DEFENCES.values(), *(defence_look(name, others) for name in others)]
    features: list[Look] = list(FEATURE_DEFENCES.values())

    for looks in (membership, features, [feature_look(name, others) for name in others]):
        assert len({look.marker for look in looks}) == len(looks)
        assert len({look.colour for look in looks}) == len(looks)


def test_attacks_are_called_by_their_names_and_sorted_by_kind() -> None:
    """Networks come before rules, rules before attacks with shadow models; unknown ones come last."""
    names = ["rmle", "rmia", "zeta", "loss", "decoder_train", "lira_online_fixed", "nasr"]

    assert sorted(names, key=attack_order) == [
        *("nasr", "loss", "lira_online_fixed", "rmia"),
        *("decoder_train", "rmle", "zeta"),
    ]
    assert [attack_label(name) for name in ("lira_online_fixed", "nasr", "modified_entropy")] == [
        "LiRA online fixed",
        "Nasr",
        "Modified entropy",
    ]
    assert [attack_label(name) for name in ("decoder_train_16", "lmmse_16", "gan_leaked")] == [
        "Decoder (train) 16",
        "LMMSE 16",
        "GAN leaked",
    ]


def test_file_names_are_safe_whatever_the_parts() -> None:
    """Nothing in a name leads out of its folder."""
    assert file_name(["roc", "../My Data/$1", "LeNet5"]) == "roc-my-data-1-lenet5"


def test_a_legend_has_as_many_columns_as_its_labels_leave_room_for() -> None:
    """Four for short labels, fewer for long ones, and one for a label of the page's width."""
    assert legend_columns(["Baseline", "Min-Max", "DP-SGD", "Pruning"]) == 4
    assert legend_columns(["A label of forty letters or a few more than", "Min-Max"] * 4) < 4
    assert legend_columns(["x" * 150, "y"]) == 1
