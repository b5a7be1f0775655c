"""Distillation from the dense network while the smaller one is retrained."""

from typing import Any

import pytest
import torch
from residual_toys import SHAPE, residual, settled
from torch import nn

from privprune.errors import UserError
from privprune.pruning.distillation import Distillation, DistillationSettings, distance
from privprune.settings import read
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, train

SOFT = DistillationSettings("divergence", 0.5, 4.0)


def test_the_loss_is_that_of_hinton() -> None:
    """T^2 times the mean of sum_c p_c (log p_c - log q_c), p and q the softened answers; 0 where both agree."""
    chance = torch.Generator().manual_seed(1)
    own, taught = (torch.randn(6, 5, generator=chance) for _ in range(2))
    p, q = (nn.functional.softmax(logits / 4, dim=1) for logits in (taught, own))
    expected = 16 * (p * (p.log() - q.log())).sum(1).mean()
    assert distance(own, taught, SOFT).item() == pytest.approx(expected.item(), rel=1e-5)
    assert distance(own, own, SOFT).item() == pytest.approx(0, abs=1e-6)
    squared = DistillationSettings("squared", 1.0, 1.0)
    assert distance(own, taught, squared).item() == pytest.approx(((own - taught) ** 2).mean().item(), rel=1e-6)


def test_at_a_high_temperature_it_is_the_squared_difference_of_centred_logits() -> None:
    """Hinton et al., Section 2.1: with large T, T^2 KL tends to half the mean square over classes of the difference."""
    chance = torch.Generator().manual_seed(2)
    own, taught = (torch.randn(6, 5, generator=chance) for _ in range(2))
    apart = (own - own.mean(1, keepdim=True)) - (taught - taught.mean(1, keepdim=True))
    hot = distance(own.double(), taught.double(), DistillationSettings("divergence", 1.0, 1000.0)).item()
    assert hot == pytest.approx((apart**2).mean(1).mean().item() / 2, rel=1e-2)


def test_only_the_student_learns() -> None:
    """The gradient of the weighted loss is on the student's logits; the teacher stays as it is."""
    teacher, student = settled(residual(), 1), settled(residual(), 2)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    term = Distillation(SOFT, teacher)
    inputs = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    ensemble = Ensemble([student])
    term.start(ensemble)
    step = Step(ensemble, inputs, torch.arange(4), student(inputs), None, None, 0.1, epoch=0, last_of_epoch=True)
    penalty = term.penalty(step)
    penalty.backward()
    with torch.no_grad():
        expected = 0.5 * distance(step.logits, teacher(inputs), SOFT)
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(value.grad is None for value in term._teacher.parameters())
    assert student.fc.linear.weight.grad.abs().sum() > 0
    assert all(torch.equal(value, before[name]) for name, value in term._teacher.state_dict().items())
    assert term.measurements()["distillation_loss"].item() == pytest.approx(penalty.item() / 0.5)


def test_retraining_with_it_comes_nearer_to_the_teacher(toy: Any) -> None:
    """With random labels, the logits end nearer to the teacher's than without."""
    chance = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=chance)
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])
    ends = []
    for strength in (None, DistillationSettings("divergence", 5.0, 2.0)):
        teacher, student = settled(residual(), 1), settled(residual(), 2)
        terms = () if strength is None else (Distillation(strength, teacher),)
        train(Ensemble([student]), data, toy.plan(6, batch=8), toy.generators(0), terms=terms)
        inputs = images.float() / 127.5 - 1
        with torch.no_grad():
            ends.append(distance(student.eval()(inputs), teacher(inputs), SOFT).item())
    assert ends[1] < 0.8 * ends[0]


def test_a_temperature_without_effect_is_refused() -> None:
    """Squared differences have none: one line."""
    with pytest.raises(UserError, match=r"temperature: found 4 with squared, allowed 1"):
        read(DistillationSettings, {"loss": "squared", "weight": 1.0, "temperature": 4.0}, "suite")
