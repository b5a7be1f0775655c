"""Inversion attacks against threat models whose inversion is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from inversion_toys import FIT, Constant, Noise, Recording, pictures, threat_model
from torch import Tensor, nn

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion, Reconstruction, ThreatModel
from privprune.metrics.image_quality import mse
from privprune.training.batches import as_input

EXAMPLE_LAYER = {"channels": 3, "kernel": 3, "stride": 1, "padding": 1, "output_padding": 0}
LONGER: dict[str, dict[str, Any]] = {  # training that is long enough for an attack to succeed
    "decoder": {"queries": 1, "fit": FIT},
    "class_decoder": {"queries": 1, "fit": FIT},
    "lmmse": {"queries": 1},
    "mean_image": {},
    "rmle": {"queries": 1, "steps": 80, "total_variation": 0.0},
    "deep_prior": {"queries": 1, "steps": 120},
    "gan": {"epochs": 12},
    "sub_pixel_decoder": {"queries": 1, "fit": FIT},
    "inverse_network": {"fit": FIT, "layers": [{**EXAMPLE_LAYER, "channels": 8}, EXAMPLE_LAYER]},  # of whole images
}
EXAMPLES = [example for method in INVERSION_ATTACKS.values() for example in method.examples]
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["attack"])


def built(name: str, **changed: Any) -> Inversion:
    """Build an attack with training that is long enough, or changed settings."""
    settings = {**INVERSION_ATTACKS[name].examples[0], **LONGER[name], **changed}
    return build_attack(INVERSION_ATTACKS, settings, "test")


def inverted(attack: Inversion, against: ThreatModel, seed: int = 0) -> Reconstruction:
    """Run an attack."""
    return attack(against, torch.Generator().manual_seed(seed))


def error(attack: Inversion, against: ThreatModel) -> float:
    """Return the mean squared error of an attack."""
    return float(mse(inverted(attack, against).images, against.targets(against.scored)).mean())


def spread(against: ThreatModel) -> float:
    """Return the mean squared distance of the scored images from the mean of the auxiliary ones."""
    mean = against.targets(against.auxiliary).mean(0)
    return float((against.targets(against.scored) - mean).square().mean())


@pytest.mark.parametrize("name", list(INVERSION_ATTACKS))
def test_every_attack_brings_examples(name: str) -> None:
    """Each has at least one, of its own name, so that the laws below are tested on it."""
    examples = INVERSION_ATTACKS[name].examples
    assert examples
    assert all(example["attack"] == name for example in examples)


@every_example
def test_images_have_the_right_shape_and_range(example: Mapping[str, object]) -> None:
    """Every attack gives one image in [0, 1] per scored record, and finite curves of equal length."""
    attack = build_attack(INVERSION_ATTACKS, example, "test")
    attack.check((3, 4, 4), (3, 8, 8))
    found = inverted(attack, threat_model(nn.AvgPool2d(2), Noise(), scored=torch.arange(100, 102)))
    assert found.images.shape == (2, 3, 8, 8)
    assert found.images.dtype == torch.float32
    assert 0 <= found.images.min() <= found.images.max() <= 1
    assert len({len(curve) for curve in found.history.values()}) <= 1
    assert torch.tensor(list(found.history.values())).isfinite().all()


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("decoder", 0.002),
        ("class_decoder", 0.003),
        ("sub_pixel_decoder", 0.006),
        ("lmmse", 5e-4),
        ("rmle", 1e-5),
        ("deep_prior", 0.004),
        ("gan", 0.01),
    ],
)
def test_what_is_sent_whole_is_inverted(name: str, most: float) -> None:
    """Where the image itself is transmitted it is reconstructed, far better than by the mean image (0.05)."""
    against = threat_model(scored=torch.arange(100, 102)) if name == "deep_prior" else threat_model()
    assert spread(against) > 0.03
    assert error(built(name), against) < most


@pytest.mark.parametrize("name", ["decoder", "class_decoder", "sub_pixel_decoder", "lmmse", "mean_image", "gan"])
def test_what_is_not_sent_is_not_inverted(name: str) -> None:
    """From features without information a trained attack can reconstruct only the mean image, with about its error."""
    against = threat_model(Constant())
    assert error(built(name), against) == pytest.approx(spread(against), rel=0.15)


def test_rmle_without_a_signal_stays_grey() -> None:
    """Without a gradient nothing moves but for the little noise at the start."""
    assert (inverted(built("rmle"), threat_model(Constant())).images - 0.5).abs().max() < 0.06


def test_rmle_leaves_the_grey_where_networks_have_no_gradient() -> None:
    """An image of zeros has no gradient through a ReLU; the attack starts beside it."""

    class Halves(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.cat([images.relu(), (-images).relu()], dim=1)

    assert error(built("rmle"), threat_model(Halves())) < 1e-4


def test_total_variation_smooths() -> None:
    """The larger its weight, the smoother the image."""
    images = [inverted(built("rmle", total_variation=weight), threat_model()).images for weight in (0.0, 10.0, 30.0)]
    rough = [float(one.diff(dim=2).square().mean()) for one in images]
    assert rough[0] > 1.3 * rough[1]
    assert rough[1] > 1.3 * rough[2]


def test_the_weight_of_total_variation_does_not_depend_on_the_scale_of_features() -> None:
    """Features a hundred times smaller give the same images."""

    class Faint(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return 0.01 * images + 5

    images = [inverted(built("rmle", total_variation=1.0), threat_model(encoder)).images for encoder in (None, Faint())]
    assert torch.allclose(*images, atol=0.01)


@pytest.mark.parametrize("name", ["decoder", "class_decoder", "sub_pixel_decoder", "lmmse", "rmle", "deep_prior"])
def test_averaging_queries_lowers_the_error(name: str) -> None:
    """Where the wire is noisy, sixteen answers with one image say more than one."""
    scored = torch.arange(100, 101) if name == "deep_prior" else torch.arange(100, 120)
    short = {"fit": {**FIT, "epochs": 10}} if "decoder" in name else {}
    errors = [
        error(built(name, queries=queries, **short), threat_model(wire=Noise(), scored=scored)) for queries in (1, 16)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_queries_are_not_spent_on_a_wire_without_randomness() -> None:
    """They change nothing where every answer is the same."""
    images = [inverted(built("rmle", queries=queries, steps=3), threat_model()).images for queries in (1, 5)]
    assert torch.equal(*images)


def test_the_mean_of_queries_is_their_mean() -> None:
    """The deviation of the mean of 16 answers is a quarter of one answer's."""
    against = threat_model(wire=Noise())
    features = torch.zeros(100, 3, 8, 8)
    assert against.sent(features, 1).std().item() == pytest.approx(0.5, rel=0.03)
    assert against.sent(features, 16).std().item() == pytest.approx(0.125, rel=0.03)


