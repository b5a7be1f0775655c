"""Starts, restarts and schedule of the gradient attack."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from inversion_toys import COSINE, FIT, Constant, pictures, threat_model
from test_inversion_attacks import built, error, inverted
from torch import nn

from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion
from privprune.errors import UserError

MEAN = {"attacker_data": "train", "start": "mean_image", "queries": 1}
DECODER = {name: value for name, value in INVERSION_ATTACKS["decoder"].examples[0].items() if name != "attack"}


def from_decoder(**changed: Any) -> Inversion:
    """Build the attack that starts from a decoder's output."""
    decoder = {**DECODER, "queries": 1, "fit": {**FIT, "epochs": 10}}
    return built("rmle", **{"attacker_data": "train", "start": "decoder", "decoder": decoder, "queries": 1, **changed})


def test_without_a_signal_the_start_stays() -> None:
    """From the mean image it ends at the mean image: the error of whoever sees nothing."""
    against = threat_model(Constant())
    found = inverted(built("rmle", **MEAN), against).images
    assert torch.allclose(found, against.mean_image(against.auxiliary).expand_as(found), atol=1e-6)


def test_a_better_start_helps_where_features_leave_much_open() -> None:
    """What all images have in common, and pooled features do not show, is in the mean image and in a decoder."""
    stripes = (torch.arange(8) % 2 * 127).to(torch.uint8)
    against = threat_model(nn.AvgPool2d(4), images=pictures() // 2 + stripes)
    short = {"steps": 40, "learning_rate": 0.02, "schedule": COSINE}
    grey, mean = error(built("rmle", **short), against), error(built("rmle", **MEAN, **short), against)
    decoded = error(from_decoder(**short), against)
    assert max(decoded, mean) < 0.5 * grey


def test_the_decoder_sees_the_same_transmissions() -> None:
    """With no step that moves it, the attack gives what its decoder makes of the features that were observed."""
    against = threat_model(nn.AvgPool2d(2))
    still = from_decoder(steps=1, learning_rate=1e-9)
    alone = built("decoder", queries=1, fit={**FIT, "epochs": 10}, blocks=0, width=16)
    assert torch.allclose(inverted(still, against).images, inverted(alone, against).images, atol=1e-5)


def test_of_each_image_the_run_with_the_lowest_objective_counts() -> None:
    """More runs never raise the objective of any image."""
    against = threat_model(nn.Sequential(nn.AvgPool2d(2), nn.Tanh()))
    observed = against.observed(1)

    def objectives(restarts: int) -> torch.Tensor:
        attack = built("rmle", **MEAN, restarts=restarts, steps=5, total_variation=0.0)
        return against.mismatch(inverted(attack, against).images, observed)

    one, three = objectives(1), objectives(3)
    assert (three <= one).all()
    assert (three < one).any()


def test_a_cosine_ends_calmly() -> None:
    """With a high rate the objective of the last steps is lower along a cosine than at a constant rate."""
    wild = {**MEAN, "steps": 60, "learning_rate": 0.2}
    ends = [
        inverted(built("rmle", **wild, **changed), threat_model(nn.AvgPool2d(2))).history["loss"][-1]
        for changed in ({}, {"schedule": COSINE})
    ]
    assert ends[1] < 0.8 * ends[0]


def test_curves_have_at_most_a_hundred_points() -> None:
    """The last step is one of them."""
    assert len(inverted(built("rmle", steps=250), threat_model()).history["loss"]) <= 100
    assert len(inverted(built("rmle", steps=7), threat_model()).history["loss"]) == 7


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"start": "mean_image"}, "attacker_data: found None with start mean_image, allowed train, infer"),
        ({"attacker_data": "train"}, "attacker_data: found train with start grey, allowed null"),
        (
            {"attacker_data": "train", "start": "decoder"},
            "decoder: found null with start decoder, allowed its settings",
        ),
        ({"decoder": DECODER}, "decoder: found some with start grey, allowed null"),
        (
            {"attacker_data": "infer", "start": "decoder", "decoder": DECODER},
            "decoder.attacker_data: found train, allowed infer",
        ),
        (
            {"attacker_data": "train", "start": "decoder", "decoder": DECODER, "queries": 5},
            "decoder.queries: found 2, allowed 5",
        ),
    ],
)
def test_a_start_without_its_images_is_refused(changed: dict[str, Any], message: str) -> None:
    """An attacker that uses images says so, and one that says so uses them."""
    with pytest.raises(UserError) as refused:
        built("rmle", **changed)
    assert message in str(refused.value)


def test_whoever_uses_images_says_so() -> None:
    """The stage gives an attack the records of its `attacker_data`, and none where that is null."""
    assert built("rmle").attacker_data is None
    assert built("rmle", **MEAN).attacker_data == "train"
    assert from_decoder().attacker_data == "train"


def test_a_decoder_that_cannot_invert_is_refused() -> None:
    """Before anything is trained; gradients alone invert features of any shape."""
    built("rmle").check((5,), (3, 7, 7))
    with pytest.raises(ValueError, match="a bottleneck the decoder cannot match"):
        from_decoder().check((3, 5, 5), (3, 8, 8))
