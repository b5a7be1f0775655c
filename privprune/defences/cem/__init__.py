"""CEM: conditional-entropy maximisation (Xia et al., CVPR 2025, arXiv 2503.00383), as written and as released.

The loss is small where features of different images are close to each other compared with the noise on the wire, so
that what is sent reveals little about which image it was. It can be added to any other defence of features at the cut,
in the same backward pass: as L_C depends on the edge's weights only, the gradients are those of the two separate
backward passes of the released code.

Equation 7 of the paper is in `as_written.py`.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from privprune.checks import Check
from privprune.defences.cem.form import FORMS
from privprune.defences.cem.settings import CemSettings
from privprune.defences.cem.term import SHARE, Cem
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.gradient_share import share_check
from privprune.defences.method import DefenceMethod, DefendedCell, check_weight
from privprune.defences.registry import DEFENCES, build_defence, surrogate_of
from privprune.models import CutSettings
from privprune.training.trained import Trained


def needs_noise(cut: CutSettings | None) -> float:
    """Return the standard deviation of the noise on a network's wire.

    Raises:
        ValueError: there is no cut, or no noise; without noise H(x|z) is minus infinity, and CEM cannot change it.

    """
    if cut is None:
        raise ValueError("cem: found a whole network, allowed one with network.cut")
    if not cut.wire.noise_deviation:
        raise ValueError(f"cem: found the wire {cut.wire.name} without noise, allowed one with noise such as gaussian")
    return cut.wire.noise_deviation


def check_cem(settings: CemSettings, cell: DefendedCell) -> None:
    """Check that there is noise on the wire, that the term has a weight, and the settings of the base defence.

    Raises:
        ValueError: names the key and what does not fit.

    """
    needs_noise(cell.cut)
    check_weight("weight", settings.weight)
    _check_clusters(settings, torch.arange(cell.records) % cell.classes, cell.classes)  # at best, classes are equal
    if settings.base is not None:
        DEFENCES[settings.base.name].check(settings.base, cell)


def _check_clusters(settings: CemSettings, labels: Tensor, classes: int) -> None:
    """Refuse more clusters than records: ValueError, one line."""
    records, clusters = FORMS[settings.form.name].records_and_clusters(settings.form, labels, classes)
    if records < clusters:
        raise ValueError(
            f"form.clusters_per_class: found {records} records for {clusters} clusters, allowed at least as many"
        )


def checks(settings: CemSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that the term has a pull on the edge, and the base defence.

    L_C itself may rise while it is minimised, since each epoch fits another mixture, and falls without it as the task
    draws the features of a class together; what says that the term took part is its share in the gradient.
    """
    moves = share_check("its term moves", trained, SHARE, "the term on the parameters of the edge")
    base = () if settings.base is None else DEFENCES[settings.base.name].checks(settings.base, trained)
    return (moves, *base)


def cem(settings: CemSettings, context: DefenceContext, base: Defence) -> Defence:
    """Add CEM to a base defence.

    Raises:
        ValueError: there is no noise on the wire, or there are fewer records than clusters.

    """
    deviation = needs_noise(context.cut)
    if len(context.generators) != 1:
        raise ValueError("cem: found several networks side by side, allowed stack: 1")
    _check_clusters(settings, context.labels[context.members[0]], context.classes)
    return replace(base, terms=(*base.terms, Cem(settings, context, deviation)))


def _build(settings: CemSettings, context: DefenceContext) -> Defence:
    """Build the base defence, and add CEM to it."""
    base = Defence() if settings.base is None else build_defence(settings.base, context)
    return cem(settings, context, base)


_EXAMPLE = {"name": "cem", "weight": 1.0, "weight_schedule": "constant", "refit": {"name": "collected"}, "base": None}
_AS_RELEASED = {
    "name": "as_released",
    "clusters_per_class": 2,
    "floor": 0.01,
    "threshold": 0.125,
    "batch_factor": 10,
    "batch_cap": 0.99,
    "slips": [],
}
METHOD = DefenceMethod(
    settings=CemSettings,
    build=_build,
    needs=frozenset({"cut"}),
    check=check_cem,
    checks=checks,
    surrogate=lambda settings: surrogate_of(settings.base),
    parts=(FORMS,),
    imports=("sklearn.cluster",),
    examples=(
        {**_EXAMPLE, "form": _AS_RELEASED},
        {**_EXAMPLE, "form": {"name": "as_written", "clusters_per_class": 1, "covariance": "full"}},
    ),
)

__all__ = ["METHOD", "Cem", "CemSettings", "cem", "check_cem", "needs_noise"]
