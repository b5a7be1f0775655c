"""RelaxLoss: plain training above the target; below it, ascent and flattening in turns."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from loss_steps import step
from torch import Tensor
from toy import Toy

from privprune.defences.relaxloss import METHOD, RelaxedLoss, RelaxLossSettings, flattened
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.trained import Trained

Variant = Literal["paper", "released"]
BOTH: tuple[Variant, ...] = ("paper", "released")
ASCENT, FLATTENING = 0, 1  # epochs


def settings(target: float, variant: Variant = "paper") -> RelaxLossSettings:
    """Return settings."""
    return RelaxLossSettings("relaxloss", target, variant)


def batch() -> tuple[Tensor, Tensor]:
    """Return logits of 6 records and their labels; the first four are classified correctly."""
    logits = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    labels = logits.argmax(1)
    labels[4:] = (labels[4:] + 1) % 10
    return logits.requires_grad_(), labels


def total_gradient(target: float, epoch: int, variant: Variant = "paper") -> Tensor:
    """Return the gradient of task and penalty together, as the training loop adds them."""
    logits, labels = batch()
    task = F.cross_entropy(logits, labels)
    penalty = RelaxedLoss(settings(target, variant)).penalty(step(logits, 1, labels, epoch))
    return torch.autograd.grad(torch.stack([task, penalty]).sum(), logits)[0]


def plain_gradient() -> Tensor:
    """Return the gradient of the task."""
    logits, labels = batch()
    return torch.autograd.grad(F.cross_entropy(logits, labels), logits)[0]


@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("epoch", [ASCENT, FLATTENING])
def test_above_the_target_it_is_plain_training(variant: Variant, epoch: int) -> None:
    """The gradient is that of the task, bit for bit."""
    assert torch.equal(total_gradient(0.01, epoch, variant), plain_gradient())


@pytest.mark.parametrize("variant", BOTH)
def test_below_the_target_even_epochs_climb(variant: Variant) -> None:
    """The gradient is exactly the task's with the opposite sign."""
    assert torch.equal(total_gradient(100.0, ASCENT, variant), -plain_gradient())


def test_below_the_target_odd_epochs_flatten_as_in_algorithm_1() -> None:
    """The gradient is p - t per record: softmax minus the soft label, which leaves the true class alone."""
    logits, labels = batch()
    p = logits.detach().softmax(1)
    found = total_gradient(100.0, FLATTENING)
    torch.testing.assert_close(found, (p - flattened(logits.detach(), labels)) / 6)
    torch.testing.assert_close(found.gather(1, labels[:, None]), torch.zeros(6, 1), rtol=0, atol=1e-7)


def test_flattening_as_released_is_the_released_formula() -> None:
    """Wrong records learn a soft label that has a gradient, and every record climbs."""
    logits, labels = batch()
    truth = logits.softmax(1)[torch.arange(6), labels]
    hot = F.one_hot(labels, 10)
    soft = hot * truth[:, None] + (1 - hot) * ((1 - truth) / 9)[:, None]
    wrong = torch.tensor([0.0, 0, 0, 0, 1, 1])
    loss = (wrong * -(soft * logits.log_softmax(1)).sum(1) - F.cross_entropy(logits, labels, reduction="none")).mean()
    (expected,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(total_gradient(100.0, FLATTENING, "released"), expected)


def test_a_soft_label_keeps_the_true_class() -> None:
    """Its rows sum to 1, the true class has its posterior, and the other classes are equal."""
    logits, labels = batch()
    soft = flattened(logits, labels)
    torch.testing.assert_close(soft.sum(1), torch.ones(6))
    torch.testing.assert_close(soft.gather(1, labels[:, None]), logits.softmax(1).gather(1, labels[:, None]))
    assert all(len(set(row.tolist()) - {row[label].item()}) == 1 for row, label in zip(soft, labels, strict=True))


def test_each_network_of_a_stack_has_its_own_side_of_the_target() -> None:
    """A network below the target climbs beside one above it that learns."""
    logits, labels = batch()
    good = (10.0 * F.one_hot(labels, 10)).requires_grad_()
    both = torch.cat([logits, good])
    penalty = RelaxedLoss(settings(0.5)).penalty(step(both, 2, torch.cat([labels, labels])))
    above, below = torch.autograd.grad(penalty, (logits, good))
    assert not above.any()
    torch.testing.assert_close(below, -2 * torch.autograd.grad(F.cross_entropy(good, labels), good)[0])


def trained(toy: Toy, target: float, epochs: int = 20) -> Trained:
    """Train a network with a target."""
    terms = (RelaxedLoss(settings(target)),)
    history = train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(epochs), toy.generators(0), terms=terms)
    return Trained(history, (("train", epochs),), {})


def test_the_loss_stays_at_the_target(toy: Toy) -> None:
    """Plain training ends far below 0.3; with that target it ends near it."""
    plain, relaxed = trained(toy, 1e-6), trained(toy, 0.3)
    assert plain.history["loss"][-1][0] < 0.05
    assert sum(epoch[0] for epoch in relaxed.history["loss"][-6:]) / 6 == pytest.approx(0.3, abs=0.15)


def test_the_check_fails_where_the_target_is_never_reached(toy: Toy) -> None:
    """A target below all losses fails, one above the last losses passes, and no measurement is a failure."""
    found = [
        METHOD.checks(settings(0.3), trained(toy, 0.3)),
        METHOD.checks(settings(1e-6), trained(toy, 1e-6, epochs=3)),
        METHOD.checks(settings(0.3), Trained({}, (), {})),
    ]
    assert [checks[0].passed for checks in found] == [True, False, False]
