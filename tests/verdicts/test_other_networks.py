"""Where a suite trains another decoder than the papers', the report says which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from privprune.verdicts import MeasuredCell, other_networks

PAPERS = {"attack": "decoder", "blocks": 8, "width": 64}
SMALL = {"attack": "decoder", "blocks": 4, "width": 32}
OURS = {"attack": "sub_pixel_decoder", "blocks": 1, "width": 32}
TOLD = (
    "Decoder (infer), Decoder (train): 4 blocks of 32 channels; Larger decoder (train): 8 blocks of 64 channels. "
    "The decoder of CEM's paper has 8 blocks of 64 channels."
)


def cell(**attacks: dict[str, Any]) -> MeasuredCell:
    """Return a cell with inversions of these settings, and nothing else."""
    runs = {label: SimpleNamespace(run=SimpleNamespace(settings=settings)) for label, settings in attacks.items()}
    return cast("MeasuredCell", SimpleNamespace(inversions=runs))


@pytest.mark.parametrize(
    ("attacks", "words"),
    [
        ({"decoder_train": PAPERS, "large_decoder_train": PAPERS | {"blocks": 16}}, ""),
        ({"lmmse": {"attack": "lmmse"}}, ""),
        (
            {"decoder_train": SMALL, "decoder_infer": SMALL, "large_decoder_train": PAPERS},
            TOLD,
        ),
    ],
)
def test_sizes_are_told_where_they_are_not_printed(attacks: dict[str, dict[str, Any]], words: str) -> None:
    """Decoders of the papers' size need no word, smaller ones are named with their sizes."""
    assert other_networks([cell(**attacks)]) == words


def test_a_decoder_of_ours_is_told() -> None:
    """A network of another kind is named as ours, whatever else was run on other cells."""
    told = other_networks([cell(decoder_train=OURS), cell(decoder_train=SMALL), cell(decoder_infer=PAPERS)])

    assert told.startswith("Decoder (train): a small network of ours")
    assert "Decoder (infer): 8 blocks of 64 channels; Decoder (train): 4 blocks of 32 channels." in told
