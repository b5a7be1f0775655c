"""Inversion attacks against victims whose inversion is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from inversion_toys import FIT, Constant, Noise, Recording, pictures, victim
from torch import Tensor, nn

from privprune.attacks.inversion import INVERSIONS, Inversion, Reconstruction, ThreatModel
from privprune.metrics.image_quality import mse
from privprune.settings import read
from privprune.training.batches import as_input

DECODER = {
    "attacker_data": "train",
    "blocks": 0,
    "width": 16,
    "queries": 1,
    "start": "fresh",
    "rescale": False,
    "fit": FIT,
}
RMLE = {"steps": 80, "learning_rate": 0.05, "total_variation": 0.0, "queries": 1}
PRIOR = {"images": 2, "blocks": 0, "width": 16, "steps": 120, "learning_rate": 0.02, "queries": 1}
GAN = {
    "attacker_data": "train",
    "blocks": 0,
    "width": 8,
    "queries": 1,
    "epochs": 12,
    "batch": 10,
    "critic_learning_rate": 0.002,
    "generator_learning_rate": 0.01,
    "schedule": FIT["schedule"],
    "critic_steps": 2,
    "penalty": 10.0,
    "mse_weight": 1500.0,
    "leaked_start": None,
}
SETTINGS: dict[str, dict[str, Any]] = {"decoder": DECODER, "rmle": RMLE, "deep_prior": PRIOR, "gan": GAN}


def built(name: str, **changed: Any) -> Inversion:
    """Build an attack."""
    kind, attack = INVERSIONS[name]
    made: Inversion = attack(read(kind, {**SETTINGS[name], **changed}, "test"))
    return made


def inverted(attack: Inversion, against: ThreatModel, seed: int = 0) -> Reconstruction:
    """Run an attack."""
    return attack(against, torch.Generator().manual_seed(seed))


def error(attack: Inversion, against: ThreatModel) -> float:
    """Return the mean squared error of an attack."""
    return float(mse(inverted(attack, against).images, against.targets(against.scored)).mean())


def spread(against: ThreatModel) -> float:
    """Return the mean squared distance of the scored images from the mean of the known ones."""
    mean = against.targets(against.known).mean(0)
    return float((against.targets(against.scored) - mean).square().mean())


@pytest.mark.parametrize("name", list(SETTINGS))
def test_images_have_the_right_shape_and_range(name: str) -> None:
    """Every attack gives one image in [0, 1] per scored record, and finite curves of equal length."""
    short = {"decoder": {"fit": {**FIT, "epochs": 1}}, "gan": {"epochs": 1}}.get(name, {"steps": 2})
    against = victim(nn.AvgPool2d(2), scored=torch.arange(100, 103))
    found = inverted(built(name, **short), against)
    assert found.images.shape == (3, 3, 8, 8)
    assert found.images.dtype == torch.float32
    assert 0 <= found.images.min() <= found.images.max() <= 1
    assert len({len(curve) for curve in found.history.values()}) <= 1
    assert torch.tensor(list(found.history.values())).isfinite().all()


@pytest.mark.parametrize(("name", "most"), [("decoder", 0.002), ("rmle", 1e-5), ("deep_prior", 0.004), ("gan", 0.01)])
def test_what_is_sent_whole_is_inverted(name: str, most: float) -> None:
    """A victim that sends the image itself is inverted, far better than by the mean image (0.05)."""
    against = victim(scored=torch.arange(100, 102)) if name == "deep_prior" else victim()
    assert spread(against) > 0.03
    assert error(built(name), against) < most


@pytest.mark.parametrize("name", ["decoder", "gan"])
def test_what_is_not_sent_is_not_inverted(name: str) -> None:
    """Against features that say nothing a trained attacker is left with the mean image, and about its error."""
    against = victim(Constant())
    assert error(built(name), against) == pytest.approx(spread(against), rel=0.15)


def test_rmle_without_a_signal_stays_grey() -> None:
    """Without a gradient nothing moves but for the little noise at the start."""
    assert (inverted(built("rmle"), victim(Constant())).images - 0.5).abs().max() < 0.06


def test_rmle_leaves_the_grey_where_networks_have_no_gradient() -> None:
    """An image of zeros has no gradient through a ReLU; the attack starts beside it."""

    class Halves(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.cat([images.relu(), (-images).relu()], dim=1)

    assert error(built("rmle"), victim(Halves())) < 1e-4


def test_total_variation_smooths() -> None:
    """The larger its weight, the smoother the image."""
    images = [inverted(built("rmle", total_variation=weight), victim()).images for weight in (0.0, 10.0, 30.0)]
    rough = [float(one.diff(dim=2).square().mean()) for one in images]
    assert rough[0] > 1.3 * rough[1]
    assert rough[1] > 1.3 * rough[2]


def test_the_weight_of_total_variation_does_not_hang_on_the_features_scale() -> None:
    """Features a hundred times smaller give the same images."""

    class Faint(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return 0.01 * images + 5

    images = [inverted(built("rmle", total_variation=1.0), victim(encoder)).images for encoder in (None, Faint())]
    assert torch.allclose(*images, atol=0.01)


@pytest.mark.parametrize("name", ["decoder", "rmle", "deep_prior"])
def test_averaging_queries_lowers_the_error(name: str) -> None:
    """Where the wire is noisy, sixteen answers with one image say more than one."""
    scored = torch.arange(100, 101) if name == "deep_prior" else torch.arange(100, 120)
    short = {"fit": {**FIT, "epochs": 10}} if name == "decoder" else {}
    errors = [error(built(name, queries=queries, **short), victim(wire=Noise(), scored=scored)) for queries in (1, 16)]
    assert errors[1] < 0.7 * errors[0]


def test_queries_are_not_spent_on_a_wire_without_randomness() -> None:
    """They change nothing where every answer is the same."""
    images = [inverted(built("rmle", queries=queries, steps=3), victim()).images for queries in (1, 5)]
    assert torch.equal(*images)


def test_the_mean_of_queries_is_their_mean() -> None:
    """The deviation of the mean of 16 answers is a quarter of one answer's."""
    against = victim(wire=Noise())
    features = torch.zeros(100, 3, 8, 8)
    assert against.sent(features, 1).std().item() == pytest.approx(0.5, rel=0.03)
    assert against.sent(features, 16).std().item() == pytest.approx(0.125, rel=0.03)


