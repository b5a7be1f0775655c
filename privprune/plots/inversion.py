"""The figures about model inversion, drawn from records, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import accuracy_error, bound, cloud, histories
from privprune.plots.bound import BoundMark
from privprune.plots.cloud import DefencePair, Photograph, ReconstructionPanel
from privprune.plots.conditions import Conditions, by_conditions
from privprune.plots.drawing import Drawing
from privprune.plots.histories import HistoryCurve, HistoryPanel
from privprune.plots.inversion_cells import InversionCell, attack_names, inversion_cells, pairs, strongest
from privprune.plots.printed_figures import PrintedFigures, load_figures
from privprune.plots.series import band_over_seeds
from privprune.plots.sweeps import curve_panels
from privprune.published import Paper, attack_label, words
from privprune.records import Record
from privprune.verdicts import Evaluation
from privprune.verdicts.theorem import bounded_errors

_CLOUD = ("decoder_train", "rmle")  # the attacks whose reconstructions are shown large
_LOSSES = {  # history of a training -> title; other terms are titled by their identifiers
    "loss": "Task loss",
    "conditional_entropy_loss": "Loss of CEM",
    "decoder_mse": "Adversary's decoder, MSE",
    "decoder_ssim": "Adversary's decoder, SSIM (zero padding)",
}
_NO_LOSS = ("accuracy", "learning_rate")


def draw(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw every figure for which the records have the numbers, one set of figures per data, model and protocol.

    Args:
        records: all records of one paper.
        evaluation: which cells stand for rows and controls, and which form the curves.
        paper: what the paper prints.

    """
    drawings: list[Drawing] = []
    printed_figures = load_figures(paper.paper)
    for conditions, in_conditions in by_conditions(inversion_cells(records, evaluation, paper)).items():
        cells = [cell for cell in in_conditions if cell.in_tables]
        for attack in _CLOUD:
            drawings += _cloud(conditions, cells, attack)
        comparable = printed_figures.on(conditions.data) and not any(
            evaluation.cell(cell.cell).cut_down for cell in in_conditions
        )
        printed = printed_figures if comparable else PrintedFigures(paper.paper, (), {}, {})
        drawings += _bound(conditions, in_conditions, printed)
        drawings += _curves(conditions, in_conditions, evaluation, paper, printed)
        drawings += _training(conditions, cells)
        drawings += _attacks(conditions, cells)
    return drawings


def _cloud(conditions: Conditions, cells: Sequence[InversionCell], attack: str) -> list[Drawing]:
    """Draw the reconstructions by one attack around the original."""
    attacked = [cell for cell in cells if attack in cell.attack.panels and "original" in cell.attack.panels]
    if not attacked:
        return []
    first = cloud.decode(attacked[0].attack.panels["original"])
    paired = [
        DefencePair(_rebuilt(without, attack), _rebuilt(cem, attack), reference=base == "none")
        for base, without, cem in pairs(attacked)
    ]
    name = attack_label(attack)
    caption = (
        "In the middle the original, which never leaves the device. Around it what an attacker in the cloud rebuilt "
        f"from the features that the device sent, by one and the same attack everywhere ({name}), run anew against "
        "each defence, which it knows. Every panel is the first seed's network on the same held-out images, none of "
        "which a network was trained on. MSE and SSIM (zero padding) are means over seeds and all scored images with "
        "95 % intervals, the accuracy is on test records: a defence is worth something where the picture gets worse "
        "and the accuracy does not."
    )
    errors = "; ".join(f"{cell.label}: {', '.join(_numbers(cell, attack))}" for cell in attacked)
    alt = f"A photograph and, around it, {len(attacked)} reconstructions by the attack {name}. {errors}."
    note = (name, "the same attack on the same tiles", "everywhere; numbers with 95 % intervals")
    figure = cloud.draw(first, paired, note)
    title = f"What the cloud sees: {name} on {conditions.words}"
    return [Drawing(conditions.file_name("cloud-" + attack), title, caption, alt, figure, leads=attack == _CLOUD[0])]


