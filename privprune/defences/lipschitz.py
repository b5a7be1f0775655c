"""PATROL's Lipschitz regularisation (Ding et al., WACV 2024), README: blocks that pass on little of a small change.

An encoder f of constant k leaves || x1 - x2 || >= || f(x1) - f(x2) || / k, so the smaller k, the more images lie within
an attacker's error. The loss gains L_lip = sum_i alpha_i k_i over the N blocks of the edge; the formulas of k_i stand
in `privprune.metrics.lipschitz`. Deviation of the noise, alpha_i and how the supremum is approximated are in no
readable source: they are settings. One draw of the noise per step (ours).

The pass without noise is the training step's own. The pass with noise runs on a part of the batch, and through each
batch normalisation as the first did, with its statistics: both see the same function, and no running statistics move.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor, nn

from privprune.defences.defence import DefenceContext
from privprune.errors import UserError
from privprune.metrics.lipschitz import change, normalisers, ratios, scale, wide
from privprune.models import BlockNet, edge_parts
from privprune.models.random_layers import RandomLayer
from privprune.settings import NonNegative, Positive, Range
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_FEWEST = 2  # images of a noisy pass, so that channels of vectors have a spread


@dataclass(frozen=True)
class LipschitzSettings:
    """How much the constants cost, and how they are estimated.

    Attributes:
        weights: alpha_i, one for each block of the edge, or a single one for all; see `models.edge_parts`.
        deviation: of the noise, in the units of the images, [-1, 1]; well above what the precision rounds off.
        share: of each batch that passes a second time with noise.
        over: the batch's `max`, which is nearest to the supremum, or its `mean`.
        normalised: divide each output by its spread first, so that shrinking the features gains nothing.

    """

    weights: tuple[NonNegative, ...]
    deviation: Positive
    share: Annotated[float, Range(0, 1, open_low=True)]
    over: Literal["max", "mean"]
    normalised: bool

    def __post_init__(self) -> None:
        """Refuse an empty list."""
        if not self.weights:
            raise ValueError("weights: found none, allowed one for all blocks of the edge, or one for each")

    def of_blocks(self, blocks: int) -> tuple[float, ...]:
        """Return alpha_1 to alpha_N.

        Raises:
            ValueError: there are neither one nor as many as blocks.

        """
        if len(self.weights) not in (1, blocks):
            raise ValueError(
                f"lipschitz.weights: found {len(self.weights)}, allowed 1, or {blocks} for the edge's blocks"
            )
        return self.weights * (blocks // len(self.weights))


EXAMPLE_LIPSCHITZ: dict[str, object] = {
    "weights": [0.05],
    "deviation": 0.1,
    "share": 0.5,
    "over": "max",
    "normalised": True,
}


def check_lipschitz(settings: LipschitzSettings, network: BlockNet) -> None:
    """Hold the settings against a network with a cut, before anything is trained.

    Raises:
        ValueError: one line: the number of weights, or an edge that is another function at every query.

    """
    parts = edge_parts(network)
    settings.of_blocks(len(parts))
    if any(isinstance(module, RandomLayer) for part in parts for module in part.modules()):
        raise ValueError("lipschitz: found an edge that draws random numbers, allowed one without dropout and skip")


class Lipschitz(Term):
    """Add sum_i alpha_i k_i of the edge's blocks to the loss."""

    def __init__(self, settings: LipschitzSettings, context: DefenceContext) -> None:
        """Take the generator of the noise."""
        self._settings = settings
        self._generator = context.generators[0]
        self._precision = context.precision
        self._pass: _CleanPass
        self._weights: Tensor
        self._found: list[Tensor] = []

    def start(self, ensemble: Ensemble) -> None:
        """Watch the edge's blocks from now on.

        Raises:
            UserError: the settings do not fit them.

        """
        network = ensemble.module
        assert isinstance(network, BlockNet)  # noqa: S101 (a network with a cut is one, alone)
        try:
            check_lipschitz(self._settings, network)
        except ValueError as refused:
            raise UserError(str(refused)) from None
        self._pass = _CleanPass(edge_parts(network))
        weights = self._settings.of_blocks(len(self._pass.parts))
        self._weights = torch.tensor(weights, device=next(network.parameters()).device)

    def penalty(self, step: Step) -> Tensor:
        """Return sum_i alpha_i k_i."""
        count = min(len(step.inputs), max(_FEWEST, round(self._settings.share * len(step.inputs))))
        inputs = step.inputs[:count]
        noise = torch.randn(inputs.shape, generator=self._generator).to(inputs.device)
        noisy = inputs + self._settings.deviation * noise
        low = self._precision == "bfloat16"
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=low):
            others = self._pass.again(noisy)
        outputs = self._pass.take(count)
        changes = [change(noisy, inputs), *map(change, others, outputs)]
        plain, factors = ratios(changes), normalisers([scale(output) for output in outputs])
        normal = [ratio * factor for ratio, factor in zip(plain, factors, strict=True)]
        self._found.append(torch.stack([ratio.detach().mean() for ratio in normal]))
        chosen = torch.stack(normal if self._settings.normalised else plain)
        constants = chosen.amax(1) if self._settings.over == "max" else chosen.mean(1)
        return (self._weights * constants).sum()

    def stop(self, ensemble: Ensemble) -> None:
        """Let go of the blocks."""
        self._pass.remove()

    def measurements(self) -> dict[str, Tensor]:
        """Return k_1 to k_N, normalised, the mean over the epoch's images: [1] each."""
        means, self._found = torch.stack(self._found).mean(0), []
        return {f"lipschitz_{number}": mean[None] for number, mean in enumerate(means, 1)}


