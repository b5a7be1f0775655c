"""What CEM's tables call PATROL: ResSFL's game, one more convolution on the edge, and a few channels pruned late.

It is NOT PATROL (Ding et al., WACV 2024, arXiv 2307.10981), which moves the cut to later layers and makes the deeper
edge fit by pruning: a trainable soft mask scales each of its structures and those below a threshold go, while a
Lipschitz term per block and a reconstruction game train it. CEM (arXiv 2503.00383) compares itself with this: its
released code (`gan_adv_step1_pruningE`) calls a pruning package once, before epoch E, on the edge's convolutions with
more than 32 outputs, at a ratio of 0.05. Cut after four entries, VGG11 with its extra convolution goes from 93,224
parameters on the edge to 83,723 (Table 9 prints 0.083M).

Where this differs from the released code:

* A channel is held at zero with its filter, bias, normalisation and the next convolution's weights for it, which
  computes what the smaller network would. There the package replaced the parameters under an optimiser that was not
  told, so the pruned layers probably stopped training.
* `importance: data` takes the gradients of the batch's task loss. `released` takes those of the sum of all features of
  one image of Gaussian noise, as there.
* The importance of a channel, the first-order Taylor estimate sum |value * gradient|, is that of its filter, bias and
  normalisation; the package also counts the next convolution's weights for it.
* Only channels that nothing but one edge convolution reads are pruned, so none that a shortcut is added to or that goes
  over the wire; of ResNet-20's edge that leaves the first convolution of a residual block.
* The decoder takes `attack_steps` steps; there 1 was asked for, and 3 were taken because the name did not parse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor, fx, nn

from privprune.defences.at_the_cut import require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod, DefendedCell
from privprune.defences.resfl import EXAMPLE_GAME, GameSettings, ResSfl, check_game, decoder_of
from privprune.errors import UserError
from privprune.models.block_net import BlockNet
from privprune.models.cut import WIRE, CutSettings
from privprune.settings import AtLeastOne, Count, Fraction
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

_ZERO_STAYS_ZERO = (nn.ReLU, nn.ReLU6, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class PatrolAsInCemSettings(GameSettings):
    """ResSFL's game, and the pruning.

    Attributes:
        epochs_before_pruning: epochs of training with all channels; E - 1 of the released code.
        ratio: of each pruned convolution's channels: n become int(n * (1 - ratio)).
        more_outputs_than: convolutions with as many or fewer stay whole; 32 in the released code.
        importance: whose gradients rank the channels, the batch's or, as released, those of an image of noise.

    """

    name: Literal["patrol_as_in_cem"]
    epochs_before_pruning: Count
    ratio: Fraction
    more_outputs_than: AtLeastOne
    importance: Literal["data", "released"]


class ChannelGroup(NamedTuple):
    """What belongs to the output channels of one convolution: names of modules."""

    convolution: str
    normalisation: str | None
    reader: str  # the convolution, and the only one, that takes these channels


class ChannelPruning(Term):
    """Rank the channels of the edge's convolutions in the first step of an epoch; hold the least at zero after it."""

    def __init__(self, settings: PatrolAsInCemSettings, context: DefenceContext) -> None:
        """Take when, how much and by which importance; the generator draws the image of noise."""
        self._settings = settings
        self._generator = context.generators[0]
        self._groups: list[ChannelGroup] = []
        self._parameters: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}

    def start(self, ensemble: Ensemble) -> None:
        """Find the channels that can go.

        Raises:
            UserError: there are none.

        """
        blocks = list(ensemble.module.named_children())
        edge = BlockNet(blocks[: [name for name, _ in blocks].index(WIRE)])
        self._groups = channel_groups(edge, self._settings.more_outputs_than)
        self._parameters = dict(edge.named_parameters())
        if not self._groups:
            least = self._settings.more_outputs_than
            raise UserError(
                f"patrol_as_in_cem.more_outputs_than: found {least}, which no convolution of the edge has that another "
                "of the edge alone reads, allowed fewer, or a later cut"
            )

    def penalty(self, step: Step) -> None:
        """Add nothing to the loss; in the first step of its epoch choose what to prune, before anything has moved."""
        if step.epoch >= self._settings.epochs_before_pruning and not self._kept:
            self._kept = self._chosen(self._gradients(step))

    def update(self, step: Step) -> None:
        """Zero what is pruned, which the optimiser's momentum and its decay may have moved."""
        if self._kept:
            values = [self._parameters[name].data for name in self._kept]
            torch._foreach_mul_(values, list(self._kept.values()))

    def _gradients(self, step: Step) -> dict[str, Tensor]:
        """Return the gradient of each parameter of the edge."""
        if self._settings.importance == "data":
            loss = F.cross_entropy(step.logits, step.labels)
        else:
            noise = torch.randn((1, *step.inputs.shape[1:]), generator=self._generator).to(step.inputs)
            step.ensemble.train(mode=False)
            loss = step.ensemble.encode(noise).sum()
            step.ensemble.train()
        gradients = torch.autograd.grad(loss, list(self._parameters.values()), retain_graph=True)
        return dict(zip(self._parameters, gradients, strict=True))

    def _chosen(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a mask, 1 where kept, of each parameter of the edge that loses a part."""
        kept: dict[str, Tensor] = {}

        def zero(name: str, mask: Tensor) -> None:
            kept[name] = kept.get(name, torch.ones_like(gradients[name])) * mask

        for group in self._groups:
            own = [
                f"{module}.{part}"
                for module in (group.convolution, group.normalisation)
                for part in ("weight", "bias")
                if f"{module}.{part}" in gradients
            ]
            taylor = [(self._parameters[name].detach() * gradients[name]).abs().flatten(1) for name in own[:1]]
            taylor += [(self._parameters[name].detach() * gradients[name]).abs()[:, None] for name in own[1:]]
            importance = torch.cat(taylor, dim=1).sum(1)
            stay = int(len(importance) * (1 - self._settings.ratio))
            mask = torch.zeros_like(importance).scatter(0, importance.topk(stay).indices, 1.0)
            for name in own:
                zero(name, mask.view(-1, *[1] * (gradients[name].dim() - 1)))
            zero(f"{group.reader}.weight", mask[None, :, None, None])
        return kept

    def measured(self) -> dict[str, list[float]]:
        """Return how many parameters the smaller edge has."""
        left = sum(
            float(self._kept[name].sum()) if name in self._kept else value.numel()
            for name, value in self._parameters.items()
        )
        return {"edge_parameters_left": [left]}


def channel_groups(edge: nn.Module, more_outputs_than: int) -> list[ChannelGroup]:
    """Find the convolutions whose channels can be removed without a trace.

    Args:
        edge: a network without its wire.
        more_outputs_than: convolutions with as many outputs or fewer are passed over.

    Returns:
        those whose outputs reach one other convolution and nothing else, through layers that leave a zero at zero.

    """
    modules = dict(edge.named_modules())
    found = []
    for node in fx.symbolic_trace(edge).graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.out_channels > more_outputs_than:
            group = _followed(node, modules)
            found += [] if group is None else [group]
    return found


def _followed(node: fx.Node, modules: dict[str, nn.Module]) -> ChannelGroup | None:
    """Follow a convolution's outputs to the next one."""
    convolution, normalisation = str(node.target), None
    while len(node.users) == 1:
        (node,) = node.users
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d):
            return ChannelGroup(convolution, normalisation, str(node.target)) if layer.groups == 1 else None
        if isinstance(layer, nn.BatchNorm2d) and normalisation is None:
            normalisation = str(node.target)
        elif not isinstance(layer, _ZERO_STAYS_ZERO) and node.target is not F.relu:
            return None
    return None


