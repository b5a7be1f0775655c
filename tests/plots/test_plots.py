"""Figures show the numbers that they were given, and the records' numbers where they are drawn from records."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from example_records import SETTINGS, example_records
from matplotlib.axes import Axes

from privprune.plots import Drawing, draw, forest, roc, tradeoff, training_curves, weight_histograms
from privprune.plots.forest import ForestGroup, ForestRow, PublishedAndMeasured
from privprune.plots.membership_cells import (
    MembershipCell,
    SelectedCell,
    membership_cells,
    one_of_each_kind,
    roc_panels,
)
from privprune.plots.roc import RocPanel
from privprune.plots.saving import svg
from privprune.plots.series import Band, Point, band_over_seeds
from privprune.plots.style import DARK, DEFENCES
from privprune.plots.tradeoff import MEASURES, TradeoffMark, TradeoffSweep
from privprune.plots.training_curves import Phase, TrainingColumn
from privprune.plots.weight_histograms import Histogram
from privprune.published import load
from privprune.verdicts import evaluate

BASELINE, PRUNED = DEFENCES["baseline"], DEFENCES["mia_pruning"]
LOSS = Band((1.0, 2.0, 3.0), (2.0, 1.0, 0.5), (1.9, 0.8, 0.4), (2.1, 1.2, 0.6))
ATTACK = Band((1.0, 2.0), (0.5, 0.6), (0.45, 0.55), (0.55, 0.65))


def lines(axes: Axes, colour: str) -> list[list[tuple[float, float]]]:
    """Return the points of all lines of one colour."""
    return [
        [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]
        for line in axes.lines
        if line.get_color() == colour
    ]


def band(axes: Axes) -> set[tuple[float, float]]:
    """Return the corners of the first filled band."""
    vertices = np.asarray(axes.collections[0].get_paths()[0].vertices)
    return {(round(float(x), 9), round(float(y), 9)) for x, y in vertices}


def points(values: Band) -> list[tuple[float, float]]:
    """Return a band's mean as points."""
    return list(zip(values.x, values.mean, strict=True))


def test_band_over_seeds_is_their_mean_and_range() -> None:
    """The line is the mean of the seeds, the band reaches from the lowest to the highest of them."""
    found = band_over_seeds([[1.0, 3.0], [2.0, 6.0]])

    assert found == Band((1.0, 2.0), (2.0, 4.0), (1.0, 2.0), (3.0, 6.0))


def test_band_leaves_out_what_was_not_measured() -> None:
    """An epoch without values is left out, and a seed without value does not count."""
    found = band_over_seeds([[None, None], [1.0, None], [2.0, 4.0]])

    assert found == Band((2.0, 3.0), (1.0, 3.0), (1.0, 2.0), (1.0, 4.0))


def test_band_refuses_sequences_of_different_lengths() -> None:
    """A band whose parts do not match is a mistake of ours."""
    with pytest.raises(ValueError, match="one length"):
        Band((1.0,), (1.0, 2.0), (1.0,), (1.0,))


def test_training_curves_show_loss_above_and_attack_below() -> None:
    """Each column shows its defence's loss above its attack accuracy, as given, and the rows share their scale."""
    figure = training_curves.draw(
        [TrainingColumn("Baseline", BASELINE, LOSS, ATTACK), TrainingColumn("Other", PRUNED, ATTACK, LOSS)]
    )
    upper, _, lower, _ = figure.axes

    assert lines(upper, BASELINE.colour) == [points(LOSS)]
    assert lines(lower, BASELINE.colour) == [points(ATTACK)]
    assert {(2.0, 0.8), (2.0, 1.2)} <= band(upper)
    assert upper.get_ylim() == figure.axes[1].get_ylim()


def test_training_curves_mark_where_a_phase_begins() -> None:
    """A mark stands between the last epoch of one phase and the first of the next, with the names beside."""
    phases = (Phase("ADMM", 1), Phase("retrain", 3))
    upper = training_curves.draw([TrainingColumn("Pruned", PRUNED, LOSS, ATTACK, phases)]).axes[0]
    upright = [line for line in upper.lines if len(set(np.asarray(line.get_xdata()))) == 1]

    assert [float(np.asarray(line.get_xdata())[0]) for line in upright] == [2.5]
    assert [text.get_text() for text in upper.texts] == ["ADMM", "retrain"]


def test_histograms_show_the_counts_on_one_logarithmic_scale() -> None:
    """The steps are the counts; all panels share both axes."""
    panels = [
        Histogram("Baseline", BASELINE, (-1.0, 0.0, 1.0), (30.0, 70.0), 100.0, 100.0),
        Histogram("Pruned", PRUNED, (-1.0, 0.0, 1.0), (2.0, 3.0), 100.0, 5.0),
    ]
    first, second = weight_histograms.draw(panels).axes

    assert [list(patch.get_data().values) for patch in first.patches] == [[30.0, 70.0]] * 2  # type: ignore[attr-defined]
    assert first.get_yscale() == "log"
    assert (first.get_xlim(), first.get_ylim()) == (second.get_xlim(), second.get_ylim())
    assert [text.get_text() for text in second.texts] == ["5 of\n100 weights"]


