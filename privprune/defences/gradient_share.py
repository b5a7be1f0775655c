"""How strongly a defence's penalty pulls, compared with the task: the check that a defence takes part in the training.

A penalty that the task outweighs changes nothing. Of a Min-Max game whose gradient with respect to the logits was at
most 6.5 % of the task loss's, 99.8 % of the predictions were those of training without it (issue 13).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor

from privprune.checks import Check, check
from privprune.training.loop import Step
from privprune.training.trained import Trained

LEAST_SHARE = 0.1  # above that of the game that changed nothing; declared with issue 13
_LEAST_NORM = 1e-12  # of the task's gradient, which vanishes where every record is learnt


def gradient_share(penalty: Tensor, step: Step, at: Sequence[Tensor]) -> Tensor:
    """Return the norm of the gradient of a penalty, divided by that of the task loss, of a single network: [1].

    It costs two backward passes, so terms compute it in the last step of an epoch only.

    Args:
        penalty: a scalar, with its graph, which stays usable.
        step: with `losses`; without them the share is NaN.
        at: the tensors that both gradients are with respect to, such as the parameters of the edge.

    """
    if step.losses is None:
        return torch.full((1,), math.nan, device=penalty.device)
    norms = []
    for loss in (penalty, step.losses.sum()):
        found = torch.autograd.grad(loss, at, retain_graph=True, allow_unused=True)
        norms.append(torch.stack([part.float().square().sum() for part in found if part is not None]).sum().sqrt())
    return (norms[0] / norms[1].clamp_min(_LEAST_NORM))[None]


def share_per_network(penalty: Tensor, step: Step) -> Tensor:
    """Return the same ratio with respect to the logits of each of M networks: [M].

    Args:
        penalty: a scalar, the sum over the networks, with its graph, which stays usable.
        step: with `losses`; without them the share is NaN.

    """
    members = step.ensemble.members
    if step.losses is None:
        return torch.full((members,), math.nan, device=penalty.device)
    norms = []
    for loss in (penalty, step.losses.sum()):
        (found,) = torch.autograd.grad(loss, step.logits, retain_graph=True)
        norms.append(found.view(members, -1).norm(dim=1))
    share: Tensor = norms[0] / norms[1].clamp_min(_LEAST_NORM)
    return share


def share_check(name: str, trained: Trained, curve: str, what: str) -> Check:
    """Check the mean share over those epochs in which a penalty was measured.

    Args:
        name: of the check.
        trained: the training.
        curve: that of the share.
        what: whose gradient it is, and with respect to what, for the reason.

    """
    measured = [[value for value in target if math.isfinite(value)] for target in trained.curve(curve)]
    values = [fmean(target) if target else math.nan for target in measured]
    reason = f"norm of the gradient of {what}, relative to that of the task loss; mean over the epochs"
    return check(name, values, "at least", LEAST_SHARE, reason)
