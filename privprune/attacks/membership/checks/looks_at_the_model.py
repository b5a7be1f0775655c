"""An attack looks at the model: its scores are not explained by the labels of the records alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from privprune.attacks.membership.evidence import Evidence
from privprune.attacks.membership.signals import scaled_confidence
from privprune.checks import Check, check
from privprune.metrics.intervals import Array
from privprune.metrics.membership import Scores
from privprune.metrics.ranks import midranks

LARGEST_SHARE = 0.5  # ours: beyond it, most of what an attack says about a record is what its class says


def looks_at_the_model(scores: Sequence[Scores], evidences: Sequence[Evidence]) -> Check:
    """Check that the label alone does not explain the scores, except where it explains what the model says.

    A weak network is sure of some classes and not of others, so that whoever looks at it sees the class too. Therefore
    s, the share of the variance of the scores' ranks that the label explains, is compared with c, the share that it
    explains of the model's confidence in the true class: judged is (s - c) / (1 - c), at least 0.

    Args:
        scores: of the judged records, one per target.
        evidences: one per target, for labels and outputs of these records.

    """
    shares = []
    for one, evidence in zip(scores, evidences, strict=True):
        parts = (evidence.judged_members, evidence.judged_nonmembers)
        labels = np.concatenate([part.labels.cpu().numpy() for part in parts])
        confidences = [scaled_confidence(part.logits, part.labels).cpu().numpy() for part in parts]
        explained = label_share(np.concatenate([one.members, one.nonmembers]), labels)
        in_model = label_share(np.concatenate(confidences), labels)
        beyond = (explained - in_model) / (1 - in_model) if in_model < 1 else math.nan
        shares.append(0.0 if beyond < 0 else beyond)  # NaN, where all scores are equal, stays
    reason = (
        "share of the variance of the attack's scores that the label alone explains, beyond what it explains of the "
        "model's confidence"
    )
    return check("looks at the model", shares, "below", LARGEST_SHARE, reason)


def label_share(scores: Array, labels: Array) -> float:
    """Return the share of the variance of the scores' ranks that lies between classes, at least 0.

    It is eta squared, corrected for the number of classes (epsilon squared, Kelley 1935): where scores and labels are
    unrelated its mean is 0. Ranks do not change with a monotone transformation of the scores, as no result of an attack
    does, and are finite where a score is not.

    Args:
        scores: float64 [n].
        labels: int64 [n].

    Returns:
        NaN where all scores are equal, or there are no more records than classes.

    """
    ranks = midranks(scores)
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    freedom, total = len(ranks) - len(counts), float(((ranks - ranks.mean()) ** 2).sum())
    if freedom < 1 or not total:
        return float("nan")
    means = np.bincount(classes, ranks) / counts
    within = float(((ranks - means[classes]) ** 2).sum())
    return max(0.0, 1 - within / freedom / (total / (len(ranks) - 1)))
