"""Layers that draw random numbers in their forward pass, each from a generator of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn


class RandomLayer(nn.Module):
    """A layer with a generator of its own, so that its draws do not depend on any other part of the program.

    A copy of the layer has a copy of the generator. The generator is not part of the state dict.
    """

    def __init__(self) -> None:
        """Start without a generator; `reseed` sets it."""
        super().__init__()
        self._generator: torch.Generator | None = None

    @property
    def generator(self) -> torch.Generator:
        """The source of all draws of the layer, on the device of its features.

        Raises:
            RuntimeError: it was never set.

        """
        if self._generator is None:
            raise RuntimeError(f"{type(self).__name__}: its generator was never set; call reseed(model, seed) first")
        return self._generator

    @generator.setter
    def generator(self, generator: torch.Generator) -> None:
        """Draw from this generator from now on."""
        self._generator = generator

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow the network to another device, where the draws start again from the same seed."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._generator is not None:
            before = self._generator.device
            device = fn(torch.zeros((), device=before)).device  # a change of layout or precision keeps the device
            if device.type not in ("meta", before.type):
                self._generator = torch.Generator(device).manual_seed(self._generator.initial_seed())
        return self

    def uniform(self, like: Tensor) -> Tensor:
        """Draw from U[0, 1), independently for each value: float32 of the shape and on the device of `like`."""
        return torch.rand(like.shape, generator=self.generator, device=like.device)


class RandomDropout(RandomLayer):
    """Dropout (Srivastava et al. 2014); unlike `nn.Dropout`, it draws from its own generator.

    In training mode each value is zeroed with probability `rate`, and the others are divided by 1 - rate; in
    evaluation mode nothing happens.
    """

    def __init__(self, rate: float) -> None:
        """Store the probability, in [0, 1)."""
        super().__init__()
        self._rate = rate

    def forward(self, features: Tensor) -> Tensor:
        """Drop values of a tensor of any shape."""
        if not self.training or self._rate == 0:
            return features
        kept = self.uniform(features) >= self._rate
        return features * kept / (1 - self._rate)


def reseed(model: nn.Module, seed: int) -> None:
    """Give each random layer of a model a generator of its own on the model's device.

    Args:
        model: the network, on the device where it will run; the CPU is assumed if it has no parameters.
        seed: of all layers; equal seeds give equal draws.

    """
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    seeds = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, RandomLayer):
            own = int(torch.randint(2**62, (), generator=seeds))
            module.generator = torch.Generator(device).manual_seed(own)


def repeatable(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a function that runs a model with the same random draws at every call: those of its next run."""
    layers = [module for module in model.modules() if isinstance(module, RandomLayer)]
    states = [layer.generator.get_state() for layer in layers]

    def run(inputs: Tensor) -> Tensor:
        for layer, state in zip(layers, states, strict=True):
            layer.generator.set_state(state)
        outputs: Tensor = model(inputs)
        return outputs

    return run
