"""Attacks that have the name of a paper's attack and another network: smaller suites cannot train the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from privprune.published import attack_label
from privprune.verdicts.measured_cells import MeasuredCell

_DECODER, _LARGE = "decoder_", "large_decoder_"  # the labels of the papers' decoder, and of one that is to be stronger
_PRINTED, _OURS = "decoder", "sub_pixel_decoder"  # kinds of attack: the papers' network, and one of ours
_SIZE = "8 blocks of 64 channels"  # of the decoder in CEM's paper and code, 711,539 parameters

_Runs = Mapping[str, set[str]]  # label of an attack -> how it was built on the cells


def other_networks(cells: Iterable[MeasuredCell]) -> str:
    """Return a sentence or two about the decoders of cells that are not the papers'; empty where all are."""
    built: dict[str, set[str]] = {}
    for cell in cells:
        for label, one in cell.inversions.items():
            if label.startswith((_DECODER, _LARGE)) and (network := _built(one.run.settings)):
                built.setdefault(label, set()).add(network)
    return " ".join(filter(None, (_of_ours(built), _sizes(built))))


def _built(settings: Mapping[str, object]) -> str:
    """Return the size of a decoder of the papers' kind, the kind of ours; empty where a record does not say."""
    if settings.get("attack") == _PRINTED and "blocks" in settings:
        return f"{settings['blocks'] or 'no'} blocks of {settings.get('width')} channels"
    return _OURS if settings.get("attack") == _OURS else ""


def _of_ours(built: _Runs) -> str:
    names = ", ".join(attack_label(label) for label in sorted(built) if _OURS in built[label])
    told = f"{names}: a small network of ours, which converges on this machine, in place of the papers' decoder."
    return told if names else ""


def _sizes(built: _Runs) -> str:
    """Return the sizes of decoders of the papers' kind, where one with their name has another size."""
    sizes = {label: " or ".join(sorted(found - {_OURS})) for label, found in sorted(built.items()) if found - {_OURS}}
    if all(size == _SIZE for label, size in sizes.items() if label.startswith(_DECODER)):
        return ""
    told = [
        f"{', '.join(attack_label(label) for label in sizes if sizes[label] == size)}: {size}"
        for size in dict.fromkeys(sizes.values())
    ]
    return f"{'; '.join(told)}. The decoder of CEM's paper has {_SIZE}."
