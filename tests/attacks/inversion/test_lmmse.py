"""The linear estimator against the theory: where everything is Gaussian and linear, no attack is better."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from inversion_toys import Noise, pictures, threat_model
from torch import Tensor, nn

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, ThreatModel
from privprune.attacks.inversion.linear_estimator import LinearEstimator, symmetric_product
from privprune.attacks.inversion.lmmse import Grouping
from privprune.metrics.image_quality import mse
from privprune.models.random_layers import reseed
from privprune.models.wire.gaussian import GaussianNoise

SIDE, FEATURES, KNOWN, SCORED, DEVIATION = 6, 24, 3000, 1000, 0.2
SETTINGS = {"attack": "lmmse", "attacker_data": "train", "records": None, "features": 4096, "validation": 0.1}


def error(against: ThreatModel, **changed: Any) -> float:
    """Return the attack's mean squared error."""
    attack = build_attack(INVERSION_ATTACKS, {**SETTINGS, "queries": 1, **changed}, "test")
    made = attack(against, torch.Generator().manual_seed(0)).images
    return float(mse(made, against.targets(against.scored)).mean())


class Linear(nn.Module):
    """A random linear edge, of images in [-1, 1]."""

    def __init__(self, chance: torch.Generator) -> None:
        super().__init__()
        self.matrix = torch.randn(SIDE**2, FEATURES, generator=chance) / SIDE

    def forward(self, images: Tensor) -> Tensor:
        """Send features [n, 24]."""
        return images.flatten(1) @ self.matrix


def gaussian_world() -> tuple[ThreatModel, Tensor, Tensor]:
    """Return a target of correlated Gaussian images, the images' covariance, and the edge's matrix."""
    chance = torch.Generator().manual_seed(4)
    places = torch.arange(SIDE**2)
    rows, columns = places // SIDE, places % SIDE
    distance = (rows[:, None] - rows).abs() + (columns[:, None] - columns).abs()
    covariance = 0.1**2 * 0.8**distance
    drawn = torch.randn(KNOWN + SCORED, SIDE**2, generator=chance) @ torch.linalg.cholesky(covariance).T
    images = ((0.5 + drawn).clamp(0, 1) * 255).round().to(torch.uint8).view(-1, 1, SIDE, SIDE)
    edge, wire = Linear(chance), GaussianNoise(DEVIATION)
    reseed(wire, 7)
    known, scored = torch.arange(KNOWN), torch.arange(KNOWN, KNOWN + SCORED)
    return threat_model(edge, wire, images=images, auxiliary=known, scored=scored), covariance, 2 * edge.matrix


@pytest.mark.parametrize("queries", [1, 16])
def test_it_reaches_the_theoretical_minimum(queries: int) -> None:
    """Gaussian images, a linear edge, Gaussian noise: trace of the posterior covariance, within sampling error."""
    against, covariance, matrix = gaussian_world()
    sent = matrix.T @ covariance @ matrix + DEVIATION**2 / queries * torch.eye(FEATURES)
    cross = covariance @ matrix
    least = float((covariance - cross @ torch.linalg.solve(sent, cross.T)).trace()) / SIDE**2
    assert error(against, queries=queries) == pytest.approx(least, rel=0.03)
    assert least < 0.7 * float(covariance.diagonal().mean())


def test_noise_that_is_known_need_not_be_learnt() -> None:
    """With few records, moments of noise-free features and the known variance are better than noisy samples."""
    against, _, _ = gaussian_world()
    few = {"records": 60, "validation": 0.0}

    class Unknown(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            noisy: Tensor = against.wire(features)
            return noisy

    learnt = ThreatModel(**{**vars(against), "wire": Unknown()})
    assert learnt.noise is None
    assert error(against, **few) < 0.9 * error(learnt, **few)


def test_both_forms_are_the_same() -> None:
    """The products of records and those of features give the same estimates and choose the same ridge."""
    chance = torch.Generator().manual_seed(1)
    images, features = pictures(60), torch.randn(60, 40, generator=chance)
    observed, made, ridges = torch.randn(5, 60, generator=chance), [], []
    wide = torch.cat([features, torch.zeros(60, 25)], dim=1)  # features that are always 0 change nothing but the form
    for values in (features, wide):
        estimator = LinearEstimator(values, 0.3, images, torch.arange(60))
        seen = observed[:, : values.shape[1]].clone() if values is features else None
        seen = seen if seen is not None else torch.cat([observed[:, :40], torch.zeros(5, 25)], dim=1)
        made.append(estimator(seen))
        estimator.choose_ridge(0.2)
        ridges.append(estimator.ridge)
    assert torch.allclose(*made, atol=1e-4)
    assert 0 < ridges[0] <= 0.1
    assert 0 < ridges[1] <= 0.1


def test_a_ridge_is_chosen_where_records_are_few() -> None:
    """Without noise and with as many records as features, the chosen ridge lowers the error."""
    scored = torch.arange(100, 120)
    known = torch.arange(60)
    against = threat_model(nn.AvgPool2d(2), auxiliary=known, scored=scored)
    assert error(against, validation=0.2) <= 1.05 * error(against, validation=0.0)
    noisy = threat_model(nn.Flatten(), Noise(), scored=scored)
    assert error(noisy, validation=0.2) < 0.9 * error(noisy, validation=0.0)


def test_constant_features_give_the_mean_image() -> None:
    """Without variance nothing can be learnt; features that are no numbers are refused."""
    images, records = pictures(30), torch.arange(30)
    for size in (5, 50):
        estimator = LinearEstimator(torch.ones(30, size), 0.0, images, records)
        estimator.choose_ridge(0.2)
        estimate = estimator(torch.ones(3, size))
        assert torch.allclose(estimate, (images.float().mean(0) / 255).flatten().expand(3, -1), atol=1e-5)
    with pytest.raises(ValueError, match=r"^found features that are not finite"):
        LinearEstimator(torch.full((30, 5), torch.nan), 0.0, images, records)


def test_fewer_records_and_features_say_less() -> None:
    """Half of the features, grouped at random, invert worse than all, and better than the mean image."""
    against, covariance, _ = gaussian_world()
    errors = [error(against, features=number) for number in (24, 12)]
    assert errors[0] < errors[1] < 0.95 * float(covariance.diagonal().mean())


@pytest.mark.parametrize(("features", "groups"), [(12, 4), (10, 4), (9, 8)])
def test_grouping_keeps_independent_noise(features: int, groups: int) -> None:
    """The rows of the projection are orthonormal."""
    matrix = Grouping(features, groups, torch.Generator().manual_seed(2))(torch.eye(features))
    assert torch.allclose(matrix.T @ matrix, torch.eye(groups), atol=1e-6)


def test_a_symmetric_product_is_the_product() -> None:
    """Blocks on one side of the diagonal are enough, whatever the size."""
    for size in (3, 8, 37):
        values = torch.randn(20, size, generator=torch.Generator().manual_seed(size))
        assert torch.allclose(symmetric_product(values), values.T @ values, atol=1e-5)
