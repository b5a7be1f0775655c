"""The distance correlation of images and features."""

import math
from collections.abc import Callable

import pytest
import torch
from cut_toys import HostReads, cut_at, cut_ensemble, cut_step, cut_training, same_weights
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.distance_correlation import (
    DistanceCorrelation,
    DistanceCorrelationSettings,
    defend_by_distance_correlation,
    distance_correlation,
)

MakeSetting = Callable[..., DefenceContext]


def vectors(count: int, *shape: int, seed: int = 1) -> torch.Tensor:
    """Return Gaussian vectors."""
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weighed(weight: float) -> DistanceCorrelation:
    """Return the term."""
    return DistanceCorrelation(DistanceCorrelationSettings("distance_correlation", weight))


def twin(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Compute the definition pair by pair: doubly centred distances, their covariance and variances."""
    count = len(first)

    def centred(flat: torch.Tensor) -> dict[tuple[int, int], torch.Tensor]:
        pairs = [(i, j) for i in range(count) for j in range(count)]
        far = {(i, j): ((flat[i] - flat[j]) ** 2).sum().clamp(min=1e-7).sqrt() for i, j in pairs}
        total = sum(far.values()) / count**2
        rows = [sum(far[i, j] for j in range(count)) / count for i in range(count)]
        return {(i, j): far[i, j] - rows[i] - rows[j] + total for i, j in pairs}

    one, other = centred(first.flatten(1)), centred(second.flatten(1))
    floor = 1e-7
    covariance = torch.sqrt(sum(one[pair] * other[pair] for pair in one) / count**2 + floor)
    variance_one = torch.sqrt(sum(value**2 for value in one.values()) / count**2 + floor)
    variance_other = torch.sqrt(sum(value**2 for value in other.values()) / count**2 + floor)
    return covariance / torch.sqrt(variance_one * variance_other + floor)


def test_it_is_the_definition_pair_by_pair() -> None:
    """Value and gradient agree with the simple implementation, also where two vectors are equal."""
    first, second = vectors(9, 2, 3), vectors(9, 4, seed=2)
    second[3] = second[7]
    second.requires_grad_()
    fast, slow = distance_correlation(first, second), twin(first, second)
    assert fast.item() == pytest.approx(slow.item(), rel=1e-9)
    (gradient,), (expected,) = torch.autograd.grad(fast, second), torch.autograd.grad(slow, second)
    assert torch.allclose(gradient, expected, atol=1e-9)
    assert gradient.abs().max() > 1e-3


def test_a_shifted_scaled_and_rotated_copy_has_correlation_1() -> None:
    """dCor(x, a x Q + b) = 1 for an orthogonal Q."""
    first = vectors(40, 6)
    turn, _ = torch.linalg.qr(vectors(6, 6, seed=3))
    assert distance_correlation(first, -3 * first @ turn + 5).item() == pytest.approx(1, abs=1e-5)
    assert distance_correlation(first.float(), 0.2 * first.float() + 0.5).item() == pytest.approx(1, abs=1e-4)


def test_independent_vectors_have_nearly_none() -> None:
    """It falls with the number of vectors, below 0.1 for 2000; a dependence without linear correlation is detected."""
    few, many = (distance_correlation(vectors(n, 1), vectors(n, 1, seed=2)).item() for n in (30, 2000))
    assert many < 0.1
    assert many < few
    centred = vectors(2000, 1)
    assert distance_correlation(centred, centred.square()).item() > 0.4


def test_constant_features_have_almost_no_penalty() -> None:
    """Where all features are equal the penalty is near 0, with a finite gradient."""
    features = torch.full((20, 5), 0.5, requires_grad=True)
    value = distance_correlation(vectors(20, 6).float(), features)
    (gradient,) = torch.autograd.grad(value, features)
    assert value.item() < 0.05
    assert torch.isfinite(gradient).all()


def test_the_term_uses_the_features_before_noise(context: MakeSetting) -> None:
    """The penalty is weight * dCor(inputs, features), without a copy to the host; its gradient is on the edge only."""
    own = context(0, cut=cut_at())
    ensemble = cut_ensemble(cut_at())
    step = cut_step(ensemble, own)
    assert step.features is not None
    with HostReads() as reads:
        penalty = weighed(2.5).penalty(step)
    assert reads.count == 0
    expected = twin(step.inputs.double(), step.features.detach().double())
    assert penalty.item() == pytest.approx(2.5 * expected.item(), rel=1e-4)
    penalty.backward()
    moved = {name for name, value in ensemble.module.named_parameters() if value.grad is not None}
    assert {name.split(".")[0] for name in moved} == {"conv1", "bottleneck"}


def test_training_lowers_it(toy: Toy, context: MakeSetting) -> None:
    """Weight 0 gives plain training bit for bit; a weight above 0 lowers the distance correlation."""
    own = context(0, cut=cut_at())
    plain, _ = cut_training(toy, own, (), epochs=6)
    unweighed, _ = cut_training(toy, own, (weighed(0.0),), epochs=6)
    assert same_weights(plain, unweighed)
    hidden, history = cut_training(toy, own, defended(own), epochs=6)
    told = []
    for ensemble in (plain, hidden):
        step = cut_step(ensemble, own, records=40)
        assert step.features is not None
        told.append(distance_correlation(step.inputs, step.features).item())
    assert told[1] < told[0] - 0.1
    assert math.isfinite(history["loss"][-1][0])


def defended(context: DefenceContext) -> tuple[DistanceCorrelation, ...]:
    """Return the terms of the defence."""
    settings = DistanceCorrelationSettings("distance_correlation", 3.0)
    terms = defend_by_distance_correlation(settings, context).terms
    assert all(isinstance(term, DistanceCorrelation) for term in terms)
    return terms


def test_a_network_without_a_cut_is_refused(context: MakeSetting) -> None:
    """The defence needs the features at the cut."""
    with pytest.raises(ValueError, match=r"^distance_correlation: found a whole network, allowed one with network.cut"):
        defended(context(0))