def test_roc_shows_each_curve_and_shades_less_than_one_record() -> None:
    """Curves are as given on two logarithmic axes; the shade ends where a single non-member lies."""
    rates = (0.001, 0.01, 0.1, 1.0)
    curve = Band(rates, (0.002, 0.02, 0.2, 1.0), (0.0, 0.01, 0.1, 1.0), (0.004, 0.04, 0.3, 1.0))
    axes = roc.draw([RocPanel("Loss", ((BASELINE, curve),), nonmembers=250)]).axes[0]
    shade = axes.patches[0].get_extents().transformed(axes.transData.inverted())

    assert lines(axes, BASELINE.colour) == [points(curve)]
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlim()) == ("log", "log", (0.001, 1.0))
    assert shade.x1 == pytest.approx(1 / 250)


def test_roc_of_unknown_size_begins_at_its_lowest_rate() -> None:
    """Without a number of non-members nothing is shaded, and no measured rate is cut off."""
    curve = Band((0.0, 0.02, 1.0), (0.0, 0.1, 1.0), (0.0, 0.0, 1.0), (0.0, 0.2, 1.0))
    axes = roc.draw([RocPanel("Loss", ((BASELINE, curve),), nonmembers=0)]).axes[0]

    assert axes.get_xlim() == (0.02, 1.0)
    assert not axes.patches


def test_tradeoff_joins_the_sweep_and_shows_bars_both_ways() -> None:
    """The sweep's line visits its marks in order; every mark has its intervals in x and in y, and its ratio."""
    marks = tuple(
        TradeoffMark(label, PRUNED, Point(x, x - 0.01, x + 0.02), (Point(y, y - 0.03, y + 0.04),))
        for label, x, y in (("2x", 0.9, 0.6), ("4x", 0.8, 0.55))
    )
    single = TradeoffMark("", BASELINE, Point(0.95, None, None), (Point(0.65, None, None),))
    axes = tradeoff.draw([("Nasr", MEASURES[0])], [TradeoffSweep(PRUNED, marks)], [single]).axes[0]
    bars = {
        tuple(round(float(value), 9) for value in np.ravel(segment))
        for container in axes.collections
        for segment in container.get_segments()  # type: ignore[attr-defined]
    }

    assert [(0.9, 0.6), (0.8, 0.55)] in lines(axes, PRUNED.colour)
    assert {(0.89, 0.6, 0.92, 0.6), (0.9, 0.57, 0.9, 0.64)} <= bars
    assert (0.95, 0.65, 0.95, 0.65) in bars  # one seed has no interval
    assert [text.get_text() for text in axes.texts] == ["2x", "4x"]


def test_tradeoff_leaves_out_what_was_not_attacked() -> None:
    """A mark without measure is not drawn, the others are."""
    unknown = TradeoffMark("8x", PRUNED, Point(0.7, 0.6, 0.8), (None,))
    known = TradeoffMark("2x", PRUNED, Point(0.9, 0.8, 1.0), (Point(0.6, 0.5, 0.7),))
    axes = tradeoff.draw([("Nasr", MEASURES[0])], [TradeoffSweep(PRUNED, (known, unknown))], []).axes[0]

    assert [text.get_text() for text in axes.texts] == ["2x"]


def test_forest_shows_published_hollow_beside_measured_filled() -> None:
    """One line per row: a hollow mark at the published number, a filled one with its interval at the measured."""
    line = ForestRow(
        "Baseline",
        BASELINE,
        (PublishedAndMeasured(67.0, Point(52.0, 51.0, 53.0)), None),
        stand_in=False,
        check_failed=False,
    )
    other = ForestRow(
        "Pruned", PRUNED, (None, PublishedAndMeasured(53.0, Point(51.0, None, None))), stand_in=True, check_failed=True
    )
    left, right = forest.draw([("Test", "Percent"), ("Attack", "MSE")], [ForestGroup("Table 1", (line, other))]).axes
    hollow = [one for one in left.lines if one.get_markerfacecolor() == "none"]
    segments = [np.ravel(one).tolist() for one in left.collections[0].get_segments()]  # type: ignore[attr-defined]

    assert [np.asarray(one.get_xydata()).tolist() for one in hollow] == [[[67.0, 1.0]]]
    assert lines(left, BASELINE.colour) == [[(52.0, 1.0)]]
    assert segments == [[51.0, 1.0, 53.0, 1.0]]
    assert lines(right, PRUNED.colour) == [[(51.0, 2.0)]]
    assert [label.get_text() for label in left.get_yticklabels()] == ["Table 1", "Baseline", "Pruned \u2020\u2021"]


PAPER_DATA = load("mia_pruning")


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    """Return all drawings of the example, by kind."""
    records = example_records()
    found = draw(records, evaluate(records, PAPER_DATA, SETTINGS, "demo"), PAPER_DATA)
    return {drawing.name.removesuffix("-digits-lenet5-clean"): drawing for drawing in found}