def check_pruning(settings: PatrolAsInCemSettings, cut: CutSettings | None, epochs: int) -> None:
    """Hold the settings against the network's cut and the plan's epochs, before anything is trained.

    Raises:
        ValueError: one line.

    """
    if cut is not None and not cut.extra_convolution:
        raise ValueError(f"{settings.name}: found a cut without it, allowed network.cut.extra_convolution: true")
    if settings.epochs_before_pruning >= epochs:
        found = f"found {settings.epochs_before_pruning}, allowed below the {epochs} epochs of the plan"
        raise ValueError(f"epochs_before_pruning: {found}")


def patrol_as_in_cem(settings: PatrolAsInCemSettings, context: DefenceContext) -> Defence:
    """Play the game, and prune once."""
    require_cut(settings.name, context)
    check_pruning(settings, context.cut, context.epochs)
    pruning = ChannelPruning(settings, context)
    game = ResSfl(settings, context)
    return Defence(terms=(pruning, game), measured=pruning.measured, surrogate=game.surrogate)


def check_patrol_as_in_cem(settings: PatrolAsInCemSettings, cell: DefendedCell) -> None:
    """Check the game's decoder, the cut and the time of pruning.

    Raises:
        ValueError: names the key and what does not fit.

    """
    check_game(settings, cell)
    check_pruning(settings, cell.cut, cell.epochs)


METHOD = DefenceMethod(
    settings=PatrolAsInCemSettings,
    build=patrol_as_in_cem,
    needs=frozenset({"cut"}),
    check=check_patrol_as_in_cem,
    surrogate=decoder_of,
    prunes=True,
    examples=(
        {
            "name": "patrol_as_in_cem",
            **EXAMPLE_GAME,
            "epochs_before_pruning": 1,
            "ratio": 0.25,
            "more_outputs_than": 8,
            "importance": "data",
        },
    ),
)
