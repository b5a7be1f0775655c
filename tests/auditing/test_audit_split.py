"""Laws of an audit of features: what a known edge reveals, what is left alone, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import privprune
from privprune.auditing import SplitSettings, audit_split
from privprune.auditing.edge import divide_images
from privprune.auditing.menu import INVERSIONS
from privprune.errors import UserError

QUICK = SplitSettings(images=20, resamples=200, shown=3, attacks={"lmmse": INVERSIONS["lmmse"]})
RMLE = {**INVERSIONS["rmle"], "steps": 100, "total_variation": 0.0}


def images(count: int = 100, side: int = 4) -> Tensor:
    """Return independent pixels from 0 to 1, in steps of a byte: float [n, 1, side, side]."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 1, side, side), generator=draw).float() / 255


class Edge(nn.Module):
    """Sends what a function makes of the images, and keeps what it was given."""

    def __init__(self, sent: Any) -> None:
        super().__init__()
        self.sent, self.given = sent, list[Tensor]()
        self.dropout = nn.Dropout()

    def forward(self, given: Tensor) -> Tensor:
        """Send."""
        self.given.append(given.detach().clone())
        found: Tensor = self.sent(self.dropout(given))
        return found


def same(given: Tensor) -> Tensor:
    """Send the image itself."""
    return given


@pytest.mark.slow
def test_an_edge_that_sends_the_image_hides_nothing() -> None:
    """All three attacks reconstruct the image, and converge; the mean image does not."""
    attacks = {**INVERSIONS, "rmle": RMLE}
    result = privprune.audit_split(Edge(same), images(300), settings=replace(QUICK, attacks=attacks)).result
    errors = {one.label: one.measures["mse"].mean for one in result.attacks}
    assert errors.keys() == {"mean_image", *INVERSIONS}
    variance = 1 / 12
    assert errors["mean_image"] == pytest.approx(variance, rel=0.2)
    assert errors["lmmse"] < 1e-4
    assert errors["rmle"] < 1e-3
    assert errors["decoder"] < variance / 5
    assert result.strongest == "lmmse"
    assert {one.name for one in result.attack("rmle").checks} >= {"converged", "not beaten by the mean image"}


def test_an_edge_that_sends_nothing_leaves_the_mean_image() -> None:
    """No attack on constant features beats the control beside it."""
    report = audit_split(Edge(lambda given: given * 0), images(), settings=QUICK)
    result = report.result
    mean, best = (result.attack(label).measures["mse"] for label in ("mean_image", "lmmse"))
    assert mean.low <= best.mean <= mean.high
    assert result.attack("mean_image").control
    assert result.strongest == "lmmse"
    assert "mean image" in str(report)


def test_known_scored_and_selection_images_are_disjoint() -> None:
    """No image is in two parts, the attacker has the declared share, and at most so many are scored."""
    divided = divide_images(100, QUICK, 0)
    parts = (divided.known, divided.scored, divided.selection)
    assert [len(part) for part in parts] == [70, 20, 4]
    assert len(torch.cat(parts).unique()) == 94
    assert [len(part) for part in vars(divide_images(20, QUICK, 0)).values()] == [14, 5, 1]


def test_the_edge_is_given_prepared_images_and_left_as_it_was() -> None:
    """It gets what `prepare` makes of values from 0 to 1, in evaluation mode; modes and random state do not change."""
    edge = Edge(same)
    edge.train()
    edge.dropout.eval()
    state = torch.get_rng_state()
    audit_split(edge, images(), prepare=lambda given: 10 + given, settings=QUICK)
    given = torch.cat(edge.given)
    assert float(given.min()) >= 10 - 1e-5
    assert float(given.max()) <= 11 + 1e-5
    assert (edge.training, edge.dropout.training) == (True, False)
    assert torch.equal(state, torch.get_rng_state())


