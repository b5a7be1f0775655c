"""Figures of inversion attacks show the reconstructions, numbers and curves of the records, each in its place."""

from __future__ import annotations

from dataclasses import replace
from math import e, log, pi

import numpy as np
import pytest
from example_inversions import (
    ATTACKS,
    CELLS,
    CROSS_SETTINGS,
    SETTINGS,
    encoded,
    inversion_records,
    membership_record,
    photograph,
)
from matplotlib.axes import Axes

from privprune.plots import Drawing, accuracy_error, bound, cloud, draw, draw_cross, picture
from privprune.plots.accuracy_error import Curve, CurvePanel, CurvePoint
from privprune.plots.bound import BoundMark
from privprune.plots.cloud import DefencePair, ReconstructionPanel, arrange
from privprune.plots.inversion_cells import inversion_cells, pairs
from privprune.plots.printed_figures import PrintedFigures, load_figures
from privprune.plots.series import Point
from privprune.plots.style import FEATURE_DEFENCES, PAPER, defence_identifier, feature_defence
from privprune.plots.sweeps import curve_panels, varied
from privprune.published import load
from privprune.verdicts import ControlSettings, evaluate, evaluate_cross

CEM = load("cem")
BOTTLENECK = FEATURE_DEFENCES["bottleneck"]
NOTHING_PRINTED = PrintedFigures("cem", (), {}, {})


def a_pair(name: str, *, reference: bool = False, alone: bool = False) -> DefencePair:
    """Return a pair of panels."""
    panels = [ReconstructionPanel(f"{name}{end}", BOTTLENECK, photograph(), ("MSE",)) for end in ("", "+CEM")]
    return DefencePair(panels[0], None if alone else panels[1], reference)


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    """Return all drawings of the example, by kind."""
    records = inversion_records()
    found = draw(records, evaluate(records, CEM, SETTINGS, "demo"), CEM)
    return {drawing.name.removesuffix("-photos-photos_cnn-paper"): drawing for drawing in found}


def filled(axes: Axes) -> list[tuple[float, float]]:
    """Return the places of all filled marks."""
    return [
        (float(np.asarray(line.get_xdata())[0]), float(np.asarray(line.get_ydata())[0]))
        for line in axes.lines
        if line.get_marker() not in ("", "None") and line.get_markerfacecolor() != PAPER
    ]


def test_panel_is_the_photograph_of_the_record() -> None:
    """What is drawn are the record's pixels, exactly but for eight bits."""
    assert cloud.decode(encoded(photograph()))[:, :, :3] == pytest.approx(photograph(), abs=1 / 255)


