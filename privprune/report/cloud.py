"""The text above the reconstructions: what is sent, how well the attack rebuilds it, and what defences cost."""

from __future__ import annotations

from privprune.published import Paper
from privprune.tables.claims import utility_word
from privprune.verdicts import Evaluation, MeasuredCell, other_networks

_ERROR = "decoder_train_mse"
_NONE = "none"  # the row without a defence
_SETTING = (
    "The device runs the first blocks of the network and sends their features; the cloud runs the rest, and tries to "
    "rebuild what the device saw. "
)


def cloud_words(evaluation: Evaluation, paper: Paper) -> str:
    """Return the text: the attack's error without a defence, the error and cost of the most private one, the decoder.

    The decoder is named where it is not the papers'.
    """
    decoders = other_networks(evaluation.cell(role.cell) for role in evaluation.roles)
    return " ".join(filter(None, (_errors(evaluation, paper), decoders)))


def _errors(evaluation: Evaluation, paper: Paper) -> str:
    rows = [role for role in evaluation.roles if not role.control and _known(evaluation.cell(role.cell))]
    bare = next((role for role in rows if role.name == _NONE), None)
    if bare is None:
        return _SETTING.strip()
    alike = [role for role in rows if role.place == bare.place]
    best = max(alike, key=lambda role: evaluation.cell(role.cell).numbers[_ERROR].mean)
    before, after = evaluation.cell(bare.cell), evaluation.cell(best.cell)
    words = f"{_SETTING}Without a defence its decoder errs by an MSE of {_error(before)}"
    if best is bare:
        return f"{words}; no defence that was run here raises that."
    paid = _useful(before) - _useful(after)
    word = utility_word(paper)
    cost = f"costs {paid:.1f} points of {word}" if paid > 0 else f"costs no {word}"
    most = f"The most that a row of the paper reaches here is {_error(after)} ({paper.labels[best.name]})"
    return f"{words}. {most}; it {cost}."


def _known(cell: MeasuredCell) -> bool:
    return _ERROR in cell.numbers and cell.utility is not None


def _useful(cell: MeasuredCell) -> float:
    return 0.0 if cell.utility is None else cell.utility.mean


def _error(cell: MeasuredCell) -> str:
    return f"{cell.numbers[_ERROR].mean:.4f}"