def test_a_random_edge_is_seen_as_random_and_can_be_averaged() -> None:
    """Noise of the global generator depends on the seed; more transmissions of an image reveal more of it."""
    edge = Edge(lambda given: given + 0.5 * torch.randn_like(given))
    few, again, many = (
        audit_split(edge, images(), settings=replace(QUICK, queries=queries)).result for queries in (1, 1, 30)
    )
    assert few.random
    assert few.as_record() == again.as_record()
    assert many.attack("lmmse").measures["mse"].high < few.attack("lmmse").measures["mse"].low


def test_more_queries_of_an_edge_that_is_not_random_are_refused() -> None:
    """An option that would do nothing is a mistake."""
    with pytest.raises(UserError, match="queries: found 2 with an edge that is not random, allowed 1"):
        audit_split(Edge(same), images(), settings=replace(QUICK, queries=2))


def test_attacks_that_cannot_invert_the_features_are_listed_with_why() -> None:
    """RMLE needs a gradient, and a decoder square maps; LMMSE needs neither."""
    edge = Edge(lambda given: (given > 0.5).float().flatten(2).flatten(1, 2)[:, :, None, None].expand(-1, -1, 1, 2))
    attacks = {**INVERSIONS, "rmle": RMLE}
    result = audit_split(edge, images(), settings=replace(QUICK, attacks=attacks)).result
    assert result.not_run.keys() == {"decoder", "rmle"}
    assert "gradient" in result.not_run["rmle"]
    assert "bottleneck the decoder cannot match" in result.not_run["decoder"]


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path) -> None:
    """Page and record depend on edge, images, settings and seed alone, whatever the form of the images."""
    pixels = images()
    forms = (pixels, (pixels * 255).round().to(torch.uint8), TensorDataset(pixels, torch.zeros(len(pixels))))
    for number, form in enumerate(forms):
        audit_split(Edge(same), form, settings=QUICK).write(tmp_path / str(number))
    for file in ("audit.html", "audit.json"):
        assert len({(tmp_path / str(number) / file).read_bytes() for number in range(len(forms))}) == 1
    assert "data:image/png;base64," in (tmp_path / "0" / "audit.html").read_text(encoding="utf-8")


def test_twice_the_budget_is_checked_where_asked() -> None:
    """With `twice`, attacks that have steps or epochs have a check more."""
    settings = replace(QUICK, twice=True, attacks={"lmmse": INVERSIONS["lmmse"], "rmle": {**RMLE, "steps": 10}})
    result = audit_split(Edge(same), images(), settings=settings).result
    names = {one.label: {check.name for check in one.checks} for one in result.attacks}
    assert any("twice the budget" in name for name in names["rmle"])
    assert not any("twice the budget" in name for name in names["lmmse"])


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no module": ({"edge": len}, "edge: found 'builtin_function_or_method'"),
    "no images": ({"images": torch.zeros(30, 4)}, r"images: found \(30, 4\), allowed a Dataset, or a tensor"),
    "few": ({"images": images(19)}, "images: found 19, allowed at least 20"),
    "normalised": ({"images": images() * 2 - 1}, "images: found torch.float32 from -1 to 1, .* belongs into `prepare`"),
    "a list": ({"edge": Edge(lambda given: [given])}, "edge: sends <class 'list'>"),
    "integers": ({"edge": Edge(lambda given: given.long())}, "edge: sends torch.int64"),
    "another number": ({"edge": Edge(lambda given: given[:1].repeat(3, 1, 1, 1))}, "edge: sends 3 features of"),
    "NaN": ({"edge": Edge(lambda given: given / 0)}, "edge: sends NaN or infinity"),
    "a seed that is no integer": ({"seed": 0.5}, "seed: found 0.5, allowed an integer"),
    "settings": (
        {"settings": replace(QUICK, attacks={"mine": {"attack": "no_such"}})},
        "attacks.mine.attack: found 'no_such'",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_missing_or_odd_is_one_line(case: str) -> None:
    """Each mistake is a UserError that says what was found and what is allowed."""
    changed, message = REFUSALS[case]
    given = {"edge": Edge(same), "images": images(), "settings": QUICK, **changed}
    with pytest.raises(UserError, match=f"^{message}"):
        audit_split(given.pop("edge"), given.pop("images"), **given)