def test_every_kind_of_figure_is_drawn_from_records(drawings: dict[str, Drawing]) -> None:
    """One run on one dataset gives the answer and the six kinds, in the order of the report, with words beside each."""
    kinds = ["published-mia_pruning", "figure2", "figure3", "tradeoff", "roc", "roc-controls"]

    assert list(drawings) == ["answer-attack_at_accuracy", *kinds]
    assert all(drawing.alt and drawing.caption for drawing in drawings.values())


@pytest.mark.parametrize("kind", ["figure2", "figure3", "tradeoff", "published-mia_pruning"])
def test_every_colour_has_a_dark_counterpart(drawings: dict[str, Drawing], kind: str) -> None:
    """A picture has a rule for dark screens for each of its colours."""
    picture = svg(drawings[kind].figure, kind)
    light, _, dark = picture.partition("</style>")[0].partition("@media (prefers-color-scheme: dark)")
    used = set(re.findall(r"(?:fill|stroke):(#[0-9a-f]{6})", light))

    assert len(used) > 3
    assert used <= set(DARK)
    assert set(re.findall(r"(?:fill|stroke):(#[0-9a-f]{6})", dark)) == {DARK[colour] for colour in used}
    assert "style=" not in picture.partition("</style>")[2]


def test_sweep_is_labelled_with_the_ratio_that_was_reached(drawings: dict[str, Drawing]) -> None:
    """The labels along the sweep are weights before over weights left, in the sweep's order."""
    axes = drawings["tradeoff"].figure.axes[0]

    assert [text.get_text() for text in axes.texts] == ["2\u00d7", "4\u00d7", "8\u00d7", "15.8\u00d7", "32\u00d7"]
    assert "Joined marks are" in drawings["tradeoff"].caption


def test_a_caption_speaks_of_a_sweep_only_where_there_is_one() -> None:
    """Without curves no marks are joined."""
    records = example_records()
    found = draw(records, evaluate(records, PAPER_DATA, replace(SETTINGS, curves=()), "demo"), PAPER_DATA)
    (caption,) = (drawing.caption for drawing in found if drawing.name.startswith("tradeoff"))

    assert "Joined marks" not in caption


def test_figures_show_what_the_records_say(drawings: dict[str, Drawing]) -> None:
    """Loss and ROC curve of the baseline are its records', the forest's hollow marks are the printed numbers."""
    training, attack = example_records()[:2]
    roc_ = attack.attacks["nasr"]["roc"]
    shown = lines(drawings["figure2"].figure.axes[0], BASELINE.colour)[0]
    curve = lines(drawings["roc"].figure.axes[0], BASELINE.colour)[0]
    marks = drawings["published-mia_pruning"].figure.axes[1].lines
    published = [float(np.asarray(one.get_xdata())[0]) for one in marks if one.get_markerfacecolor() == "none"]

    assert [loss for _, loss in shown] == pytest.approx([np.mean(losses) for losses in training.history["loss"]])
    whole = list(zip(roc_["fpr"], roc_["tpr"], strict=True))
    assert curve == whole[len(whole) % 2 == 0 :: 2]
    assert curve[-1] == whole[-1] == (1.0, 1.0)
    assert published == [67.00, 53.41, 56.00, 78.54, 53.41, 53.41, 54.00]


def test_of_variants_of_an_attack_one_is_drawn() -> None:
    """ROC curves show each kind of attack once: the variant that ran on most cells, of these the first."""
    kinds = {name: {"attack": kind} for name, kind in {"lira_a": "lira", "lira_b": "lira", "gap": "gap"}.items()}
    records = (
        SimpleNamespace(attacks=dict.fromkeys(ran, "a curve"), parameters={"methods": kinds})
        for ran in (["lira_a", "lira_b", "gap"], ["lira_b", "gap"])
    )
    cells = [cast("MembershipCell", SimpleNamespace(attacked=record)) for record in records]

    assert one_of_each_kind(cells, ["lira_a", "lira_b", "gap"]) == ["lira_b", "gap"]
    assert one_of_each_kind(cells[:1], ["lira_a", "lira_b", "gap"]) == ["lira_a", "gap"]


def test_methods_of_ones_own_look_different() -> None:
    """Two defences without a declared look are drawn in different colours and with different marks."""
    names = ["digits-baseline", "digits-mia_pruning"]
    chosen = [SelectedCell(cell, f"own_{place}", "nasr") for place, cell in enumerate(names)]
    first, second = (cell.look for cell in membership_cells(example_records(), chosen))

    assert first.colour != second.colour
    assert first.marker != second.marker


def test_nothing_is_drawn_of_what_was_not_recorded() -> None:
    """Records without history, histograms and attacks give no figure, and no error."""
    bare = [
        replace(record, history={}, histograms={}) for record in example_records() if record.stage in ("train", "prune")
    ]
    cells = membership_cells(
        bare, [SelectedCell("digits-baseline", "baseline", "nasr"), SelectedCell("absent", "dp", "nasr")]
    )

    assert [cell.cell for cell in cells] == ["digits-baseline"]
    assert roc_panels(cells) == []
