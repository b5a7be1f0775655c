"""PATROL's Lipschitz regularisation (Ding et al., WACV 2024), README: limit how much each block amplifies noise.

For an encoder f with Lipschitz constant k, || x1 - x2 || >= || f(x1) - f(x2) || / k: the smaller k is, the further
apart are images whose features have a given distance, so the larger is the error of an attack that inverts f.
L_lip = sum_i alpha_i k_i over the N blocks of the edge is added to the loss; the formulas of k_i are in
`privprune.metrics.lipschitz`. No available source states the deviation of the noise, alpha_i, or how the supremum is
approximated: they are settings. Drawing the noise once per step is our choice.

The pass without noise is that of the training step. The pass with noise runs on a part of the batch, and its batch
normalisations use the statistics of the pass without noise: both passes compute the same function, and no running
statistics are updated.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
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
_FEWEST = 2  # images of a noisy pass, so that each feature of a vector has a standard deviation


@dataclass(frozen=True)
class LipschitzSettings:
    """The weights of the Lipschitz constants in the loss, and how the constants are estimated.

    Attributes:
        weights: alpha_i, one for each block of the edge, or a single one for all; see `models.edge_parts`.
        deviation: standard deviation of the noise, in the units of the images, [-1, 1]; well above rounding errors.
        share: fraction of each batch that is passed a second time, with noise.
        over: the `max` over the images, which is closest to the supremum, or the `mean`.
        normalised: whether outputs are divided by their spread first, so that scaling the features down does not help.

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
            ValueError: the number of weights is neither 1 nor that of the blocks.

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
    """Check the settings against a network with a cut, before anything is trained.

    Raises:
        ValueError: the number of weights does not fit, or the edge computes another function in each pass.

    """
    parts = edge_parts(network)
    settings.of_blocks(len(parts))
    if any(isinstance(module, RandomLayer) for part in parts for module in part.modules()):
        raise ValueError("lipschitz: found an edge that draws random numbers, allowed one without dropout and skip")


class Lipschitz(Term):
    """Add sum_i alpha_i k_i of the edge's blocks to the loss."""

    def __init__(self, settings: LipschitzSettings, context: DefenceContext) -> None:
        """Store the settings, and the generator that draws the noise."""
        self._settings = settings
        self._generator = context.generators[0]
        self._precision = context.precision
        self._pass: _CleanPass
        self._weights: Tensor
        self._found: list[Tensor] = []

    def start(self, ensemble: Ensemble) -> None:
        """Register the hooks on the edge's blocks.

        Raises:
            UserError: the settings do not fit the blocks.

        """
        network = ensemble.module
        assert isinstance(network, BlockNet)  # noqa: S101 (an ensemble of networks with a cut has one)
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
        """Remove the hooks."""
        self._pass.remove()

    def measurements(self) -> dict[str, Tensor]:
        """Return the normalised k_1 to k_N, each the mean over the epoch's images, [1]."""
        means, self._found = torch.stack(self._found).mean(0), []
        return {f"lipschitz_{number}": mean[None] for number, mean in enumerate(means, 1)}


class _CleanPass:
    """The outputs and statistics of an edge's blocks in the latest training pass, and a second pass that uses them."""

    def __init__(self, parts: list[nn.Sequential]) -> None:
        """Register hooks on the last module of each block, and on each batch normalisation."""
        self.parts = parts
        self._norms = [module for part in parts for module in part.modules() if isinstance(module, _NORMS)]
        self._outputs: dict[nn.Module, Tensor] = {}
        self._taken: dict[nn.Module, tuple[Tensor, Tensor, Tensor]] = {}
        self._open = True
        lasts = [part[-1] for part in parts]
        self._handles = [module.register_forward_hook(_hook(self)) for module in dict.fromkeys([*self._norms, *lasts])]

    def keep(self, module: nn.Module, taken: Tensor, output: Tensor) -> None:
        """Store the output of a module, and the inputs and statistics of a normalisation, in a pass of training."""
        if not (self._open and module.training and torch.is_grad_enabled()):
            return
        self._outputs[module] = output
        if isinstance(module, _NORMS):
            self._taken[module] = taken, *_statistics(module, taken, output)

    def again(self, images: Tensor) -> list[Tensor]:
        """Run the edge on other images, [n, C, H, W], with the stored statistics; returns each block's output."""
        outputs, features = [], images
        with self._as_before():
            for part in self.parts:
                features = part(features)
                outputs.append(features)
        return outputs

    def take(self, count: int) -> list[Tensor]:
        """Return each block's stored output for the first `count` images, and discard all that is stored."""
        outputs = [self._outputs[part[-1]][:count] for part in self.parts]
        self._outputs, self._taken = {}, {}
        return outputs

    def remove(self) -> None:
        """Remove the hooks."""
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
        """Normalise with mean and variance of the inputs of the clean pass, differentiable in those inputs."""
        normalised: Tensor = _WithStatistics.apply(features, norm.weight, norm.bias, *self._taken[norm])
        return normalised


@torch.no_grad()
def _statistics(norm: nn.Module, taken: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and 1 / sqrt(variance + epsilon) of each channel of a batch normalisation's inputs, [channels].

    PyTorch stores them for the backward pass; where they cannot be read from there they are computed again.
    """
    mean, root = (getattr(output.grad_fn, f"_saved_result{number}", None) for number in (1, 2))
    if mean is not None and root is not None and len(mean) == len(root) == taken.shape[1]:
        return mean, root
    assert isinstance(norm, _NORMS)  # noqa: S101 (called for these only)
    variance, mean = torch.var_mean(wide(taken), _but_channels(taken), correction=0)
    return mean, (variance + norm.eps).rsqrt()


class _WithStatistics(torch.autograd.Function):
    """Batch normalisation of some features with the statistics of others, differentiable in both.

    The gradients are those of autograd, but the backward pass reads the whole batch once, in the precision of the
    features, where autograd through mean and variance would read it four times, in float32.
    """

    @staticmethod
    def forward(
        context: Any, features: Tensor, weight: Tensor, bias: Tensor, others: Tensor, mean: Tensor, root: Tensor
    ) -> Tensor:
        """Normalise features, [n, channels, ...]; mean and root are statistics of `others`, see `_statistics`."""
        context.save_for_backward(features, others, weight, mean, root)
        gain = weight * root
        return _affine(features, gain, bias - mean * gain)

    @staticmethod
    def backward(context: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of y = gain x + offset, where gain = weight root and offset = bias - mean gain."""
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
    """Return gain x + offset for each channel, computed as a batch normalisation with mean 0 and variance 1."""
    return F.batch_norm(features, torch.zeros_like(gain), torch.ones_like(gain), gain, offset, eps=0.0)


def _hook(watch: _CleanPass) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Return a hook with a weak reference: it keeps no `_CleanPass` alive, and a copied network has no copy of it."""
    reference = weakref.ref(watch)

    def hook(module: nn.Module, taken: tuple[Tensor, ...], output: Tensor) -> None:
        watching = reference()
        if watching is not None:
            watching.keep(module, taken[0], output)

    return hook
