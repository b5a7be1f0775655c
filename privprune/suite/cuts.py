"""Check that a cut leaves both sides something to compute: a network that is not divided has nothing to compare."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import nn

from privprune.errors import UserError
from privprune.models import WIRE, BlockNet, CutSettings
from privprune.models.reidentification import NECK
from privprune.models.shapes import NetworkShapes
from privprune.models.wire import ReducingWire, build_wire
from privprune.workflow.context import NetworkSettings

_OF_THE_CUT = ("extra", "bottleneck", "widen")  # blocks that the cut itself adds


def check_sides(network: NetworkSettings, model: BlockNet, where: str) -> None:
    """Check that each side of a network's cut has a convolution or a linear layer of the architecture.

    What comes after BNNeck does not count where identities are found again: the cloud's answer is the embedding, and
    the classifier behind it is used in training alone. An architecture with a single such layer has no better cut and
    is accepted: the calibration suite's channel, which sends the image itself.

    Args:
        network: the settings; whole networks are accepted.
        model: a network of this architecture with the cut, with any weights.
        where: location of the settings, for the message.

    Raises:
        UserError: the edge or the cloud has no such layer; names the cuts that leave some on both sides.

    """
    if network.cut is not None:
        blocks = [(name, block) for name, block in model.named_children() if name not in (WIRE, *_OF_THE_CUT)]
        _check_sides(network, blocks, network.cut.after, f"{where}.cut.after")


def check_attacked_sides(network: NetworkSettings, model: BlockNet, cut: str | int | None, where: str) -> None:
    """Check both sides of the cut at which an attack divides a whole network, as `check_sides` does.

    Args:
        network: the settings.
        model: a network of this architecture without a cut, with any weights.
        cut: the last block of the edge, which exists, or the number of its blocks; None is accepted.
        where: location of the attack's entry, for the message.

    Raises:
        UserError: as for `check_sides`.

    """
    if cut is not None:
        after = cut if isinstance(cut, int) else model.block_names.index(cut) + 1
        _check_sides(network, list(model.named_children()), after, f"{where}.cut")


def _check_sides(network: NetworkSettings, blocks: Sequence[tuple[str, nn.Module]], after: int, key: str) -> None:
    """Check that blocks of an architecture have layers with weights on both sides of the first `after` of them."""
    names = [name for name, _ in blocks]
    answering = names.index(NECK) if network.reidentification is not None and NECK in names else len(names)
    weighted = [number for number, (_, block) in enumerate(blocks[:answering], start=1) if _has_weights(block)]
    lowest, highest = weighted[0], weighted[-1] - 1
    if len(weighted) > 1 and not lowest <= after <= highest:
        side = "edge" if after < lowest else "cloud"
        answer = "logits" if network.reidentification is None else "embedding"
        raise UserError(
            f"{key}: found {after}, which leaves the {side} no convolution or linear layer "
            f"on the way to the {answer}, allowed {lowest} to {highest}"
        )


def check_reducing_wire(network: NetworkSettings, shapes: NetworkShapes, where: str) -> None:
    """Check that the cloud can compute what a wire leaves of the features, such as one number per channel.

    Args:
        network: the settings; whole networks and wires that keep the shape of the features are accepted.
        shapes: a network of this architecture with the cut.
        where: location of the settings, for the message.

    Raises:
        UserError: a layer of the cloud, such as a pooling, does not take maps that small.

    """
    if network.cut is None or not reduces(network.cut):
        return
    try:
        with torch.no_grad():
            shapes.model.eval()(torch.zeros(1, *shapes.image))
    except RuntimeError:
        raise UserError(
            f"{where}.cut.wire: found {network.cut.wire.name}, but the cloud of {network.model} cannot compute what it "
            "leaves, allowed wires that keep the features' shape"
        ) from None


def check_sees_what_is_sent(network: NetworkSettings, needs: Collection[str], name: str, where: str) -> None:
    """Refuse a defence of the features at the cut where a wire sends less than these: it would defend something else.

    Args:
        network: the settings.
        needs: what the defence needs.
        name: of the defence.
        where: location of the entry, for the message.

    Raises:
        UserError: the defence is one of the features, and the wire reduces them.

    """
    if network.cut is not None and "cut" in needs and reduces(network.cut):
        raise UserError(
            f"{where}.defence: found {name} of the features before the wire {network.cut.wire.name}, "
            "allowed defences without a need of a cut"
        )


def reduces(cut: CutSettings) -> bool:
    """Return whether the wire of a cut sends less than the features."""
    return isinstance(build_wire(cut.wire), ReducingWire)


def _has_weights(block: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.Linear) for layer in block.modules())
