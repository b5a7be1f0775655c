"""Calibration of the bound: a linear encoder of Gaussian data with Gaussian noise, where everything is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from privprune.metrics.conditional_entropy import information, information_bound, mse_bound, records_per_feature

NOISE = 0.3


@dataclass(frozen=True)
class Channel:
    """z = A x + noise, with x from N(0, S): its information, what is left of x, and the best estimator's error."""

    encoder: Tensor
    covariance: Tensor

    @property
    def features(self) -> Tensor:
        """Covariance of A x."""
        return self.encoder @ self.covariance @ self.encoder.T

    @property
    def information(self) -> float:
        """I(z; A x), 1/2 log det(I + A S A' / noise^2)."""
        return 0.5 * float(torch.logdet(torch.eye(len(self.encoder)).double() + self.features / NOISE**2))

    @property
    def entropy(self) -> float:
        """H(x) of the Gaussian."""
        return 0.5 * float(torch.logdet(2 * math.pi * math.e * self.covariance))

    @property
    def left(self) -> Tensor:
        """Covariance of x given z, which the linear least squares estimator (LMMSE) leaves."""
        return torch.linalg.inv(torch.linalg.inv(self.covariance) + self.encoder.T @ self.encoder / NOISE**2)

    def sent(self, records: int) -> Tensor:
        """Return noise-free features A x of draws of x, float64 [records, D]."""
        x = torch.randn(records, len(self.covariance), generator=torch.Generator().manual_seed(1)).double()
        return x @ torch.linalg.cholesky(self.covariance).T @ self.encoder.T


def channel(features: int, dimensions: int, *, isotropic: bool) -> Channel:
    """Return a channel: images of equal variances and an encoder that keeps all directions alike, or neither."""
    draw = torch.Generator().manual_seed(0)
    encoder = torch.randn(features, dimensions, generator=draw).double()
    if isotropic:
        return Channel(torch.linalg.qr(encoder.T).Q.T, 0.5 * torch.eye(dimensions).double())
    root = torch.randn(dimensions, dimensions, generator=draw).double()
    return Channel(encoder / dimensions**0.5, root @ root.T / dimensions + 0.05 * torch.eye(dimensions).double())


def measured(one: Channel, records: int) -> float:
    """Return `information` with one component."""
    return information(one.sent(records), NOISE, 1, torch.Generator().manual_seed(2))


@pytest.mark.parametrize("isotropic", [True, False])
def test_the_information_of_a_linear_gaussian_encoder_is_found(isotropic: bool) -> None:
    """With many records and one component, within 1 % of the closed form."""
    one = channel(12, 20, isotropic=isotropic)
    assert measured(one, 20_000) == pytest.approx(one.information, rel=0.01)


def test_the_bound_is_tight_where_all_directions_are_alike() -> None:
    """The error of the best estimator is the bound, of closed forms and as measured, for an isotropic channel."""
    one = channel(20, 20, isotropic=True)
    best = float(one.left.trace()) / 20
    assert best == pytest.approx(1 / (1 / 0.5 + 1 / NOISE**2))
    assert mse_bound(one.entropy - one.information, 20) == pytest.approx(best)
    assert mse_bound(one.entropy - measured(one, 20_000), 20) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("features", [4, 12, 20])
def test_elsewhere_the_bound_is_the_geometric_mean_where_the_error_is_the_arithmetic(features: int) -> None:
    """Both are means over the eigenvalues of what is left of x; the bound is the smaller one, and never exceeded."""
    one = channel(features, 20, isotropic=False)
    left = torch.linalg.eigvalsh(one.left)
    bound = mse_bound(one.entropy - one.information, 20)
    assert bound == pytest.approx(float(left.log().mean().exp()))
    assert bound < 0.95 * float(left.mean())
    assert mse_bound(one.entropy - measured(one, 20_000), 20) == pytest.approx(bound, rel=0.02)


def test_few_records_make_the_information_too_small() -> None:
    """It falls short by D / 16 nats with 4 records per feature, and by far more with fewer records than features."""
    one = channel(64, 64, isotropic=True)
    many, enough, few = (one.information - measured(one, records) for records in (20_000, 256, 32))
    assert records_per_feature(256, 1, 64) == 4
    assert enough == pytest.approx(64 / 16, abs=1.5)
    assert abs(many) < 0.3
    assert few > 20


def test_the_smallest_bound_is_taken() -> None:
    """That of one Gaussian for Gaussian features, where 20 components ask for the entropy of their labels."""
    one = channel(20, 20, isotropic=False)
    sent = one.sent(5_000)
    found = information_bound(sent, NOISE, 20, torch.Generator().manual_seed(2))
    assert found.nats == pytest.approx(one.information, rel=0.02)
    assert found.records_per_feature == 250
    assert information(sent, NOISE, 20, torch.Generator().manual_seed(2)) > 1.02 * one.information


def test_clustered_features_are_bounded_by_the_mixture() -> None:
    """Features at two places far apart say which of the two, and one Gaussian would allow for more."""
    places = torch.tensor([[-5.0], [5.0]]).repeat(50, 1)
    found = information_bound(places, 0.01, 2, torch.Generator().manual_seed(0))
    assert found.nats == pytest.approx(math.log(2), abs=1e-6)
    assert found.records_per_feature == 50


def test_with_few_records_blocks_of_features_keep_it_a_bound() -> None:
    """Of 64 dependent features and 64 records, blocks of 16 have 4 records each, and the sum is above the truth."""
    one = channel(64, 64, isotropic=False)
    found = information_bound(one.sent(64), NOISE, 30, torch.Generator().manual_seed(2))
    assert found.records_per_feature == 4
    assert measured(one, 64) < one.information < found.nats
