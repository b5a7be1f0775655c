"""Attacks that have the name of a paper's attack and another network: smaller suites cannot train the paper's."""

from __future__ import annotations

from collections.abc import Iterable

from privprune.published import attack_label
from privprune.verdicts.measured_cells import MeasuredCell

_PRINTED, _OURS = "decoder_", "sub_pixel_decoder"  # the papers' labels; the attack with a network of ours


def other_networks(cells: Iterable[MeasuredCell]) -> str:
    """Return a sentence about the decoders of cells that are not the papers'; empty where all are."""
    attacks = {attack: one.run.settings.get("attack") for cell in cells for attack, one in cell.inversions.items()}
    others = sorted(attack for attack, kind in attacks.items() if attack.startswith(_PRINTED) and kind == _OURS)
    if not others:
        return ""
    names = ", ".join(map(attack_label, others))
    return f"{names}: a small network of ours, which converges on this machine, in place of the papers' decoder."
