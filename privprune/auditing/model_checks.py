"""Checks of the audited model, its records and its shadow models: what must hold before an attack says anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from privprune.attacks.membership import Outputs
from privprune.auditing.answers import Answers
from privprune.auditing.menu import CONTROL
from privprune.auditing.results import AttackResult, Share
from privprune.checks import Check, check, not_computed
from privprune.metrics.intervals import Array, bootstrap_of_means
from privprune.metrics.ranks import difference_of_areas
from privprune.randomness import Purpose, numpy_generator

LARGEST_DIFFERENCE = 0.1  # ours: of accuracies, between the model and its shadow models
_NORMAL = 1.96  # standard errors of a 95 % interval


def accuracies(answers: Answers, resamples: int, seed: int) -> Mapping[str, Share]:
    """Measure how many members and non-members are classified correctly, and the gap between the two.

    The interval of the gap is normal, with the standard error of DeLong et al. for paired decisions: right or wrong
    against a constant.
    """
    right = {"members": _right(answers.of_members()), "nonmembers": _right(answers.of_nonmembers())}
    found: dict[str, Share] = {}
    for name, values in right.items():
        draws = numpy_generator(seed, Purpose.MEMBERSHIP_ATTACK, "accuracy", name)
        interval = bootstrap_of_means([values], resamples, draws)
        found[name] = Share(interval.mean, interval.low, interval.high)
    constant = (np.zeros_like(right["members"]), np.zeros_like(right["nonmembers"]))
    half, error = difference_of_areas((right["members"], right["nonmembers"]), constant)
    gap, reach = 2 * half, 2 * _NORMAL * error
    found["gap"] = Share(gap, max(-1.0, gap - reach), min(1.0, gap + reach))
    return found


def model_checks(answers: Answers, attacks: Sequence[AttackResult]) -> tuple[Check, ...]:
    """Check the model, its records, and its shadow models where there are some."""
    shadows = () if answers.shadows is None else (_like_the_model(answers),)
    return (_knows_its_classes(answers), _labels_say_nothing(attacks), *shadows)


def _right(outputs: Outputs) -> Array:
    """Return for each record whether its class is the predicted one: 0 or 1."""
    found: Array = (outputs.logits.argmax(1) == outputs.labels).double().numpy()
    return found


def _knows_its_classes(answers: Answers) -> Check:
    """Check that the model knows its own training records better than a constant answer: labels are in its order."""
    labels = answers.of_members().labels
    constant = float(torch.bincount(labels).max()) / len(labels)
    reason = "accuracy on members; the bound is the share of their most frequent class"
    return check("knows its classes", [float(_right(answers.of_members()).mean())], "above", constant, reason)


def _labels_say_nothing(attacks: Sequence[AttackResult]) -> Check:
    """Check that members and non-members do not differ in their classes already, which attacks would see too."""
    name = "classes do not tell members"
    control = next((one for one in attacks if one.settings["attack"] == CONTROL), None)
    if control is None:
        return not_computed(name, "at most", 0.5, f"could not be computed: the control {CONTROL} was not run")
    reason = f"lower end of the interval of the area that {CONTROL} reaches, which never asks the model"
    return check(name, [control.measured.metrics["auc"].low], "at most", 0.5, reason)


def _like_the_model(answers: Answers) -> Check:
    """Check that shadow models are as accurate as the model, on records that they know and on others."""
    assert answers.shadows is not None  # noqa: S101 (checked by the caller)
    shadows = answers.shadows
    right = torch.stack([(logits.argmax(1) == shadows.labels).double() for logits in shadows.logits])
    known = [float(own[members].mean()) for own, members in zip(right, shadows.members, strict=True) if members.any()]
    others = [float(own[~members].mean()) for own, members in zip(right, shadows.members, strict=True)]
    own = (float(_right(answers.of_members()).mean()), float(_right(answers.of_nonmembers()).mean()))
    pairs = ((known, own[0]), (others, own[1]))
    differences = [abs(float(np.mean(shadow)) - value) for shadow, value in pairs]
    reason = "difference of accuracy between the model and the mean of its shadow models, on members and on others"
    return check("shadow models are like the model", differences, "at most", LARGEST_DIFFERENCE, reason)
