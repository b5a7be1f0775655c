"""Measures of a classifier's confidence in a record, accurate in float64 where a probability is close to 0 or 1.

The posteriors of a well-trained classifier round to 1, where the most exposed records could no longer be ranked. So
each signal is computed from differences of logits, never from 1 - p.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor


def scaled_confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """Logit-scaled confidence log(p_y / (1 - p_y)) (Carlini et al. 2022, arXiv 2112.03570).

    Args:
        logits: float [n, classes].
        labels: int64 [n].

    Returns:
        float64 [n] = z_y - log of the sum of exp z_i over i != y.

    """
    logits = logits.double()
    true_class = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -torch.inf).logsumexp(1)
    return true_class[:, 0] - others


def log_confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """Log posterior of the true class, log p_y = -cross-entropy, float64 [n]; accurate where p_y is close to 1."""
    return F.logsigmoid(scaled_confidence(logits, labels))


def log_posteriors(logits: Tensor) -> Tensor:
    """Log p_i of all classes, float64 [n, classes]; accurate where p_i is close to 1."""
    logits = logits.double()
    exact = logits.log_softmax(1)
    top = logits.argmax(1)
    return exact.scatter(1, top[:, None], log_confidence(logits, top)[:, None])  # only the top class can be close to 1


def log_complements(logits: Tensor) -> Tensor:
    """log(1 - p_i) of all classes, float64 [n, classes], finite where p_i rounds to 1."""
    logits = logits.double()
    below = torch.log1p(-logits.softmax(1))  # inaccurate only for the top class, whose p may round to 1
    top = logits.argmax(1)
    return below.scatter(1, top[:, None], F.logsigmoid(-scaled_confidence(logits, top))[:, None])