def _rebuilt(cell: InversionCell | None, attack: str) -> ReconstructionPanel | None:
    """Return one panel, None for a cell that was not run."""
    if cell is None:
        return None
    picture: Photograph = cloud.decode(cell.attack.panels[attack])
    return ReconstructionPanel(cell.label, cell.look, picture, _numbers(cell, attack))


def _numbers(cell: InversionCell, attack: str) -> tuple[str, ...]:
    """Return a panel's numbers, one text per line."""
    texts = []
    for metric, label, decimals in (("mse", "MSE", 4), ("ssim", "SSIM", 3)):
        point = cell.measure(attack, metric)
        if point is not None:
            texts.append(f"{label} {point.text(decimals)}")
    return (*texts, f"Test accuracy {100 * cell.accuracy.value:.1f} %")


def _bound(conditions: Conditions, cells: Sequence[InversionCell], printed: PrintedFigures) -> list[Drawing]:
    """Draw Figure 3 and the bound."""
    bounded = [one for cell in cells if (one := _bounded(cell)) is not None]
    if not bounded:
        return []
    labels = {name: attack_label(name) for name in attack_names(cells)}
    first = strongest(cells)
    points = [point for curve in printed.curves("3").values() for point in curve]
    caption = (
        "Left, as Figure 3: the estimated conditional entropy of the image given the features, against the MSE of the "
        f"attack ({labels[first]}); the paper says that both grow together. Right: the same entropy, the MSE of every "
        "attack with one query on images that it was not trained on, and the curve of Theorem 1, below which none of "
        "them can get if the entropy is right; how far the marks lie above it is what the theorem leaves open. The "
        "entropy is an estimate (a mixture model of the features, a model of the images), so the order of cells says "
        "more than its value. Dashed: what the bound can be at most, with nothing sent, since a lossless code bounds "
        "the entropy of the images; dotted: the error of the mean image, for which nothing need be sent."
    )
    without = [cell.label for cell in cells if _bounded(cell) is None]
    if without:
        caption += f" The theorem does not apply to features without noise: {', '.join(dict.fromkeys(without))}."
    if points:
        caption += f" Crosses are read off the printed figure by eye (MSE to {printed.precision['mse']})."
    ends = "; ".join(f"{cell.label}: {one.entropy.value:.4g} nats" for cell in cells if (one := _bounded(cell)))
    alt = f"Two scatter plots of MSE against conditional entropy, with the curve of the bound. {ends}."
    title = f"Conditional entropy and the bound on {conditions.words}"
    return [Drawing(conditions.file_name("figure3"), title, caption, alt, bound.draw(bounded, first, labels, points))]


def _bounded(cell: InversionCell) -> BoundMark | None:
    """Return a cell's entropy, bound and errors, None where they were not estimated."""
    entropy, limit = cell.number("conditional_entropy"), cell.number("mse_bound")
    if entropy is None or limit is None or limit.value <= 0:
        return None
    measured = {name: cell.measure(name, "mse") for name in attack_names([cell])}
    errors = {name: one for name, one in measured.items() if one}
    bounded = bounded_errors(cell.attack)
    outside = frozenset(name for name in errors if f"{name}_mse" not in bounded)
    levels = cell.number("mse_bound_nothing_sent"), cell.number("mean_image_mse")
    return BoundMark(cell.look, cell.cem, entropy, limit, errors, outside, *levels)


