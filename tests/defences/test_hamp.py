"""HAMP: its soft labels, its loss, its check. The layer behind the network is tested with all output layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from loss_steps import step
from toy import Toy

from privprune.defences import DEFENCES, DefenceContext, output_of
from privprune.defences.hamp import METHOD, HampSettings, HighEntropy, top_probability
from privprune.models.output.random_scores import RandomScoresSettings
from privprune.settings import read
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.trained import Trained

Context = Callable[..., DefenceContext]
Variant = Literal["paper", "released"]


def settings(entropy: float = 0.5, reward: float = 0.1, variant: Variant = "paper") -> HampSettings:
    """Return settings without a layer."""
    return HampSettings("hamp", entropy, reward, variant, None)


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_soft_label_has_the_entropy_that_was_asked_for(classes: int, share: float) -> None:
    """The entropy of the label is that share of log C, and the true class is the likeliest."""
    top = top_probability(share, classes)
    rest = (1 - top) / (classes - 1)
    label = torch.tensor([top, *[rest] * (classes - 1)], dtype=torch.float64)
    assert -(label * label.log()).sum().item() == pytest.approx(share * math.log(classes), rel=1e-9)
    assert top > rest


@pytest.mark.parametrize(("variant", "factor"), [("paper", 1.0), ("released", 0.1)])
def test_task_and_penalty_together_are_the_loss(context: Context, variant: Variant, factor: float) -> None:
    """Their gradient is that of KL(soft || p) - alpha H(p): c (p - soft) + alpha p (log p + H) per record."""
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([3, 0, 9, 3])
    term = HighEntropy(settings(variant=variant), context(0, classes=10))
    total = F.cross_entropy(logits, labels) + term.penalty(step(logits, 1, labels))
    (found,) = torch.autograd.grad(total, logits)
    p, top = logits.detach().softmax(1), top_probability(0.5, 10)
    soft = torch.full((4, 10), (1 - top) / 9).scatter(1, labels[:, None], top)
    entropy = -(p * p.log()).sum(1, keepdim=True)
    torch.testing.assert_close(found, (factor * (p - soft) + 0.1 * p * (p.log() + entropy)) / 4)


def trained(context: Context, toy: Toy, reward: float) -> Trained:
    """Train a network; a negative reward makes it sure of itself."""
    term = HighEntropy(settings(reward=reward), context(0))
    history = train(Ensemble(toy.networks(0)), toy.data(1), toy.plan(12), toy.generators(0), terms=(term,))
    return Trained(history, (("train", 12),), {})


def test_the_check_fails_where_outputs_stay_sure(context: Context, toy: Toy) -> None:
    """Outputs as unsure as the labels pass; sure ones fail, and so does a training that was not measured."""
    found = [trained(context, toy, 0.1), trained(context, toy, -2.0), Trained({}, (), {})]
    assert [METHOD.checks(settings(), one)[0].passed for one in found] == [True, False, False]


def test_a_suite_names_the_layer() -> None:
    """The layer is read with the settings, its mistakes are named, and other defences have none."""
    example: dict[str, Any] = dict(METHOD.examples[0])
    assert output_of(read(HampSettings, example, "suite")) == RandomScoresSettings("random_scores", 20)
    assert output_of(read(HampSettings, {**example, "output": None}, "suite")) is None
    assert output_of(read(DEFENCES["dense"].settings, {"name": "dense"}, "suite")) is None
    assert output_of(None) is None
    with pytest.raises(Exception, match=r"suite\.output\.samples: found 0, allowed at least 1"):
        read(HampSettings, {**example, "output": {"name": "random_scores", "samples": 0}}, "suite")
