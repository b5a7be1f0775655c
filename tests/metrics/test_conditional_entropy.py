"""The bound of the reconstruction error, where it is known in closed form."""

import math

import pytest
import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

from privprune.metrics.clusters import eigenvalues, k_means, principal_axes
from privprune.metrics.conditional_entropy import (
    gaussian_entropy,
    image_entropy,
    information,
    ledoit_wolf,
    mse_bound,
    neighbour_entropy,
)


def chance(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def gaussian_images(records: int, dimensions: int, deviation: float, seed: int = 1) -> Tensor:
    """Return draws of N(1/2, deviation^2 I)."""
    return 0.5 + deviation * torch.randn(records, dimensions, generator=chance(seed))


def error_bound(images: Tensor, features: Tensor, noise: float, clusters: int, generator: torch.Generator) -> float:
    """Return Theorem 1's bound for features of the images."""
    entropy = image_entropy(images, generator) - information(features, noise, clusters, generator)
    return mse_bound(entropy, images.shape[1])


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
def test_the_bound_is_tight_for_isotropic_gaussians(noise: float) -> None:
    """The best linear estimator of x from x + noise reaches it within a few percent, and never falls below."""
    images = gaussian_images(4000, 4, 0.1)
    sent = images + noise * torch.randn(images.shape, generator=chance(3))
    inputs = torch.cat([sent, torch.ones(len(sent), 1)], dim=1)
    solution = torch.linalg.lstsq(inputs, images).solution
    measured = (inputs @ solution - images).square().mean().item()
    assert measured == pytest.approx(1 / (1 / 0.1**2 + 1 / noise**2), rel=0.03)
    assert error_bound(images, images, noise, 1, chance(2)) == pytest.approx(measured, rel=0.04)


def test_more_noise_leaves_more_unknown() -> None:
    """H(x|z) and the bound rise with the noise, up to H(x) and the images' own variance."""
    images = torch.rand(400, 6, generator=chance(1))
    bounds = [error_bound(images, images[:, :3].square(), noise, 5, chance()) for noise in (0.01, 0.1, 1.0, 1e4)]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == 4
    assert bounds[-1] <= images.var(0).mean() * 1.001


def test_without_noise_nothing_is_unknown() -> None:
    """The information is infinite, and the bound 0."""
    images = torch.rand(50, 3, generator=chance(1))
    assert information(images, 0.0, 2, chance()) == math.inf
    assert error_bound(images, images, 0.0, 2, chance()) == 0.0
    assert math.isfinite(image_entropy(images, chance()))


@pytest.mark.parametrize("places", [1, 2, 4])
def test_features_at_a_few_places_tell_which_place(places: int) -> None:
    """Equal records at far places carry log(places) nats, whatever the noise."""
    features = torch.eye(4)[torch.arange(400) % places]
    assert information(features, 0.01, places, chance()) == pytest.approx(math.log(places), abs=1e-6)


def test_the_information_of_a_gaussian_is_that_of_its_channels() -> None:
    """1/2 sum log(1 + signal / noise) over independent features of known variance."""
    deviations = torch.tensor([1.0, 0.5, 0.1])
    features = torch.randn(20000, 3, generator=chance(4)) * deviations
    expected = 0.5 * torch.log1p(deviations.square() / 0.2**2).sum().item()
    assert information(features, 0.2, 1, chance()) == pytest.approx(expected, rel=0.01)


def test_the_information_bounds_that_of_any_law() -> None:
    """Binary features at two places with overlapping noise: above what numerical integration says, below log 2."""
    features = torch.tensor([0.0, 1.0]).repeat(200)[:, None]
    grid = torch.linspace(-6, 7, 20001, dtype=torch.float64)
    normal = [torch.exp(-0.5 * ((grid - place) / 0.8) ** 2) / (0.8 * math.sqrt(2 * math.pi)) for place in (0, 1)]
    mixed = (normal[0] + normal[1]) / 2
    true = -torch.trapezoid(mixed * mixed.log(), grid).item() - 0.5 * math.log(2 * math.pi * math.e * 0.8**2)
    for clusters in (1, 2):
        assert information(features, 0.8, clusters, chance()) >= true
    assert information(features, 0.8, 2, chance()) == pytest.approx(math.log(2), abs=1e-6)


def test_entropies_of_known_laws() -> None:
    """A uniform law has entropy 0 on the unit square, and the Gaussian of its variance 0.3535."""
    images = torch.rand(4000, 2, generator=chance(5))
    assert neighbour_entropy(images, chance()) == pytest.approx(0, abs=0.06)
    assert gaussian_entropy(images) == pytest.approx(math.log(2 * math.pi * math.e / 12), abs=0.03)
    images = gaussian_images(4000, 3, 0.1)
    exact = 1.5 * math.log(2 * math.pi * math.e * 0.1**2)
    assert gaussian_entropy(images) == pytest.approx(exact, abs=0.05)
    assert neighbour_entropy(images, chance()) == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("shape", [(30, 200), (200, 30), (50, 50)])
def test_the_shrinkage_is_that_of_scikit_learn(shape: tuple[int, int]) -> None:
    """For fewer records than dimensions and for more, with unequal variances."""
    centred = torch.randn(*shape, generator=chance(9), dtype=torch.float64) * torch.linspace(0.1, 3, shape[1])
    centred -= centred.mean(0)
    expected = ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True)
    assert 0 < expected < 1
    assert ledoit_wolf(centred) == pytest.approx(float(expected), rel=1e-9)


