"""Ask a model of any kind: its answers to records as they are, and to changed ones, as logits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from privprune.attacks.membership import View
from privprune.errors import UserError, shown
from privprune.randomness import Purpose, generator

Changes = Literal["none", "noise", "images"]  # how inputs can be changed: not, by noise, or as images too

_SUM_TOLERANCE = 1e-4  # of probabilities in float32, over a thousand classes
_LEAST_PROBABILITY = 1e-38  # of float32; its logarithm is finite


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode for a block; afterwards each of its modules is in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Let what the user's code draws from PyTorch's global generators depend on a seed; then restore these."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter or buffer; the CPU where it has none."""
    return next((value.device for value in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def in_words(model: nn.Module) -> str:
    """Return the class of a model and how many parameters it has."""
    return f"a {type(model).__name__} of {sum(value.numel() for value in model.parameters()):,} parameters"


def changes_of(inputs: Tensor) -> Changes:
    """Return how inputs [n, ...] can be changed before a model is asked; those that are no numbers, not at all."""
    if not inputs.is_floating_point():
        return "none"
    return "images" if inputs.dim() == 4 else "noise"


@torch.no_grad()
def ask(model: nn.Module, inputs: Tensor, batch: int, name: str) -> Tensor:
    """Return the model's answers to inputs [n, ...] in evaluation mode: float32 [n, classes], on the CPU.

    Raises:
        UserError: the answers are no finite numbers for two classes or more; begins with the name.

    """
    device = device_of(model)
    with evaluating(model):
        parts = [_answer(model(part.to(device)), len(part), name) for part in inputs.split(batch)]
    return torch.cat(parts)


def _answer(answer: object, records: int, name: str) -> Tensor:
    if not isinstance(answer, Tensor):
        raise UserError(f"{name}: answers with {shown(type(answer).__name__)}, allowed a tensor [records, classes]")
    if answer.dim() != 2 or len(answer) != records or answer.shape[1] < 2:
        raise UserError(
            f"{name}: answers {records} records with shape {tuple(answer.shape)}, allowed ({records}, classes) with "
            "two classes or more"
        )
    if not bool(answer.isfinite().all()):
        raise UserError(f"{name}: answers with NaN or infinity, allowed finite numbers")
    return answer.float().cpu()


def are_probabilities(answers: Tensor) -> bool:
    """Return whether answers [..., classes] are probabilities: none below 0, and a sum of 1 for every record."""
    close = (answers.double().sum(-1) - 1).abs() <= _SUM_TOLERANCE
    return bool((answers >= 0).all()) and bool(close.all())


def as_logits(probabilities: Tensor) -> Tensor:
    """Return logarithms of probabilities, which are logits of the same probabilities; float64."""
    return probabilities.double().clamp(min=_LEAST_PROBABILITY).log()


def changed(view: View, inputs: Tensor, network: int, seed: int) -> Tensor:
    """Return inputs as an attacker changes them before it asks.

    A view is defined for images of a known range. Here the range is that of all inputs, so that the attack suits inputs
    of any normalisation; of vectors, noise alone is defined.

    Args:
        view: the change.
        inputs: float [n, C, H, W], or float [n, ...] for noise.
        network: number of the network that is asked, each of which sees noise of its own.
        seed: of the audit.

    """
    low, high = inputs.min(), inputs.max()
    half = (high - low).clamp(min=torch.finfo(inputs.dtype).tiny) / 2
    bytes_of_images = 255 * (inputs - low) / (2 * half)  # what `View.of` takes, without rounding
    details = (view.down, view.right, int(view.mirrored), str(view.noise), view.draw)
    answers = view.of(bytes_of_images, generator(seed, Purpose.VIEWS, network, *details))
    return ((answers + 1) * half + low).to(inputs.dtype)


def ask_about(
    model: nn.Module, inputs: Tensor, views: Iterable[View], network: int, seed: int, batch: int, name: str
) -> tuple[Tensor, Mapping[View, Tensor], bool]:
    """Ask about records as they are, and changed.

    Returns:
        logits float [n, classes], for each view logits as `Outputs.views` has them, and whether the model had answered
        with probabilities.

    """
    plain = ask(model, inputs, batch, name)
    probabilities = are_probabilities(plain)
    answers = {}
    for view in views:
        answer = ask(model, changed(view, inputs, network, seed), batch, name)
        logits = as_logits(answer) if probabilities else answer
        answers[view] = (logits - logits.amax(1, keepdim=True)).half()  # half the memory, exact to 0.1 % of its size
    return as_logits(plain) if probabilities else plain, answers, probabilities
