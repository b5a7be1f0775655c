"""The check that networks are trained out: their loss no longer falls.

What a defence or pruning does to networks that are still learning is not what it does to networks that have learnt:
pruning an under-trained network raised an attack on it from 57.5 to 69.0 % of right answers, pruning one that was
trained out lowered it (CIFAR-10, LeNet-5, 1,000 members; issue 13).
"""

from __future__ import annotations

import math
from statistics import fmean

from privprune.checks import Check, check, not_computed
from privprune.training.trained import Trained

NAME = "trained out"
SHARE = 0.05  # of the peak, by which the loss may still change; declared with issue 13, before any network was judged
PART = 10  # the change is that from the last but one tenth of the epochs to the last
LEAST_SCALE = 1.0  # nats: where training starts from trained networks, the loss has no high peak to fall from


def trained_out(trained: Trained) -> Check:
    """Compare the task loss of the last tenth of the epochs with that of the tenth before.

    A tenth is rounded up to whole epochs. The change is relative to the highest loss of the phase, which counts as at
    least `LEAST_SCALE`. In a training of several phases the last one is judged, such as retraining after pruning.
    """
    if not trained.phases:
        return not_computed(NAME, "below", SHARE, "could not be computed: nothing was trained")
    phase, epochs = trained.phases[-1]
    tenth = math.ceil(epochs / PART)
    if 2 * tenth > epochs or not trained.history.get("loss"):
        return not_computed(NAME, "below", SHARE, f"could not be computed: {phase} has {epochs} epochs, needed are 2")
    rows = trained.history["loss"][-epochs:]
    changes = []
    for curve in zip(*rows, strict=True):
        change = fmean(curve[-tenth:]) - fmean(curve[-2 * tenth : -tenth])
        changes.append(abs(change) / max(*curve, LEAST_SCALE))
    reason = f"change of the loss in the last tenth of the epochs of {phase}, relative to its peak"
    return check(NAME, changes, "below", SHARE, reason)


def not_trained_here() -> Check:
    """Return the check of published weights that are used as they are; what they have learnt, their accuracy shows."""
    return check(NAME, [0.0], "below", SHARE, "published weights, used as they are: no epoch changes the loss")