class _CleanPass:
    """What the latest training pass left in the blocks of an edge, and a second pass like it."""

    def __init__(self, parts: list[nn.Sequential]) -> None:
        """Listen to each block's last module and to each batch normalisation."""
        self.parts = parts
        self._norms = [module for part in parts for module in part.modules() if isinstance(module, _NORMS)]
        self._outputs: dict[nn.Module, Tensor] = {}
        self._taken: dict[nn.Module, tuple[Tensor, Tensor, Tensor]] = {}
        self._open = True
        lasts = [part[-1] for part in parts]
        self._handles = [module.register_forward_hook(_hook(self)) for module in dict.fromkeys([*self._norms, *lasts])]

    def keep(self, module: nn.Module, taken: Tensor, output: Tensor) -> None:
        """Keep what a normalisation took, or a block gave, in a training step's own pass."""
        if not (self._open and module.training and torch.is_grad_enabled()):
            return
        self._outputs[module] = output
        if isinstance(module, _NORMS):
            self._taken[module] = taken, *_statistics(module, taken, output)

    def again(self, images: Tensor) -> list[Tensor]:
        """Run the edge on other images, [n, C, H, W], as it ran on those kept; returns each block's output."""
        outputs, features = [], images
        with self._as_before():
            for part in self.parts:
                features = part(features)
                outputs.append(features)
        return outputs

    def take(self, count: int) -> list[Tensor]:
        """Return each block's output for the first images that were kept, and forget all."""
        outputs = [self._outputs[part[-1]][:count] for part in self.parts]
        self._outputs, self._taken = {}, {}
        return outputs

    def remove(self) -> None:
        """Leave the blocks as they were found."""
        for handle in self._handles:
            handle.remove()

    @contextmanager
    def _as_before(self) -> Iterator[None]:
        self._open = False
        for norm in self._norms:
            vars(norm)["forward"] = partial(self._normalised, norm)
        yield
        for norm in self._norms:
            del vars(norm)["forward"]
        self._open = True

    def _normalised(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, features: Tensor) -> Tensor:
        """Normalise with mean and variance of what the clean pass took, with their gradients."""
        made: Tensor = _WithStatistics.apply(features, norm.weight, norm.bias, *self._taken[norm])
        return made


@torch.no_grad()
def _statistics(norm: nn.Module, taken: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and 1 / sqrt(variance + epsilon) of each channel of what a batch normalisation took, [channels].

    PyTorch keeps them for the backward pass; where it gives them no such name they are computed once more.
    """
    mean, root = (getattr(output.grad_fn, f"_saved_result{number}", None) for number in (1, 2))
    if mean is not None and root is not None and len(mean) == len(root) == taken.shape[1]:
        return mean, root
    assert isinstance(norm, _NORMS)  # noqa: S101 (only these are asked)
    variance, mean = torch.var_mean(wide(taken), _but_channels(taken), correction=0)
    return mean, (variance + norm.eps).rsqrt()


class _WithStatistics(torch.autograd.Function):
    """Batch normalisation of some features with the statistics of others, differentiable in both.

    As autograd would do it, but with one pass over the whole batch, backward in the precision of the features, where
    mean and variance would take four in float32.
    """

    @staticmethod
    def forward(
        context: Any, features: Tensor, weight: Tensor, bias: Tensor, others: Tensor, mean: Tensor, root: Tensor
    ) -> Tensor:
        """Return features like those given, [n, channels, ...]; mean and root are the others', see `_statistics`."""
        context.save_for_backward(features, others, weight, mean, root)
        gain = weight * root
        return _affine(features, gain, bias - mean * gain)

    @staticmethod
    def backward(context: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients: y = gain x + offset, gain = weight root, offset = bias - mean gain."""
        features, others, weight, mean, root = context.saved_tensors
        of_offset = given.sum(_but_channels(given), dtype=weight.dtype)
        of_gain = (wide(given) * features).sum(_but_channels(given)) - mean * of_offset
        of_mean, of_variance = -weight * root * of_offset, -0.5 * root**3 * weight * of_gain
        count = others.numel() / others.shape[1]
        slope = 2 * of_variance / count
        of_others = _affine(others, slope, of_mean / count - slope * mean)
        return _affine(given, weight * root, torch.zeros_like(root)), root * of_gain, of_offset, of_others, None, None


def _but_channels(features: Tensor) -> list[int]:
    return [0, *range(2, features.dim())]


def _affine(features: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Return gain x + offset for each channel, as the normalisation with mean 0 and variance 1 that it is."""
    return F.batch_norm(features, torch.zeros_like(gain), torch.ones_like(gain), gain, offset, eps=0.0)


def _hook(watch: _CleanPass) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Return a hook that does not keep the watch alive, nor is copied with it when a network is."""
    known = weakref.ref(watch)

    def hook(module: nn.Module, taken: tuple[Tensor, ...], output: Tensor) -> None:
        there = known()
        if there is not None:
            there.keep(module, taken[0], output)

    return hook
