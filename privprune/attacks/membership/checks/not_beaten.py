"""An attack is not beaten by a trivial one: the gap attack, or a rule that sees the label and never the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.checks import Check, check
from privprune.metrics.intervals import Array
from privprune.metrics.membership import Scores
from privprune.metrics.ranks import difference_of_areas

MOST_STANDARD_ERRORS = 2.0  # beyond it, the records are unlikely to have favoured the trivial attack by chance
_Answers = tuple[Array, Array]  # of members and of non-members


def not_beaten(scores: Sequence[Scores], evidences: Sequence[Evidence], *, by_rank: bool) -> tuple[Check, ...]:
    """Check that an attack is not worse than trivial ones by more than the sampling error.

    The measured number is by how much the trivial attack is better, in standard errors of that difference, which is
    paired over records. Over several targets it is the mean difference by the mean standard error: targets may share
    their records, so that their errors need not average out.

    Args:
        scores: of the judged records, one per target.
        evidences: one per target.
        by_rank: compare the area under the ROC curve, for an attack whose purpose is a ranking; else the balanced
            accuracy at its threshold.

    """
    measure = "area under the ROC curve" if by_rank else "balanced accuracy"
    checks = []
    for name, trivial in TRIVIAL.items():
        pairs = [_compared(one, trivial(evidence), by_rank) for one, evidence in zip(scores, evidences, strict=True)]
        worse, error = (float(np.mean(column)) for column in zip(*pairs, strict=True))
        reason = f"by how many standard errors the {measure} of {name} is higher"
        errors = 0.0 if worse <= 0 else worse / error if error else float("nan")
        checks.append(check(f"not beaten by {name}", [errors], "at most", MOST_STANDARD_ERRORS, reason))
    return tuple(checks)


def _compared(scores: Scores, trivial: _Answers, by_rank: bool) -> tuple[float, float]:
    """Return by how much the trivial answers are better, and the standard error of that."""
    own = (scores.members, scores.nonmembers)
    answers = own if by_rank else tuple((part >= scores.threshold).astype(np.float64) for part in own)
    return difference_of_areas(trivial, (answers[0], answers[1]))


def gap(evidence: Evidence) -> _Answers:
    """Answer "member" where the predicted class is the true one (Yeom et al. 2018)."""

    def correct(outputs: Outputs) -> Tensor:
        return outputs.logits.argmax(1) == outputs.labels

    return _answers(correct, evidence)


def label_alone(evidence: Evidence) -> _Answers:
    """Answer "member" where the class is more frequent among the known members than among the known non-members."""
    classes = evidence.known_members.logits.shape[1]
    known = (evidence.known_members.labels, evidence.known_nonmembers.labels)
    shares = [torch.bincount(labels, minlength=classes).double() / len(labels) for labels in known]
    return _answers(lambda outputs: (shares[0] > shares[1])[outputs.labels], evidence)


def _answers(rule: Callable[[Outputs], Tensor], evidence: Evidence) -> _Answers:
    members, nonmembers = (
        rule(part).double().cpu().numpy() for part in (evidence.judged_members, evidence.judged_nonmembers)
    )
    return members, nonmembers


TRIVIAL: dict[str, Callable[[Evidence], _Answers]] = {"the gap attack": gap, "the label alone": label_alone}
