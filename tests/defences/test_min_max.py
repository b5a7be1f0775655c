"""The Min-Max game."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.min_max import MinMax, MinMaxSettings, min_max
from privprune.training.batches import TrainingData, as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, train

MakeSetting = Callable[..., DefenceContext]


def game(**changed: Any) -> MinMaxSettings:
    """Return settings with some changed."""
    complete: dict[str, Any] = {
        "name": "min_max",
        "gain_weight": 2.0,
        "attack_steps": 2,
        "learning_rate": 0.001,
        "warm_up_epochs": 0,
        "variant": "paper",
    }
    return MinMaxSettings(**{**complete, **changed})


def played(
    toy: Toy, context: DefenceContext, terms: list[MinMax], seeds: tuple[int, ...], **plan: Any
) -> tuple[Any, Any]:
    """Train networks with the given seeds on the context's members; returns them with the history."""
    ensemble = Ensemble(toy.normalised(*seeds))
    data = TrainingData(context.images, context.labels, context.members)
    history = train(ensemble, data, toy.plan(3, batch=10, **plan), toy.generators(*seeds), terms=terms)
    return ensemble, history


def one_step(toy: Toy, context: DefenceContext, members: int) -> Step:
    """Return a step, as a term is given it."""
    ensemble = Ensemble(toy.networks(*range(members)))
    records = context.members[:, :6].flatten()
    inputs, labels = as_input(context.images[records]), context.labels[records]
    return Step(ensemble, inputs, labels, ensemble(inputs), None, None, 0.1, epoch=0, last_of_epoch=True)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one", "two"])
def test_without_weight_the_game_is_plain_training(toy: Toy, context: MakeSetting, seeds: tuple[int, ...]) -> None:
    """With gain_weight 0 the classifiers are bit for bit those of training without the game."""
    own = context(*seeds)
    plain, _ = played(toy, own, [], seeds)
    played_against, _ = played(toy, own, [MinMax(game(gain_weight=0.0), own)], seeds)
    for one, other in zip(plain.state_dicts(), played_against.state_dicts(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    weighted = context(*seeds)
    moved, _ = played(toy, weighted, [MinMax(game(), weighted)], seeds)
    assert not torch.equal(plain.state_dicts()[0]["fc2.linear.bias"], moved.state_dicts()[0]["fc2.linear.bias"])


def test_the_gain_of_random_guessing_is_minus_log_4(toy: Toy, context: MakeSetting) -> None:
    """An inference network that outputs 1/2 for members and others has the gain 2 log 1/2."""
    own = context(0)
    _, history = played(toy, own, [MinMax(game(learning_rate=1e-12), own)], (0,))
    assert [row[0] for row in history["inference_gain"]] == pytest.approx(3 * [-math.log(4)], abs=1e-3)


def test_the_inference_network_learns(toy: Toy, context: MakeSetting) -> None:
    """Against a classifier that has learnt random labels of its members the gain is far above that of guessing."""
    labels = torch.randint(0, 3, (96,), generator=torch.Generator().manual_seed(3))
    own = context(0, labels=labels)
    ensemble = Ensemble(toy.networks(0))
    data = TrainingData(own.images, own.labels, own.members)
    term = MinMax(game(gain_weight=0.0, warm_up_epochs=25), own)
    history = train(ensemble, data, toy.plan(32, batch=10, learning_rate=0.05), toy.generators(0), terms=[term])
    assert history["inference_gain"][-1][0] > -0.8 * math.log(4)


def test_warm_up_is_plain_training_without_a_gain(toy: Toy, context: MakeSetting) -> None:
    """Before the game the gain is NaN, and only the classifier changes."""
    own = context(0)
    plain, _ = played(toy, own, [], (0,))
    waiting, history = played(toy, own, [MinMax(game(warm_up_epochs=3), own)], (0,))
    for name, value in plain.state_dicts()[0].items():
        assert torch.equal(value, waiting.state_dicts()[0][name])
    assert all(math.isnan(row[0]) for row in history["inference_gain"])
    _, later = played(toy, own, [MinMax(game(warm_up_epochs=2), own)], (0,))
    assert [math.isnan(row[0]) for row in later["inference_gain"]] == [True, True, False]


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_penalty_is_equation_1_over_the_members(toy: Toy, context: MakeSetting, variant: Any) -> None:
    """It is lambda times the mean log output of the inference network on the batch, summed over the networks."""
    own = context(0, 1)
    term, step = MinMax(game(variant=variant), own), one_step(toy, own, 2)
    network = copy.deepcopy(term._attacker)
    seen = step.logits.unflatten(0, (2, 6))
    seen = seen.softmax(-1) if variant == "paper" else seen
    expected = 2.0 * network(seen, step.labels.unflatten(0, (2, 6))).sigmoid().log().mean(1).sum()
    penalty = term.penalty(step)
    assert penalty is not None
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)


def test_each_step_changes_one_network_only(toy: Toy, context: MakeSetting) -> None:
    """The penalty has a gradient on the classifier only; the inference network's step does not change it."""
    own = context(0, 1)
    term, step = MinMax(game(), own), one_step(toy, own, 2)
    network = term._attacker
    before = copy.deepcopy(network.state_dict())
    penalty = term.penalty(step)
    assert penalty is not None
    penalty.backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    gradients = [parameter.grad for parameter in step.ensemble.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    states = step.ensemble.state_dicts()
    kept = [gradient.clone() for gradient in gradients if gradient is not None]
    term.update(step)
    for one, other in zip(states, step.ensemble.state_dicts(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(one, p.grad) for one, p in zip(kept, step.ensemble.parameters(), strict=True))
    assert not torch.equal(network.state_dict()["common.0.weight"], before["common.0.weight"])
    assert step.ensemble.module.training


def test_a_stack_of_two_games_equals_two_games(toy: Toy, context: MakeSetting) -> None:
    """Two classifiers trained in a stack with their inference networks equal those trained alone, up to rounding."""
    both = context(0, 1)
    together, history = played(toy, both, [MinMax(game(), both)], (0, 1), learning_rate=0.02)
    for member in (0, 1):
        own = context(member)
        alone, noted = played(toy, own, [MinMax(game(), own)], (member,), learning_rate=0.02)
        for name, value in alone.state_dicts()[0].items():
            assert torch.allclose(value.float(), together.state_dicts()[member][name].float(), atol=1e-4), name
        assert [row[member] for row in history["inference_gain"]] == pytest.approx(
            [row[0] for row in noted["inference_gain"]], abs=1e-3
        )


def test_the_game_needs_reference_records(context: MakeSetting) -> None:
    """A protocol without reference records is refused."""
    none = torch.zeros(1, 0, dtype=torch.int64)
    with pytest.raises(ValueError, match="min_max: found no reference records, allowed a protocol with `reference`"):
        min_max(game(), context(0, reference=none))
