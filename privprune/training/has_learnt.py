"""The check that networks have learnt: on their own training records they do better than a constant answer.

A network that learnt nothing protects its members and its images as well as any defence, and a learning rate that
decays to nothing makes its loss flat, so that "trained out" alone would pass it.
"""

from __future__ import annotations

from privprune.checks import Check, check
from privprune.training.trained import Trained

NAME = "has learnt"
SHARE = 0.05  # of the training records that a constant answer gets wrong; chance reaches 0.4 % of 150 records


def has_learnt(trained: Trained) -> Check:
    """Compare the accuracy on the training records with that of always answering their most frequent class.

    Training records, since networks for random labels learn these and nothing else.
    """
    rows = zip(trained.measured.get("train_accuracy", ()), trained.measured.get("constant_accuracy", ()), strict=True)
    gains = [(train - constant) / max(1 - constant, 1e-12) for train, constant in rows]
    reason = "accuracy on the training records above that of a constant answer, as a share of what this gets wrong"
    return check(NAME, gains, "at least", SHARE, reason)