@pytest.mark.parametrize("bases", range(2, 11))
def test_every_panel_has_a_place_of_its_own_around_the_original(bases: int) -> None:
    """From 4 to 20 cells no two share a place, none takes the original's, and CEM stands at the right."""
    given = [a_pair("none", reference=True), *(a_pair(str(number)) for number in range(bases - 1))]
    found = arrange(given, 0.75)
    middle = found.columns // 2
    places = [(row, column) for _, row, column in found.panels]
    original = {((found.rows - 1) // 2, middle), (found.rows // 2, middle)}

    assert len(set(places)) == len(places) == 2 * bases
    assert not original & set(places)
    assert all(column > middle for one, _, column in found.panels if one.label.endswith("+CEM") and column != middle)
    assert all(row < found.rows for row, _ in places)


def test_no_defence_stands_above_the_original() -> None:
    """With three other pairs the undefended network stands above the original and its partner below."""
    found = arrange([a_pair("none", reference=True), *(a_pair(name) for name in "abc")], 0.75)
    middle = {one.label: row for one, row, column in found.panels if column == 1}

    assert middle == {"none": 0, "none+CEM": 2}


def test_photographs_are_drawn_of_one_size_with_the_original_in_the_middle() -> None:
    """All panels have the original's size, and its centre is the middle column's and the middle of the rows."""
    figure = cloud.draw(photograph(), [a_pair("none", reference=True), *(a_pair(name) for name in "abc")], ("Attack",))
    boxes = [axes.get_position() for axes in figure.axes if axes.images]
    sizes = {(round(box.width, 9), round(box.height, 9)) for box in boxes}
    rows = sorted({round(box.y0, 9) for box in boxes})
    original = boxes[-1]

    assert len(boxes) == 9
    assert len(sizes) == 1
    assert original.x0 + original.width / 2 == pytest.approx(0.5)
    assert round(original.y0, 9) == rows[1]


def test_main_figure_shows_every_cell_with_its_numbers(drawings: dict[str, Drawing]) -> None:
    """One photograph per cell and the original; beside each the defence, MSE and SSIM with interval, and accuracy."""
    leading = drawings["cloud-decoder_train"]
    texts = [text.get_text() for text in leading.figure.texts]

    assert sum(len(axes.images) for axes in leading.figure.axes) == len(CELLS) + 1
    assert [name for name, drawing in drawings.items() if drawing.leads] == ["cloud-decoder_train"]
    assert {"No defence", "Bottleneck", "ResSFL+CEM", "Original", "Without CEM", "With CEM"} <= set(texts)
    assert texts[texts.index("ResSFL+CEM") + 1 :][:3] == [
        "MSE 0.0167 [0.0159, 0.0175]",
        "SSIM 0.666 [0.656, 0.676]",
        "Test accuracy 81.6 %",
    ]


def test_every_kind_of_figure_is_drawn(drawings: dict[str, Drawing]) -> None:
    """The answer comes first, then reconstructions, entropy and bound, curves, training, attacks, printed rows."""
    kinds = ["cloud-decoder_train", "cloud-rmle", "figure3", "figure4", "training", "attacks", "published-cem"]

    assert list(drawings) == ["answer-error_at_accuracy", *kinds]
    assert all(drawing.alt and drawing.caption for drawing in drawings.values())


def test_curves_of_attacks_count_epochs_or_steps(drawings: dict[str, Drawing]) -> None:
    """A decoder is trained for epochs, a search has steps."""
    labels = [axes.get_xlabel() for axes in drawings["attacks"].figure.axes]
    assert labels == ["Epoch of the attack", "Point of the search (of at most 100)"]


def test_photographs_survive_in_the_page(drawings: dict[str, Drawing]) -> None:
    """The SVG contains every photograph and loads none."""
    svg = picture(drawings["cloud-rmle"]).svg

    assert svg.count("data:image/webp;base64,") == len(CELLS) + 1
    assert "http" not in svg.partition("<defs>")[2]


def test_nothing_is_drawn_of_cells_that_were_not_inverted() -> None:
    """Without records of inversion there is no figure of them, and no error."""
    records = [record for record in inversion_records() if record.stage != "attack"]
    evaluation = evaluate(inversion_records(), CEM, SETTINGS, "demo")

    found = [one.name.partition("-")[0] for one in draw(records, evaluation, CEM)]
    assert found == ["answer", "published"]  # both are drawn from the evaluation


def test_a_cell_without_partner_leaves_its_place_free() -> None:
    """The undefended network has no pair with CEM, and is still shown."""
    records = inversion_records()
    found = pairs(inversion_cells(records, evaluate(records, CEM, SETTINGS, "demo"), CEM))

    assert [(base, bool(without), bool(cem)) for base, without, cem in found] == [
        ("none", True, False),
        ("bottleneck", True, True),
        ("resfl", True, True),
        ("noise_arl", True, True),
    ]


def test_a_variant_of_cem_is_with_cem_but_no_partner_of_a_photograph() -> None:
    """Scatters draw it filled and call it a form of CEM; among the photographs it has no place."""
    control = ControlSettings("CIFAR-10", "VGG11", "cem_other_form", "photos-resfl", None)
    rows = tuple(row for row in SETTINGS.rows if row.cell != control.cell)
    settings = replace(SETTINGS, rows=rows, controls=(control,), curves=())
    evaluation = evaluate(records := inversion_records(), CEM, settings, "demo")
    cell = next(one for one in inversion_cells(records, evaluation, CEM) if one.cell == "photos-resfl")
    found = {one.name.removesuffix("-photos-photos_cnn-paper"): one for one in draw(records, evaluation, CEM)}
    shown = found["cloud-decoder_train"].figure.texts

    assert (cell.label, cell.cem, cell.in_tables) == ("CEM as written in the paper", True, False)
    assert (cell.number("conditional_entropy").value, 0.0123) in filled(found["figure3"].figure.axes[0])  # type: ignore[union-attr]
    assert "CEM as written in the paper" in [text.get_text() for text in found["figure3"].figure.legends[0].get_texts()]
    assert not any("as written" in text.get_text() for text in shown)


def test_bound_is_the_curve_of_theorem_1() -> None:
    """The curve goes through each cell's own bound, d is the number of pixels, and all attacks are drawn above."""
    d, limit = 3072, 1e-4
    entropy = d / 2 * log(2 * pi * e * limit)
    points = [Point(entropy * share, None, None) for share in (1.0, 0.8)]
    bounds = [Point(float(np.exp(2 * one.value / d) / (2 * pi * e)), None, None) for one in points]
    cells = [
        BoundMark(BOTTLENECK, cem, one, low, {"rmle": Point(0.01, None, None), "decoder": Point(0.005, None, None)})
        for cem, one, low in zip((False, True), points, bounds, strict=True)
    ]
    left, right = bound.draw(cells, "decoder", {"decoder": "Decoder", "rmle": "rMLE"}, []).axes
    curve = next(np.asarray(line.get_xydata()) for line in right.lines if len(np.asarray(line.get_xdata())) > 2)

    assert bound.dimensions(cells[0]) == pytest.approx(d)
    for one, low in zip(points, bounds, strict=True):
        assert np.interp(one.value, curve[:, 0], np.log(curve[:, 1])) == pytest.approx(log(low.value))
    assert filled(left) == [(points[1].value, 0.005)]
    assert filled(right) == [(points[1].value, 0.01), (points[1].value, 0.005)]


def test_what_the_theorem_does_not_bound_is_not_drawn_with_it() -> None:
    """An attack outside is left out at the right; the ceiling and the mean image's error are lines across."""
    low = Point(1e-4, None, None)
    errors = {"averaged": Point(0.005, None, None), "rmle": Point(0.01, None, None), "decoder": Point(0.02, None, None)}
    levels = {"ceiling": Point(2e-4, None, None), "uninformed": Point(0.05, None, None)}
    cell = BoundMark(
        BOTTLENECK,
        True,
        Point(-9000, None, None),
        low,
        errors,
        frozenset({"averaged"}),
        **levels,
    )
    figure = bound.draw([cell], "rmle", {"averaged": "Averaged", "rmle": "rMLE", "decoder": "Decoder"}, [])
    left, right = figure.axes
    across = {line.get_ydata()[0] for line in right.lines if list(line.get_xdata()) == [0, 1]}  # type: ignore[index]
    assert filled(left) == [(-9000, 0.01)]
    assert filled(right) == [(-9000, 0.01), (-9000, 0.02)]
    assert across == {2e-4, 0.05}
    assert {"its ceiling: nothing sent", "the mean image"} <= {one.get_text() for one in figure.legends[0].get_texts()}


def test_features_without_noise_have_no_place_in_the_figure_of_the_bound() -> None:
    """An entropy of minus infinity is not drawn; the caption names whose it is."""
    records = inversion_records()
    bare = {"conditional_entropy": [-float("inf")] * 3, "mse_bound": [0.0] * 3}
    records = [replace(one, metrics=bare) if one.cell == "photos-none-inversion" else one for one in records]
    found = draw(records, evaluate(inversion_records(), CEM, SETTINGS, "demo"), CEM)
    drawing = next(one for one in found if one.name.startswith("figure3"))

    assert "does not apply to features without noise: No defence." in drawing.caption
    assert "No defence" not in drawing.alt
    assert all(np.isfinite(axes.get_xlim()).all() for axes in drawing.figure.axes)


@pytest.mark.parametrize(("network", "told"), [("decoder", False), ("sub_pixel_decoder", True)])
def test_the_answer_says_whose_decoder_it_is(network: str, told: bool) -> None:
    """Under the figure that a reader sees first stands which attacks have a network of ours."""
    by_name = {
        "inversions": {
            **ATTACKS,
            "decoder_train": {**ATTACKS["decoder_train"], "attack": network, "blocks": 8, "width": 64},
        }
    }
    records = [
        replace(one, parameters={**one.parameters, **by_name}) if one.stage == "attack" else one
        for one in inversion_records()
    ]
    drawing = next(one for one in draw(records, evaluate(records, CEM, SETTINGS, "demo"), CEM))

    assert drawing.name.startswith("answer")
    assert drawing.caption.endswith("above that line.") is not told
    assert ("Decoder (train): a small network of ours" in drawing.caption) is told


def test_printed_points_stand_only_beside_the_same_data() -> None:
    """Points read off the paper are of CIFAR-10; on other data nothing of them is drawn."""
    printed = load_figures("cem")

    assert printed.on("cifar10")
    assert not printed.on("photos")
    assert printed.curves("4a")["noise_arl"][0] == (0.0146, 89.7)
    assert [len(curve) for curve in printed.curves("4a").values()] == [7, 9, 8, 6]
    assert load_figures("mia_pruning").figures == {}


def test_accuracy_curves_join_their_cells_in_order() -> None:
    """The line visits the cells as given: dashed and hollow without CEM, solid and filled with it, crosses printed."""
    points = tuple(
        CurvePoint(label, Point(accuracy, None, None), Point(error, None, None))
        for label, accuracy, error in (("0.1", 0.9, 0.01), ("0.2", 0.8, 0.02))
    )
    curves = (Curve(BOTTLENECK, False, points, ((0.015, 85.0),)), Curve(BOTTLENECK, True, points[:1], ()))
    axes = accuracy_error.draw([CurvePanel("4a", curves)], "Decoder").axes[0]
    crosses = [np.asarray(line.get_xydata()).tolist() for line in axes.lines if line.get_marker() == "x"]
    joined = [np.asarray(line.get_xydata()).tolist() for line in axes.lines if len(np.asarray(line.get_xdata())) == 2]

    assert joined == [[[0.01, 0.9], [0.02, 0.8]]]
    assert crosses[0] == [[0.015, 0.85]]
    assert [text.get_text() for text in axes.texts] == ["0.1", "0.2", "0.1"]


def test_curves_go_to_their_printed_figure() -> None:
    """Strengths of CEM are Figure 4b, with the curve that they are compared with; cuts are 4c, all others 4a."""
    records = inversion_records()
    cells = inversion_cells(records, evaluate(records, CEM, SETTINGS, "demo"), CEM)
    two = ("photos-none", "photos-resfl")
    names = ["noise_arl", "bottleneck+cem", "cem_lambda_32", "later_cut"]
    found = curve_panels(
        [*((name, two) for name in names), ("resfl", two[:1])], cells, "decoder_train", CEM, NOTHING_PRINTED
    )

    assert {panel.title[:2]: [curve.look.label for curve in panel.curves] for panel in found} == {
        "4a": ["Noise_ARL", "Noise_ARL", "Bottleneck"],  # without CEM, and the one cell with it
        "4b": ["Bottleneck", CEM.controls["cem_lambda_32"]],
        "4c": [CEM.controls["later_cut"]],
    }


def test_the_one_cell_with_cem_stands_beside_the_curve_it_is_compared_with() -> None:
    """A defence's cell with CEM is a mark in the panel of its curve, unless CEM has a curve of its own there."""
    records = inversion_records()
    cells = inversion_cells(records, evaluate(records, CEM, SETTINGS, "demo"), CEM)
    two = ("photos-none", "photos-resfl")
    alone = curve_panels([("resfl", two)], cells, "decoder_train", CEM, NOTHING_PRINTED)
    both = curve_panels([("resfl", two), ("resfl+cem", two)], cells, "decoder_train", CEM, NOTHING_PRINTED)

    assert [(curve.cem, len(curve.points)) for curve in alone[0].curves] == [(False, 2), (True, 1)]
    assert [(curve.cem, len(curve.points)) for curve in both[0].curves] == [(False, 2), (True, 2)]


def test_cells_of_a_curve_are_called_by_what_was_varied() -> None:
    """One setting that differs names the cells; several that do name none."""
    records = inversion_records()
    cells = inversion_cells(records, evaluate(records, CEM, SETTINGS, "demo"), CEM)[:2]
    other = replace(cells[1], training=replace(cells[1].training, parameters={"paper": "x"}))

    assert varied(cells) == ["0.016", "0.057"]
    assert varied([cells[0], other]) == ["", ""]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("resfl+cem", ("resfl", True)),
        ("patrol_as_in_cem", ("patrol_as_in_cem", False)),
        ("patrol_as_in_cem+cem", ("patrol_as_in_cem", True)),
        ("No_defense", ("none", False)),
        ("cem", ("bottleneck", True)),
        ("cem_other_form", ("cem_other_form", True)),
    ],
)
def test_defences_are_divided_into_base_and_cem(name: str, parts: tuple[str, bool]) -> None:
    """CEM is what was added, and a name that only ends like it is not divided."""
    assert feature_defence(name) == parts


