from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from privprune.defences.confidence_penalty import ConfidencePenalty, ConfidencePenaltySettings
from privprune.models import build
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step

WEIGHT = 0.3


def step(logits: Tensor, members: int) -> Step:
    """Return a step whose logits are given, [members * batch, 10]."""
    models: list[nn.Module] = [
        build("digits_cnn", in_channels=1, image_size=8, classes=10, generator=torch.Generator().manual_seed(number))
        for number in range(members)
    ]
    labels = torch.zeros(len(logits), dtype=torch.int64)
    inputs = torch.zeros(len(logits), 1, 8, 8)
    return Step(Ensemble(models), inputs, labels, logits, None, None, 0.1, epoch=0, last_of_epoch=False)


def term() -> ConfidencePenalty:
    """Return the term under test."""
    return ConfidencePenalty(ConfidencePenaltySettings("confidence_penalty", WEIGHT))


def test_the_penalty_of_uniform_outputs_is_log_of_the_classes() -> None:
    """Entropy is log C, its maximum, where all C classes are equally likely, and 0 where one class is certain."""
    assert term().penalty(step(torch.zeros(4, 10), 1)).item() == pytest.approx(-WEIGHT * math.log(10))
    certain = torch.eye(10)[:4] * 1000
    assert term().penalty(step(certain, 1)).item() == pytest.approx(0)


def test_the_gradient_is_the_paper_s() -> None:
    """Pereyra et al., Section 3.1: dH/dz_i = p_i (-log p_i - H), here per record of the batch."""
    logits = torch.randn(5, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (found,) = torch.autograd.grad(term().penalty(step(logits, 1)), logits)
    p = logits.detach().softmax(1)
    entropy = -(p * p.log()).sum(1, keepdim=True)
    torch.testing.assert_close(found, -WEIGHT * p * (-p.log() - entropy) / 5)


def test_the_penalty_of_a_stack_is_the_sum_over_networks() -> None:
    """The penalty of two networks in one stack is the sum of the penalties of each alone."""
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(0))
    alone = [term().penalty(step(part, 1)).item() for part in logits.split(4)]
    assert term().penalty(step(logits, 2)).item() == pytest.approx(sum(alone))
