"""Check that a cut leaves both sides something to compute: a network that is not divided has nothing to compare."""

from __future__ import annotations

from torch import nn

from privprune.errors import UserError
from privprune.models import WIRE, BlockNet
from privprune.models.reidentification import NECK
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
    if network.cut is None:
        return
    blocks = [(name, block) for name, block in model.named_children() if name not in (WIRE, *_OF_THE_CUT)]
    names = [name for name, _ in blocks]
    answering = names.index(NECK) if network.reidentification is not None and NECK in names else len(names)
    weighted = [number for number, (_, block) in enumerate(blocks[:answering], start=1) if _has_weights(block)]
    lowest, highest = weighted[0], weighted[-1] - 1
    if len(weighted) > 1 and not lowest <= network.cut.after <= highest:
        side = "edge" if network.cut.after < lowest else "cloud"
        answer = "logits" if network.reidentification is None else "embedding"
        raise UserError(
            f"{where}.cut.after: found {network.cut.after}, which leaves the {side} no convolution or linear layer "
            f"on the way to the {answer}, allowed {lowest} to {highest}"
        )


def _has_weights(block: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.Linear) for layer in block.modules())
