"""Pair-based posterior balancing: its divergence, its gradient, its check."""

from __future__ import annotations

import math

import pytest
import torch
from loss_steps import step
from toy import Toy

from privprune.defences.ppb import METHOD, PosteriorBalancing, PpbSettings, pair_divergence
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.trained import Trained


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return logits that differ from record to record."""
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def term(weight: float = 2.0) -> PosteriorBalancing:
    """Return the term under test."""
    return PosteriorBalancing(PpbSettings("ppb", weight))


def test_equally_ranked_posteriors_cost_nothing() -> None:
    """Records whose sorted posteriors are equal have divergence 0, whatever their classes; others have more."""
    first = drawn(1, 3, 10)
    turned = torch.cat([first, first[:, :, torch.randperm(10, generator=torch.Generator().manual_seed(1))]], dim=1)
    assert pair_divergence(turned).item() == pytest.approx(0, abs=1e-6)
    assert pair_divergence(torch.cat([first, 2 * first], dim=1)).item() > 0.1


def test_the_divergence_is_that_of_pairs_by_hand() -> None:
    """KL(q || p), where p is the sorted posterior of a record of the first half and q that of its partner."""
    logits = drawn(5, 4)  # the last record of an odd batch has no partner
    p, q = (logits.softmax(1).sort(dim=1, descending=True).values[part] for part in (slice(0, 2), slice(2, 4)))
    by_hand = sum(float(b * math.log(b / a)) for one, other in zip(p, q, strict=True) for a, b in zip(one, other))  # noqa: B905 (rows of tensors)
    assert pair_divergence(logits[None]).item() == pytest.approx(by_hand / 2, rel=1e-5)


def test_the_penalty_is_weighted_and_one_record_has_none() -> None:
    """The penalty is lambda times the divergence, summed over the networks; a batch of one record has no pairs."""
    logits = drawn(12, 10).requires_grad_()
    expected = 2.0 * pair_divergence(logits.unflatten(0, (2, 6))).sum()
    penalty = term().penalty(step(logits, 2))
    assert penalty is not None
    assert penalty.item() == pytest.approx(expected.item())
    assert term().penalty(step(drawn(2, 10).requires_grad_(), 2)) is None


def test_the_share_is_that_of_the_gradients() -> None:
    """What is measured is the norm of the penalty's gradient at the logits divided by that of the cross-entropy's."""
    logits, labels = drawn(6, 10).requires_grad_(), torch.arange(6)
    balancing = term()
    penalty = balancing.penalty(step(logits, 1, labels))
    task = torch.nn.functional.cross_entropy(logits, labels)
    norms = [torch.autograd.grad(loss, logits)[0].norm() for loss in (penalty, task)]
    measured = balancing.measurements()
    assert measured["balancing_share"].item() == pytest.approx((norms[0] / norms[1]).item(), rel=1e-5)
    assert measured["posterior_divergence"].item() == pytest.approx(penalty.item() / 2, rel=1e-5)


def trained(toy: Toy, weight: float) -> Trained:
    """Train a network with the term."""
    terms = (term(weight),)
    history = train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(10), toy.generators(0), terms=terms)
    return Trained(history, (("train", 10),), {})


def test_the_check_fails_where_the_penalty_is_nearly_nothing(toy: Toy) -> None:
    """A weight that moves nothing fails, a usual one passes, and a training that was not measured fails."""
    passed = METHOD.checks(PpbSettings("ppb", 4), trained(toy, 4.0))
    failed = METHOD.checks(PpbSettings("ppb", 1e-4), trained(toy, 1e-4))
    unknown = METHOD.checks(PpbSettings("ppb", 4), Trained({}, (), {}))
    assert [one.passed for one in (*passed, *failed, *unknown)] == [True, False, False]


def test_a_step_down_the_penalty_brings_posteriors_together() -> None:
    """Its gradient points where the divergence of the pairs grows."""
    logits = drawn(1, 8, 10).requires_grad_()
    before = pair_divergence(logits)
    (gradient,) = torch.autograd.grad(before.sum(), logits)
    assert pair_divergence((logits - gradient).detach()).item() < 0.9 * before.item()