def test_gradient_attacks_know_what_dropping_does() -> None:
    """A wire that lets a share of each feature through is inverted as well as one that lets it all through."""

    class Dropping(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return 0.6 * features

    aware, unaware = (error(built("rmle"), victim(wire=Dropping(), share=share)) for share in (0.6, 1.0))
    assert aware < 1e-5
    assert unaware > 0.01


@pytest.mark.parametrize("name", ["decoder", "gan"])
def test_an_attacker_sees_no_scored_image_while_training(name: str) -> None:
    """Of the images that go through the edge before he is done, none is one that he is scored on."""
    encoder = Recording()
    against = victim(encoder)
    short = {"decoder": {"fit": {**FIT, "epochs": 1}}, "gan": {"epochs": 1}}[name]
    inverted(built(name, **short), against)
    seen = torch.stack(encoder.seen[:-20])  # the last twenty are what the victim sends
    scored = as_input(against.images[against.scored])
    assert len(seen) >= 100
    assert not any((seen == one).flatten(1).all(1).any() for one in scored)


def test_the_leak_is_the_released_one() -> None:
    """With `leaked_start` the generator has seen the leaked records first; without, never."""
    for start, leaked in (({**FIT, "epochs": 1}, True), (None, False)):
        encoder = Recording()
        against = victim(encoder, known=torch.arange(50))
        inverted(built("gan", epochs=1, leaked_start=start), against)
        seen = torch.stack(encoder.seen[:-20])
        first = as_input(against.images[against.leak[:1]])
        assert bool((seen == first).flatten(1).all(1).any()) == leaked


@pytest.mark.parametrize("name", list(SETTINGS))
def test_equal_generators_give_equal_images(name: str) -> None:
    """The generator is the only source of randomness, whatever the global state."""
    short = {"decoder": {"fit": {**FIT, "epochs": 1}}, "gan": {"epochs": 1}}.get(name, {"steps": 2})
    against = victim(nn.AvgPool2d(2), scored=torch.arange(100, 102))
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(found))
        found.append(inverted(built(name, **short), against, seed).images)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_features_that_are_not_kept_give_the_same_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding batch by batch, where memory is short, changes nothing but speed."""
    attack = built("decoder", fit={**FIT, "epochs": 2})
    kept = inverted(attack, victim(nn.AvgPool2d(2))).images
    monkeypatch.setattr("privprune.attacks.inversion.threat_model._STORED", 0)
    assert torch.equal(inverted(attack, victim(nn.AvgPool2d(2))).images, kept)


@pytest.mark.parametrize("name", ["decoder", "gan"])
def test_features_that_cannot_be_matched_are_refused(name: str) -> None:
    """Attacks that decode say so in one line; gradient attacks take any features."""
    with pytest.raises(ValueError, match="a bottleneck the decoder cannot match"):
        built(name).check((8, 3, 3), (3, 8, 8))
    built("rmle").check((5,), (3, 8, 8))


def test_bfloat16_is_near_float32() -> None:
    """Half the precision costs little."""
    against = victim(nn.AvgPool2d(2))
    errors = [
        error(built("decoder", fit={**FIT, "epochs": 8, "precision": precision}), against)
        for precision in ("float32", "bfloat16")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.25)


@pytest.mark.parametrize("size", [28, 48, 64])
def test_larger_images_too(size: int) -> None:
    """Maps of a quarter of 28, 48 and 64 pixels are decoded and criticised."""
    images = pictures(12, size)
    against = victim(nn.AvgPool2d(4), images=images, known=torch.arange(10), scored=torch.arange(10, 12))
    against = ThreatModel(**{**vars(against), "leak": torch.arange(10)})
    for name, short in (("decoder", {"fit": {**FIT, "epochs": 1}}), ("gan", {"epochs": 1})):
        assert inverted(built(name, **short), against).images.shape == (2, 3, size, size)
