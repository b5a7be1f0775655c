"""The first screen of the page of an audit: the answer, and a figure of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from audit_toys import QUICK, memorising
from torch import nn

from privprune.auditing import SplitSettings, audit, audit_split
from privprune.auditing.menu import INVERSIONS

FEATURES = SplitSettings(images=20, resamples=200, shown=3, attacks={"lmmse": INVERSIONS["lmmse"]})


def header(page: str) -> str:
    """Return what stands above the contents."""
    above, found, _ = page.partition("</header>")
    assert found
    return above


def test_the_first_screen_has_the_curve_of_the_strongest_attack() -> None:
    """The header has one figure beside the answer, and it is that of the strongest attack."""
    model, members, nonmembers = memorising()
    report = audit(model, members, nonmembers, settings=QUICK)
    above = header(report.html())
    assert above.count("<img ") == 1
    assert f'alt="{report.result.strongest} AUC ' in above


def test_an_audit_without_an_attack_has_no_figure_above() -> None:
    """Where nothing but a control could be run, the header has words only."""
    model, members, nonmembers = memorising()
    control = {label: given for label, given in QUICK.attacks.items() if given["attack"] == "random_scores"}
    control = control or {"random_scores": {"attack": "random_scores"}}
    report = audit(model, members, nonmembers, settings=replace(QUICK, attacks=control))
    above = header(report.html())
    assert report.result.strongest is None
    assert "<img " not in above


def test_the_first_screen_shows_what_was_reconstructed() -> None:
    """The header of an audit of features has the images; images that cannot be shown leave it out."""
    images = torch.randint(256, (60, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float() / 255
    assert "data:image/png" in header(audit_split(nn.Flatten(), images, settings=FEATURES).html())
    five = images.repeat(1, 5, 1, 1)
    assert "<img " not in audit_split(nn.Flatten(), five, settings=FEATURES).html()
