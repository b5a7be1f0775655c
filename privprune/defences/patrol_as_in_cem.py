"""What CEM's tables call PATROL: ResSFL's game, one more convolution on the edge, and a few channels pruned late.

It is NOT PATROL (Ding et al., WACV 2024, arXiv 2307.10981). PATROL moves the cut to later layers and prunes the deeper
edge to the size that is allowed: a trainable soft mask scales each structure, structures below a threshold are removed,
and a Lipschitz term per block and a reconstruction game are in the loss. What CEM (arXiv 2503.00383) compares itself
with is reproduced here: its released code (`gan_adv_step1_pruningE`) calls a pruning package once, before epoch E, on
the edge's convolutions with more than 32 outputs, at a ratio of 0.05. For VGG11 cut after four entries, with the extra
convolution, the edge's parameters go from 93,224 to 83,723 (Table 9 prints 0.083M).

Differences from the released code:

* A pruned channel stays in the network, with its filter, bias, normalisation and the next convolution's weights for it
  set to zero, which computes the same function as the smaller network. In the released code the package replaced the
  parameters but the optimiser kept the old ones, so the pruned layers probably stopped training.
* `importance: data` uses the gradients of the batch's task loss; `released` uses those of the sum of all features of
  one image of Gaussian noise, as the released code does.
* The importance of a channel, the first-order Taylor estimate sum |value * gradient|, is that of its filter, bias and
  normalisation; the package also counts the next convolution's weights for it.
* A channel is pruned only if one convolution of the edge, and nothing else, reads it. That excludes channels that a
  shortcut is added to, and those sent over the wire; of ResNet-20's edge it leaves the first convolution of a residual
  block.
* The decoder takes `attack_steps` steps; the released code was configured for 1 but took 3, as it did not parse the
  name of the setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, fx, nn

from privprune.defences.at_the_cut import require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod, DefendedCell
from privprune.defences.resfl import EXAMPLE_GAME, GameSettings, ResSfl, check_game, decoder_of, game_checks
from privprune.errors import UserError
from privprune.models.block_net import BlockNet
from privprune.models.cut import WIRE, CutSettings
from privprune.settings import AtLeastOne, Count, Fraction
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

_ZERO_STAYS_ZERO = (nn.ReLU, nn.ReLU6, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class PatrolAsInCemSettings(GameSettings):
    """The settings of ResSFL's game, and of the pruning.

    Attributes:
        epochs_before_pruning: epochs of training with all channels; E - 1 of the released code.
        ratio: fraction of each convolution's channels that is pruned: of n, int(n * (1 - ratio)) stay.
        more_outputs_than: convolutions with this many outputs or fewer are not pruned; 32 in the released code.
        importance: which gradients rank the channels: those of the batch, or, as released, of an image of noise.

    """

    name: Literal["patrol_as_in_cem"]
    epochs_before_pruning: Count
    ratio: Fraction
    more_outputs_than: AtLeastOne
    importance: Literal["data", "released"]


class ChannelGroup(NamedTuple):
    """Names of the modules whose parameters belong to the output channels of one convolution."""

    convolution: str
    normalisation: str | None
    reader: str  # the only convolution that takes these channels as input


class ChannelPruning(Term):
    """Rank the channels of the edge's convolutions once, and keep the least important ones at zero from then on."""

    def __init__(self, settings: PatrolAsInCemSettings, context: DefenceContext) -> None:
        """Store the settings, and the generator that draws the image of noise."""
        self._settings = settings
        self._generator = context.generators[0]
        self._groups: list[ChannelGroup] = []
        self._parameters: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}

    def start(self, ensemble: Ensemble) -> None:
        """Find the channels that can be pruned.

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
        """Add nothing to the loss; in the first step of the epoch of pruning, before the update, choose channels."""
        if step.epoch >= self._settings.epochs_before_pruning and not self._kept:
            self._kept = self._chosen(self._gradients(step))

    def update(self, step: Step) -> None:
        """Set pruned parameters to zero again, which the optimiser's momentum may have changed."""
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
        """Return the masks, 1 where kept, of those parameters of the edge that are partly pruned."""
        masks: dict[str, Tensor] = {}

        def zero(name: str, mask: Tensor) -> None:
            masks[name] = masks.get(name, torch.ones_like(gradients[name])) * mask

        for group in self._groups:
            names = [
                f"{module}.{part}"
                for module in (group.convolution, group.normalisation)
                for part in ("weight", "bias")
                if f"{module}.{part}" in gradients
            ]
            taylor = [(self._parameters[name].detach() * gradients[name]).abs().flatten(1) for name in names[:1]]
            taylor += [(self._parameters[name].detach() * gradients[name]).abs()[:, None] for name in names[1:]]
            importance = torch.cat(taylor, dim=1).sum(1)
            stay = int(len(importance) * (1 - self._settings.ratio))
            mask = torch.zeros_like(importance).scatter(0, importance.topk(stay).indices, 1.0)
            for name in names:
                zero(name, mask.view(-1, *[1] * (gradients[name].dim() - 1)))
            zero(f"{group.reader}.weight", mask[None, :, None, None])
        return masks

    def measured(self) -> dict[str, list[float]]:
        """Return how many parameters of the edge remain."""
        left = sum(
            float(self._kept[name].sum()) if name in self._kept else value.numel()
            for name, value in self._parameters.items()
        )
        return {"edge_parameters_left": [left]}


def channel_groups(edge: nn.Module, more_outputs_than: int) -> list[ChannelGroup]:
    """Find the convolutions whose channels can be removed without changing any other channel.

    Args:
        edge: the edge's part of a network, without the wire.
        more_outputs_than: convolutions with this many outputs or fewer are skipped.

    Returns:
        the convolutions whose outputs reach one other convolution and nothing else, through layers that map 0 to 0.

    """
    modules = dict(edge.named_modules())
    groups = []
    for node in fx.symbolic_trace(edge).graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.out_channels > more_outputs_than:
            group = _followed(node, modules)
            groups += [] if group is None else [group]
    return groups


def _followed(node: fx.Node, modules: dict[str, nn.Module]) -> ChannelGroup | None:
    """Follow a convolution's outputs to the next convolution; None where they reach anything else."""
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
    """Check the settings against the network's cut and the plan's epochs, before anything is trained.

    Raises:
        ValueError: the cut lacks the extra convolution, or pruning would come after the last epoch.

    """
    if cut is not None and not cut.extra_convolution:
        raise ValueError(f"{settings.name}: found a cut without it, allowed network.cut.extra_convolution: true")
    if settings.epochs_before_pruning >= epochs:
        mismatch = f"found {settings.epochs_before_pruning}, allowed below the {epochs} epochs of the plan"
        raise ValueError(f"epochs_before_pruning: {mismatch}")


def patrol_as_in_cem(settings: PatrolAsInCemSettings, context: DefenceContext) -> Defence:
    """Add ResSFL's game to the training, and prune once."""
    require_cut(settings.name, context)
    check_pruning(settings, context.cut, context.epochs)
    pruning = ChannelPruning(settings, context)
    game = ResSfl(settings, context)

    def measured() -> dict[str, list[float]]:
        return {**pruning.measured(), **game.measured()}

    return Defence(terms=(pruning, game), measured=measured, surrogate=game.surrogate)


def check_patrol_as_in_cem(settings: PatrolAsInCemSettings, cell: DefendedCell) -> None:
    """Check the game's decoder, the cut and the epoch of pruning.

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
    checks=game_checks,
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
