"""The figures about model inversion: records to drawings, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import accuracy_error, bound, cloud, histories
from privprune.plots.bound import Bounded
from privprune.plots.cloud import Pair, Photograph, Rebuilt
from privprune.plots.defended import Defended, attack_names, by_setting, defended, pairs, strongest
from privprune.plots.drawing import Drawing, file_name
from privprune.plots.histories import Quantity, Run
from privprune.plots.printed_figures import PrintedFigures, load_figures
from privprune.plots.selection import Setting, named_curves
from privprune.plots.series import Point, band_over_seeds
from privprune.plots.style import attack_label, words
from privprune.plots.sweeps import swept
from privprune.published import Paper
from privprune.records import Record
from privprune.verdicts import Evaluation

_CLOUD = ("decoder_train", "rmle")  # the attacks whose reconstructions are shown large
_LOSSES = {  # history of a training -> title; other terms are called by their own names
    "loss": "Task loss",
    "conditional_entropy_loss": "Loss of CEM",
    "decoder_mse": "Adversary's decoder, MSE",
    "decoder_ssim": "Adversary's decoder, SSIM",
}
_NO_LOSS = ("accuracy", "learning_rate")


def draw(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw every figure that the records hold the numbers for, one set per data, model and protocol.

    Args:
        records: all records of one paper.
        evaluation: says which cells stand for rows and controls, and which make the curves.
        paper: what the paper prints.

    """
    drawings: list[Drawing] = []
    read_off = load_figures(paper.paper)
    for setting, found in by_setting(defended(records, evaluation, paper)).items():
        cells = [cell for cell in found if cell.in_tables]
        for attack in _CLOUD:
            drawings += _cloud(setting, cells, attack)
        compares = read_off.on(setting[0]) and not any(evaluation.cell(cell.cell).cut_down for cell in found)
        printed = read_off if compares else PrintedFigures(paper.paper, (), {}, {})
        drawings += _bound(setting, found, printed)
        drawings += _curves(setting, found, evaluation, paper, printed)
        drawings += _training(setting, cells)
        drawings += _attacks(setting, cells)
    return drawings


def _cloud(setting: Setting, cells: Sequence[Defended], attack: str) -> list[Drawing]:
    """Draw what one attack rebuilt, around the original."""
    shown = [cell for cell in cells if attack in cell.attack.panels and "original" in cell.attack.panels]
    if not shown:
        return []
    first = cloud.decode(shown[0].attack.panels["original"])
    found = [
        Pair(_rebuilt(without, attack), _rebuilt(cem, attack), reference=base == "none")
        for base, without, cem in pairs(shown)
    ]
    name = attack_label(attack)
    caption = (
        "In the middle the original, which never leaves the device. Around it what an attacker in the cloud rebuilt "
        f"from the features that the device sent, by one and the same attack everywhere ({name}), run anew against "
        "each defence, which it knows. Every panel is the first seed's network on the same held-out images, none of "
        "which a network was trained on. MSE and SSIM are means over seeds and all scored images with 95 % intervals, "
        "the accuracy is on test records: a defence is worth something where the picture gets worse and the accuracy "
        "does not."
    )
    errors = "; ".join(f"{cell.label}: {', '.join(_numbers(cell, attack))}" for cell in shown)
    alt = f"A photograph and, around it, {len(shown)} reconstructions by the attack {name}. {errors}."
    note = (name, "the same attack on the same tiles", "everywhere; numbers with 95 % intervals")
    figure = cloud.draw(first, found, note)
    title = f"What the cloud sees: {name} on {_words(setting)}"
    return [Drawing(_name("cloud-" + attack, setting), title, caption, alt, figure, leads=attack == _CLOUD[0])]


def _rebuilt(cell: Defended | None, attack: str) -> Rebuilt | None:
    """Return one panel, None for a cell that was not run."""
    if cell is None:
        return None
    picture: Photograph = cloud.decode(cell.attack.panels[attack])
    return Rebuilt(cell.label, cell.look, picture, _numbers(cell, attack))


def _numbers(cell: Defended, attack: str) -> tuple[str, ...]:
    """Return a panel's numbers, one text per line."""
    texts = []
    for metric, label, decimals in (("mse", "MSE", 4), ("ssim", "SSIM", 3)):
        found = cell.measure(attack, metric)
        if found is not None:
            texts.append(f"{label} {_interval(found, decimals)}")
    return (*texts, f"Test accuracy {100 * cell.accuracy.value:.1f} %")


def _interval(point: Point, decimals: int) -> str:
    """Write a number with its interval."""
    if point.low is None or point.high is None:
        return f"{point.value:.{decimals}f}"
    return f"{point.value:.{decimals}f} [{point.low:.{decimals}f}, {point.high:.{decimals}f}]"


def _bound(setting: Setting, cells: Sequence[Defended], printed: PrintedFigures) -> list[Drawing]:
    """Draw Figure 3 and the bound."""
    found = [one for cell in cells if (one := _bounded(cell)) is not None]
    if not found:
        return []
    labels = {name: attack_label(name) for name in attack_names(cells)}
    first = strongest(cells)
    points = [point for curve in printed.curves("3").values() for point in curve]
    caption = (
        "Left, as Figure 3: the estimated conditional entropy of the image given the features, against the MSE of the "
        f"attack ({labels[first]}); the paper says that both grow together. Right: the same entropy, the MSE of every "
        "attack, and the curve of Theorem 1, below which no attack can get if the entropy is right; how far the marks "
        "lie above it is what the theorem leaves open. The entropy is an estimate (a mixture model of the "
        "features, a model of the images), so the order of cells says more than its value."
    )
    without = [cell.label for cell in cells if _bounded(cell) is None]
    if without:
        caption += f" Without noise on the features the theorem says nothing: {', '.join(dict.fromkeys(without))}."
    if points:
        caption += f" Crosses are read off the printed figure by eye (MSE to {printed.precision['mse']})."
    ends = "; ".join(f"{cell.label}: {one.entropy.value:.4g} nats" for cell in cells if (one := _bounded(cell)))
    alt = f"Two scatter plots of MSE against conditional entropy, with the curve of the bound. {ends}."
    title = f"Conditional entropy and the bound on {_words(setting)}"
    return [Drawing(_name("figure3", setting), title, caption, alt, bound.draw(found, first, labels, points))]