def test_gradient_attacks_use_the_share_that_the_wire_transmits() -> None:
    """A wire that lets a share of each feature through is inverted as well as one that lets it all through."""

    class Dropping(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return 0.6 * features

    aware, unaware = (error(built("rmle"), threat_model(wire=Dropping(), share=share)) for share in (0.6, 1.0))
    assert aware < 1e-5
    assert unaware > 0.01


@pytest.mark.parametrize("name", ["decoder", "class_decoder", "sub_pixel_decoder", "lmmse", "gan"])
def test_an_attack_uses_no_scored_image_in_training(name: str) -> None:
    """Of the images that pass through the edge during training, none is one that the attack is scored on."""
    encoder = Recording()
    against = threat_model(encoder)
    short = {"gan": {"epochs": 1}, "lmmse": {}}.get(name, {"fit": {**FIT, "epochs": 1}})
    inverted(built(name, **short), against)
    seen = torch.stack(encoder.seen[:-20])  # the last twenty are the scored images
    scored = as_input(against.images[against.scored])
    assert len(seen) >= 100
    assert not any((seen == one).flatten(1).all(1).any() for one in scored)


def test_the_leak_is_the_released_one() -> None:
    """With `leaked_start` the generator is trained on the leaked records first; without, never."""
    for start, leaked in (({**FIT, "epochs": 1}, True), (None, False)):
        encoder = Recording()
        against = threat_model(encoder, auxiliary=torch.arange(50))
        inverted(built("gan", epochs=1, leaked_start=start), against)
        seen = torch.stack(encoder.seen[:-20])
        first = as_input(against.images[against.leaked[:1]])
        assert bool((seen == first).flatten(1).all(1).any()) == leaked


@every_example
def test_only_the_generator_is_random(example: Mapping[str, object]) -> None:
    """The same generator gives the same images, whatever the global random state, which does not change."""
    found, against = [], threat_model(nn.AvgPool2d(2), scored=torch.arange(100, 102))
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        found.append(inverted(build_attack(INVERSION_ATTACKS, example, "test"), against).images)
        assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(*found)


@pytest.mark.parametrize("name", sorted({*LONGER} - {"lmmse", "mean_image"}))
def test_the_generator_matters(name: str) -> None:
    """Other generators give other images."""
    attack = build_attack(INVERSION_ATTACKS, INVERSION_ATTACKS[name].examples[0], "test")
    against = threat_model(nn.AvgPool2d(2), scored=torch.arange(100, 102))
    assert not torch.equal(inverted(attack, against, 0).images, inverted(attack, against, 1).images)


@every_example
def test_a_surrogate_is_used_only_by_attacks_that_start_from_one(example: Mapping[str, object]) -> None:
    """An attack without a surrogate size accepts a target without surrogate, one with a size refuses it."""
    attack = build_attack(INVERSION_ATTACKS, example, "test")
    if attack.surrogate_size is None:
        attack.check_surrogate({}, (3, 4, 4), (3, 8, 8))
    else:
        with pytest.raises(ValueError, match="surrogate"):
            attack.check_surrogate({}, (3, 4, 4), (3, 8, 8))


def test_features_that_are_not_stored_give_the_same_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding batch by batch, where memory is short, changes nothing but speed."""
    attack = built("decoder", fit={**FIT, "epochs": 2})
    stored = inverted(attack, threat_model(nn.AvgPool2d(2))).images
    monkeypatch.setattr("privprune.attacks.inversion.pairs._LARGEST_STORE", 0)
    assert torch.equal(inverted(attack, threat_model(nn.AvgPool2d(2))).images, stored)


@pytest.mark.parametrize("name", ["decoder", "gan"])
def test_features_that_cannot_be_matched_are_refused(name: str) -> None:
    """Attacks that decode report it in one line; gradient attacks accept any features."""
    with pytest.raises(ValueError, match="a bottleneck the decoder cannot match"):
        built(name).check((8, 3, 3), (3, 8, 8))
    built("rmle").check((5,), (3, 8, 8))


def test_bfloat16_is_near_float32() -> None:
    """Half the precision costs little."""
    against = threat_model(nn.AvgPool2d(2))
    errors = [
        error(built("decoder", fit={**FIT, "epochs": 8, "precision": precision}), against)
        for precision in ("float32", "bfloat16")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.25)


@pytest.mark.parametrize("size", [28, 48, 64])
def test_larger_images_too(size: int) -> None:
    """Maps of a quarter of 28, 48 and 64 pixels are decoded and criticised."""
    images = pictures(12, size)
    against = threat_model(nn.AvgPool2d(4), images=images, auxiliary=torch.arange(10), scored=torch.arange(10, 12))
    against = ThreatModel(**{**vars(against), "leaked": torch.arange(10)})
    for name, short in (("decoder", {"fit": {**FIT, "epochs": 1}}), ("gan", {"epochs": 1})):
        assert inverted(built(name, **short), against).images.shape == (2, 3, size, size)
