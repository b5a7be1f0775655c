"""The class-conditional decoder: it knows a class, and uses it."""

from __future__ import annotations

import pytest
import torch
from inversion_toys import CLASSES, FIT, Constant, threat_model
from test_inversion_attacks import built, error
from torch import Tensor, nn

from privprune.attacks.inversion import ThreatModel

SHORT = {"width": 4, "fit": {**FIT, "epochs": 12, "learning_rate": 0.03}}


def by_class() -> ThreatModel:
    """Return a target that sends nothing of images that are the same within a class."""
    classes = torch.arange(120) % CLASSES
    images = (torch.tensor([20, 120, 230], dtype=torch.uint8)[classes])[:, None, None, None].expand(-1, 3, 8, 8)
    return threat_model(Constant(), images=images.contiguous())


def test_the_class_alone_inverts_what_it_determines() -> None:
    """A decoder without it can only give the mean image; with the true class it gives the image."""
    against = by_class()
    assert error(built("decoder", queries=1, **SHORT), against) > 0.05
    assert error(built("class_decoder", queries=1, label="true", **SHORT), against) < 0.015


def test_the_guess_is_what_the_cloud_answers() -> None:
    """A cloud that gives the same answer to all features tells as much as they do; one that is always right, all."""

    class Numbered(nn.Module):
        """Sends the class."""

        def forward(self, images: Tensor) -> Tensor:
            return images[:, :1].mean((1, 2, 3), keepdim=True).expand(-1, 1, 4, 4)

    class Right(nn.Module):
        def forward(self, sent: Tensor) -> Tensor:
            brightness = sent.flatten(1).mean(1, keepdim=True)
            return -(brightness - torch.tensor([-0.843, -0.059, 0.804])).abs()

    against = by_class()
    assert error(built("class_decoder", queries=1, label="guess", **SHORT), against) > 0.05
    right = ThreatModel(**{**vars(against), "encoder": Numbered(), "cloud": Right()})
    assert torch.equal(right.guesses(right.observed(1)), right.labels[right.scored])
    assert error(built("class_decoder", queries=1, label="guess", **SHORT), right) < 0.045


def test_vectors_have_a_class_too() -> None:
    """A network whose edge sends a vector is attacked in the same way."""
    against = threat_model(nn.Sequential(nn.AvgPool2d(4), nn.Flatten()))
    attack = built("class_decoder", queries=1, rescale=True, fit={**FIT, "epochs": 3})
    attack.check((12,), (3, 8, 8))
    assert 0 < error(attack, against) < 0.1


def test_features_that_cannot_be_decoded_are_refused() -> None:
    """As by the decoder without a class."""
    with pytest.raises(ValueError, match="a bottleneck the decoder cannot match"):
        built("class_decoder").check((3, 5, 5), (3, 8, 8))