def _bounded(cell: Defended) -> Bounded | None:
    """Return a cell's entropy, bound and errors, None where they were not estimated."""
    entropy, limit = cell.number("conditional_entropy"), cell.number("mse_bound")
    if entropy is None or limit is None or limit.value <= 0:
        return None
    measured = {name: cell.measure(name, "mse") for name in attack_names([cell])}
    return Bounded(cell.look, cell.cem, entropy, limit, {name: one for name, one in measured.items() if one})


def _curves(
    setting: Setting, cells: Sequence[Defended], evaluation: Evaluation, paper: Paper, printed: PrintedFigures
) -> list[Drawing]:
    """Draw Figures 4a to 4c."""
    attack = strongest(cells)
    panels = swept(named_curves(evaluation), cells, attack, paper, printed)
    if not panels:
        return []
    caption = (
        "Each mark is one cell: further right the attack errs more, further up the network is more useful. Bars are "
        "the attack's 95 % intervals and the range of the seeds in test accuracy; lines join the cells of one defence "
        "in the order of what was varied. CEM helps where its line lies above and to the right of the same defence's "
        "line without it, at equal accuracy."
    )
    if any(curve.printed for panel in panels for curve in panel.curves):
        caption += f" Crosses are read off the printed figure by eye (MSE to {printed.precision['mse']})."
    said = "; ".join(
        f"{panel.title}, {curve.look.label}{' with CEM' if curve.cem else ''}: "
        + ", ".join(f"{100 * one.accuracy.value:.1f} % at {one.error.value:.4f}" for one in curve.points)
        for panel in panels
        for curve in panel.curves
    )
    alt = f"Curves of test accuracy against MSE in {len(panels)} panels. {said}."
    title = f"As Figure 4: accuracy against the attack's error on {_words(setting)}"
    figure = accuracy_error.draw(panels, attack_label(attack))
    return [Drawing(_name("figure4", setting), title, caption, alt, figure)]


def _training(setting: Setting, cells: Sequence[Defended]) -> list[Drawing]:
    """Draw every loss over the epochs of training."""
    names = dict.fromkeys(name for cell in cells for name in ("loss", *cell.training.history))
    panels = [
        Quantity(_LOSSES.get(name, words(name)), "Epoch of the classifier", runs)
        for name in names
        if name not in _NO_LOSS and (runs := _runs(cells, [cell.training.history.get(name, []) for cell in cells]))
    ]
    caption = (
        "Every loss that a cell was trained with, per epoch: the task's, and the terms of its defences where it has "
        "them (of adversarial training the decoder's too). Lines are means over seeds, bands the range of the seeds."
    )
    return _histories("training", f"Training on {_words(setting)}", setting, panels, caption)


def _attacks(setting: Setting, cells: Sequence[Defended]) -> list[Drawing]:
    """Draw how each attack went."""
    panels = []
    for attack in attack_names(cells):
        own = [cell.results(attack).get("history", {}) for cell in cells]
        for curve in dict.fromkeys(name for history in own for name in history):
            runs = _runs(cells, [history.get(curve, []) for history in own])
            if runs:
                panels.append(Quantity(f"{attack_label(attack)}, {words(curve).lower()}", "Step of the attack", runs))
    caption = (
        "Each attack while it trains or searches, against the finished network. Lines are means over seeds, bands the "
        "range of the seeds. An attack whose curve still falls at its end could have got further."
    )
    return _histories("attacks", f"Attacks while they run on {_words(setting)}", setting, panels, caption)


def _runs(cells: Sequence[Defended], histories_: Sequence[Sequence[Sequence[float]]]) -> tuple[Run, ...]:
    """Return the curves of the cells that have one."""
    bands = [(cell, band_over_seeds(history)) for cell, history in zip(cells, histories_, strict=True) if history]
    return tuple(Run(cell.look, cell.cem, band) for cell, band in bands if band.x)


def _histories(kind: str, title: str, setting: Setting, panels: Sequence[Quantity], caption: str) -> list[Drawing]:
    """Draw a figure of curves over epochs, none where there is no curve."""
    if not panels:
        return []
    ends = "; ".join(
        f"{panel.title.lower()} ends between {min(ends):.3g} and {max(ends):.3g}"
        for panel in panels
        if (ends := [run.band.mean[-1] for run in panel.runs])
    )
    alt = f"{len(panels)} line charts over epochs with one line per cell: {ends}."
    return [Drawing(_name(kind, setting), title, caption, alt, histories.draw(panels))]


def _name(kind: str, setting: Setting) -> str:
    """Return the file name of a figure."""
    return file_name([kind, *setting])


def _words(setting: Setting) -> str:
    """Return data, model and protocol as words."""
    data, model, protocol = setting
    return f"{data}, {model}, protocol {protocol}"