def _curves(
    conditions: Conditions,
    cells: Sequence[InversionCell],
    evaluation: Evaluation,
    paper: Paper,
    printed: PrintedFigures,
) -> list[Drawing]:
    """Draw Figures 4a to 4c."""
    attack = strongest(cells)
    curves = [(curve.name, curve.cells) for curve in evaluation.curves]
    panels = curve_panels(curves, cells, attack, paper, printed)
    if not panels:
        return []
    caption = (
        "Each mark is one cell: further right the attack errs more, further up the network is more useful. Bars are "
        "the attack's 95 % intervals and the range of the seeds in test accuracy; lines join the cells of one defence "
        "in the order of what was varied. CEM helps where its line, or its one mark, lies above and to the right of "
        "the same defence's line without it, at equal accuracy."
    )
    if any(curve.printed for panel in panels for curve in panel.curves):
        caption += f" Crosses are read off the printed figure by eye (MSE to {printed.precision['mse']})."
    texts = "; ".join(
        f"{panel.title}, {curve.look.label}{' with CEM' if curve.cem else ''}: "
        + ", ".join(f"{100 * one.accuracy.value:.1f} % at {one.error.value:.4f}" for one in curve.points)
        for panel in panels
        for curve in panel.curves
    )
    alt = f"Curves of test accuracy against MSE in {len(panels)} panels. {texts}."
    title = f"As Figure 4: accuracy against the attack's error on {conditions.words}"
    figure = accuracy_error.draw(panels, attack_label(attack))
    return [Drawing(conditions.file_name("figure4"), title, caption, alt, figure)]


def _training(conditions: Conditions, cells: Sequence[InversionCell]) -> list[Drawing]:
    """Draw every loss over the epochs of training."""
    names = dict.fromkeys(name for cell in cells for name in ("loss", *cell.training.history))
    panels = [
        HistoryPanel(_LOSSES.get(name, words(name)), "Epoch of the classifier", runs)
        for name in names
        if name not in _NO_LOSS and (runs := _runs(cells, [cell.training.history.get(name, []) for cell in cells]))
    ]
    caption = (
        "Every loss that a cell was trained with, per epoch: the task's, and the terms of its defences where it has "
        "them (of adversarial training the decoder's too). Lines are means over seeds, bands the range of the seeds."
    )
    return _histories("training", f"Training on {conditions.words}", conditions, panels, caption)


def _attacks(conditions: Conditions, cells: Sequence[InversionCell]) -> list[Drawing]:
    """Draw the curves of each attack while it trains or searches."""
    panels = []
    for attack in attack_names(cells):
        histories_of_attack = [cell.results(attack).get("history", {}) for cell in cells]
        for curve in dict.fromkeys(name for history in histories_of_attack for name in history):
            runs = _runs(cells, [history.get(curve, []) for history in histories_of_attack])
            if runs:
                epochs = any(cell.counts_epochs(attack) for cell in cells)
                axis = "Epoch of the attack" if epochs else "Point of the search (of at most 100)"
                panels.append(HistoryPanel(f"{attack_label(attack)}, {words(curve).lower()}", axis, runs))
    caption = (
        "Each attack while it trains or searches, against the finished network. Lines are means over seeds, bands the "
        "range of the seeds. An attack whose curve still falls at its end could have got further; one whose "
        "learning rate falls to nothing is flat there in any case, and the check of twice the budget says what more "
        "would bring."
    )
    return _histories("attacks", f"Attacks while they run on {conditions.words}", conditions, panels, caption)


def _runs(cells: Sequence[InversionCell], histories_: Sequence[Sequence[Sequence[float]]]) -> tuple[HistoryCurve, ...]:
    """Return one curve per cell that has one."""
    bands = [(cell, band_over_seeds(history)) for cell, history in zip(cells, histories_, strict=True) if history]
    return tuple(HistoryCurve(cell.look, cell.cem, band) for cell, band in bands if band.x)


def _histories(
    kind: str, title: str, conditions: Conditions, panels: Sequence[HistoryPanel], caption: str
) -> list[Drawing]:
    """Draw a figure of curves over epochs, none where there is no curve."""
    if not panels:
        return []
    ends = "; ".join(
        f"{panel.title.lower()} ends between {min(ends):.3g} and {max(ends):.3g}"
        for panel in panels
        if (ends := [run.band.mean[-1] for run in panel.runs])
    )
    alt = f"{len(panels)} line charts over epochs or steps with one line per cell: {ends}."
    return [Drawing(conditions.file_name(kind), title, caption, alt, histories.draw(panels))]
