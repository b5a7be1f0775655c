"""CEM: conditional-entropy maximisation (Xia et al., CVPR 2025, arXiv 2503.00383), as written and as released.

The loss is small where features of different images lie close to each other compared with the noise on the wire, so
that what is sent tells little of which image it was. It is added to the loss of any other defence of the cut, in the
same backward pass: as L_C moves the edge's weights only, the two passes of the released code give the same gradients.
"""

from __future__ import annotations

from dataclasses import replace

from privprune.defences.cem.settings import AsReleasedSettings, AsWrittenSettings, CemSettings
from privprune.defences.cem.term import Cem
from privprune.defences.defence import Defence, DefenceContext
from privprune.models import CutSettings


def needs_noise(cut: CutSettings | None) -> float:
    """Return the standard deviation of the noise on a network's wire.

    Raises:
        ValueError: there is no cut or no noise, without which H(x|z) is minus infinity whatever CEM does.

    """
    if cut is None:
        raise ValueError("cem: found a whole network, allowed one with network.cut")
    if not cut.wire.noise_deviation:
        raise ValueError(f"cem: found the wire {cut.wire.name} without noise, allowed one with noise such as gaussian")
    return cut.wire.noise_deviation


def cem(settings: CemSettings, context: DefenceContext, base: Defence) -> Defence:
    """Add CEM to a base defence.

    Raises:
        ValueError: there is no noise on the wire, or there are fewer records than clusters.

    """
    deviation = needs_noise(context.cut)
    if len(context.generators) != 1:
        raise ValueError("cem: found several networks side by side, allowed stack: 1")
    _check_records(settings, context)
    return replace(base, terms=(*base.terms, Cem(settings, context, deviation)))


def _check_records(settings: CemSettings, context: DefenceContext) -> None:
    """Refuse to cluster fewer records than clusters."""
    each = settings.form.clusters_per_class
    labels = context.labels[context.members[0]]
    if isinstance(settings.form, AsReleasedSettings):
        least, needed = int(labels.bincount(minlength=context.classes).min()), each
    else:
        least, needed = len(labels), each * context.classes
    if least < needed:
        raise ValueError(f"cem: found {least} records for {needed} clusters, allowed at least as many")


__all__ = ["AsReleasedSettings", "AsWrittenSettings", "Cem", "CemSettings", "cem", "needs_noise"]