def test_matrix_has_one_mark_per_cell_and_both_reference_lines() -> None:
    """Each cell stands at its inversion error and its membership accuracy; guessing and knowing nothing are lines."""
    records = [
        replace(record, metrics={**record.metrics, "mean_image_mse": [0.06] * 3}) if record.attacks else record
        for record in inversion_records()
    ]
    asked = {"photos-none": 0.58, "photos-resfl-cem": 0.53}
    records += [membership_record(cell, accuracy) for cell, accuracy in asked.items()]
    drawing = draw_cross(evaluate_cross(records, CROSS_SETTINGS, "demo"))[0]
    axes = drawing.figure.axes[0]
    marks = [np.asarray(line.get_xydata())[0].tolist() for line in axes.lines if line.get_marker() not in ("", "None")]
    names = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]

    assert np.allclose(marks, [[0.0016, 0.58], [0.0167, 0.53]])
    assert np.allclose(filled(axes), [(0.0167, 0.53)])
    assert names == ["1  No defence: 88.1 %", "2  ResSFL+CEM: 81.6 %"]
    assert {0.06, 0.5} <= {
        float(np.ravel(data)[0]) for line in axes.lines for data in (line.get_xdata(), line.get_ydata())
    }
    assert draw_cross(evaluate_cross([], replace(CROSS_SETTINGS, rows=()), "demo")) == []


@pytest.mark.parametrize(
    ("label", "name"), [("ResSFL+CEM", "resfl+cem"), ("MIA-Pruning", "mia_pruning"), ("No defence", "none"), ("x", "x")]
)
def test_labels_of_the_matrix_find_their_look(label: str, name: str) -> None:
    """A defence that a suite calls as figures do is drawn as figures do."""
    assert defence_identifier(label) == name
