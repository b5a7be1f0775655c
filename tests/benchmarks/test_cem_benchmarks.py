"""The benchmarks of CEM run, and compare like with like; how fast anything is, no test asserts."""

import pytest
import torch

from benchmarks import cem_loss, cem_step, decoder_attack


def test_the_loop_and_the_expression_are_the_same_loss() -> None:
    """Value and gradient agree where records share clusters and where they are alone."""
    for classes in (2, 20):
        clusters, features, labels = cem_loss.problem(cem_loss.QUICK, classes)
        gradients = []
        for loss in (cem_loss.looped_loss, cem_loss.fast_loss):
            leaf = features.clone().requires_grad_()
            loss(clusters, leaf, labels, 20.0).backward()
            gradients.append(leaf.grad)
        torch.testing.assert_close(gradients[0], gradients[1])


def test_the_loss_is_measured() -> None:
    """One row per number of classes, with a number and the aim."""
    (result,) = cem_loss.measure(cem_loss.QUICK)
    assert result.value is not None
    assert (result.value > 0, result.aim) == (True, 8.0)


def test_a_step_is_measured() -> None:
    """Each row has a number and its aim."""
    results = cem_step.measure(cem_step.QUICK)
    assert all(result.value is not None and result.value > 0 for result in results)
    assert [result.aim for result in results] == [pytest.approx(1.1), 2.0, None]


@pytest.mark.slow
def test_the_attack_is_measured() -> None:
    """Its row has a number and its aim."""
    (result,) = decoder_attack.measure(decoder_attack.QUICK)
    assert result.value is not None
    assert (result.value > 0, result.aim) == (True, 2.0)
