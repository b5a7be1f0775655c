"""Several networks of one architecture, trained together in one process."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from privprune.models import WIRE, BlockNet, has_neck, prunable
from privprune.models.reidentification import MEAN


class Observation(NamedTuple):
    """The outputs of one forward pass, and the features at the network's cut.

    Attributes:
        logits: [batch, classes].
        features: [batch, channels, height, width], output of the edge before the wire; None for a whole network.
        sent: of the same shape, output of the wire; None for a whole network.
        pooled: [batch, D], the mean of the last feature maps, input of BNNeck; None without BNNeck, and for several
            networks.

    """

    logits: Tensor
    features: Tensor | None
    sent: Tensor | None
    pooled: Tensor | None


class Ensemble:
    """`members` networks with one architecture and independent weights, updated by the same optimiser step.

    One member is the plain module. Several have stacked parameters and run by `torch.func.vmap`: for small networks
    most of the time of a step is the overhead of calling operators, which the members then share.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        """Build from networks: the values of several are copied, a single module is used itself."""
        self.members = len(models)
        if self.members > 1 and _wire_of(models[0]) is not None:
            raise ValueError(f"stack: found {self.members}, allowed 1 for a network with a cut")
        self._parameters: dict[str, Tensor]
        self.module = models[0] if self.members == 1 else copy.deepcopy(models[0]).to("meta")
        self._prunable = tuple(prunable(models[0]))
        if self.members == 1:
            self._parameters = dict(self.module.named_parameters())
            self._buffers = dict(self.module.named_buffers())
            return
        parameters, buffers = stack_module_state(list(models))
        self._parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        self._buffers = dict(buffers)

    def parameters(self) -> Iterator[Tensor]:
        """Yield the tensors that an optimiser updates, with a leading member dimension if there are several members."""
        yield from self._parameters.values()

    def weights(self) -> dict[str, Tensor]:
        """Return the prunable weights, each as a differentiable view of shape [members, *weight.shape]."""
        return {name: self._with_members(self._parameters[name]) for name in self._prunable}

    def masked(self, masks: Mapping[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Zero the weights that masks prune; return weights and masks, to be multiplied again after every step.

        Args:
            masks: weight name -> bool [members, *weight.shape], true for weights that are kept.

        """
        weights = self.weights()
        pairs = [(weights[name].data, mask.to(weights[name].dtype)) for name, mask in masks.items()]
        for weight, mask in pairs:
            weight.mul_(mask)
        return [weight for weight, _ in pairs], [mask for _, mask in pairs]

    def _with_members(self, value: Tensor) -> Tensor:
        return value.unsqueeze(0) if self.members == 1 else value

    def train(self, mode: bool = True) -> None:
        """Switch all members between training and evaluation."""
        self.module.train(mode)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Run each member on its own part of the batch.

        Args:
            inputs: [members * batch, channels, height, width], the members' batches one after another.

        Returns:
            logits [members * batch, classes] in the same order.

        """
        if self.members == 1:
            alone: Tensor = self.module(inputs)
            return alone
        parts = inputs.unflatten(0, (self.members, -1))
        logits: Tensor = vmap(self._forward, randomness="different")(self._parameters, self._buffers, parts)
        return logits.flatten(0, 1)

    def observe(self, inputs: Tensor) -> Observation:
        """Run the members as `__call__` does; also return a single network's features at cut and BNNeck."""
        necked = has_neck(self.module)
        if self.members > 1 or not (necked or _wire_of(self.module) is not None):
            return Observation(self(inputs), None, None, None)
        features = sent = pooled = None
        value = inputs
        for name, block in self.module.named_children():
            before, value = value, block(value)
            if name == WIRE:
                features, sent = before, value
            elif name == MEAN and necked:
                pooled = value
        return Observation(value, features, sent, pooled)

    def encode(self, inputs: Tensor) -> Tensor:
        """Run the edge of a network with a cut, without its wire: [batch, channels, height, width].

        Raises:
            ValueError: the network has no cut.

        """
        blocks, wire = self._edge_and_rest()
        if wire is None:
            raise ValueError("cut: found a whole network, allowed one with network.cut")
        features = inputs
        for block in blocks[:wire]:
            features = block(features)
        return features

    def _edge_and_rest(self) -> tuple[list[nn.Module], int | None]:
        """Return the blocks, and the index of the wire, None for a whole network."""
        return list(self.module.children()), _wire_of(self.module)

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Tensor:
        logits: Tensor = functional_call(self.module, (parameters, buffers), (inputs,))
        return logits

    def state_dicts(self) -> list[dict[str, Tensor]]:
        """Return one state dict per member: detached copies without the member dimension."""
        state = {**self._parameters, **self._buffers}
        return [
            {name: self._with_members(value)[member].detach().clone().contiguous() for name, value in state.items()}
            for member in range(self.members)
        ]

    @torch.no_grad()
    def load_member(self, member: int, state: dict[str, Tensor]) -> None:
        """Overwrite one member's parameters and buffers in place."""
        for name, value in {**self._parameters, **self._buffers}.items():
            self._with_members(value)[member].copy_(state[name])


def _wire_of(module: nn.Module) -> int | None:
    names = module.block_names if isinstance(module, BlockNet) else ()
    return names.index(WIRE) if WIRE in names else None


def side_of(values: Tensor, members: int) -> Tensor:
    """Undo the flattening of a batch: [members * batch, ...] to [members, batch, ...]."""
    apart: Tensor = values.unflatten(0, (members, -1))
    return apart