def test_bytes_are_not_taken_for_points() -> None:
    """Equal images of bytes have the entropy of one step, not minus infinity."""
    images = torch.full((300, 2), 7 / 255)
    assert neighbour_entropy(images, chance()) == pytest.approx(-2 * math.log(255), abs=0.3)


def test_fewer_images_than_pixels_are_enough_for_a_number() -> None:
    """The shrunk covariance has full rank."""
    images = torch.rand(20, 60, generator=chance(6))
    assert math.isfinite(error_bound(images, images, 0.1, 3, chance()))


def test_the_bound_of_a_gaussian_is_its_variance() -> None:
    """exp(2 H / d) / (2 pi e) of d (1/2) log(2 pi e v) is v."""
    assert mse_bound(7 * 0.5 * math.log(2 * math.pi * math.e * 0.03), 7) == pytest.approx(0.03)


@pytest.mark.parametrize("shape", [(8, 20), (20, 8)])
def test_axes_rebuild_the_covariance(shape: tuple[int, int]) -> None:
    """Eigenvalues and eigenvectors give the covariance back, for few records and for many."""
    centred = torch.randn(*shape, generator=chance(7), dtype=torch.float64)
    centred -= centred.mean(0)
    values, axes = principal_axes(centred)
    covariance = centred.T @ centred / len(centred)
    torch.testing.assert_close((axes * values) @ axes.T, covariance)
    torch.testing.assert_close(axes.T @ axes, torch.eye(len(values), dtype=torch.float64))
    assert eigenvalues(centred).sum().item() == pytest.approx(covariance.trace().item())


def test_one_cluster_is_all_records() -> None:
    """Its centre is their mean, as scikit-learn finds it, and the source of random numbers goes on as with several."""
    points, drawn = torch.randn(50, 3, generator=chance(8)), (chance(2), chance(2))
    found = k_means(points, 1, None, drawn[0])
    k_means(points, 2, None, drawn[1])
    torch.testing.assert_close(found.centres, points.mean(0, keepdim=True))
    assert found.counts.tolist() == [50]
    assert not found.labels.any()
    assert torch.equal(drawn[0].get_state(), drawn[1].get_state())


def test_k_means_finds_places_and_goes_on_from_known_centres() -> None:
    """Far groups are found from any start, twice the same; a start at the end stays there."""
    points = torch.eye(3)[torch.arange(60) % 3] * 10 + 0.1 * torch.randn(60, 3, generator=chance(8))
    found, again = (k_means(points, 3, None, chance(seed)) for seed in (1, 1))
    assert torch.equal(found.labels, again.labels)
    assert found.counts.tolist() == [20, 20, 20]
    assert torch.equal(found.labels[:3].repeat(20), found.labels)
    torch.testing.assert_close(k_means(points, 3, found.centres, chance()).centres, found.centres)
