"""The Min-Max game."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.min_max import MARGIN, MinMax, MinMaxSettings, check_min_max, checks, min_max
from privprune.models.nasr import GUESSING
from privprune.training.batches import TrainingData, as_input
from privprune.training.ensemble import Ensemble, side_of
from privprune.training.loop import Step, train
from privprune.training.trained import Trained

MakeSetting = Callable[..., DefenceContext]


def game(**changed: Any) -> MinMaxSettings:
    """Return settings with some changed."""
    complete: dict[str, Any] = {
        "name": "min_max",
        "gain_weight": 2.0,
        "attack_steps": 2,
        "attack_warm_up": 0,
        "learning_rate": 0.001,
        "warm_up_epochs": 0,
        "variant": "paper",
        "initialisation": "nasr",
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
    for curve in ("inference_gain", "inference_gain_raw"):
        assert [row[0] for row in history[curve]] == pytest.approx(3 * [-math.log(4)], abs=1e-3)
    assert all(row[0] >= -math.log(4) - 1e-6 for row in history["inference_gain"])


def test_the_inference_network_learns(toy: Toy, context: MakeSetting) -> None:
    """Against a classifier that has learnt random labels of its members the gain is far above that of guessing."""
    labels = torch.randint(0, 3, (96,), generator=torch.Generator().manual_seed(3))
    own = context(0, labels=labels)
    ensemble = Ensemble(toy.networks(0))
    data = TrainingData(own.images, own.labels, own.members)
    term = MinMax(game(gain_weight=0.0, warm_up_epochs=25), own)
    history = train(ensemble, data, toy.plan(32, batch=10, learning_rate=0.05), toy.generators(0), terms=[term])
    assert history["inference_gain"][-1][0] > -0.8 * math.log(4)


def test_before_the_game_only_the_inference_network_feels_the_other(toy: Toy, context: MakeSetting) -> None:
    """During warm-up the classifier is that of plain training, while the inference network learns."""
    own = context(0)
    plain, _ = played(toy, own, [], (0,))
    term = MinMax(game(warm_up_epochs=3), own)
    before = copy.deepcopy(term._attacker.state_dict())
    waiting, history = played(toy, own, [term], (0,))
    for name, value in plain.state_dicts()[0].items():
        assert torch.equal(value, waiting.state_dicts()[0][name])
    assert not torch.equal(term._attacker.state_dict()["common.0.weight"], before["common.0.weight"])
    assert all(math.isfinite(row[0]) for row in history["inference_gain"])
    assert all(math.isnan(row[0]) for row in history["penalty_gradient_share"])
    _, later = played(toy, own, [MinMax(game(warm_up_epochs=2), own)], (0,))
    assert [math.isnan(row[0]) for row in later["penalty_gradient_share"]] == [True, True, False]


@pytest.mark.parametrize("warm_up_epochs", [0, 20])
def test_the_inference_network_learns_before_the_game(toy: Toy, context: MakeSetting, warm_up_epochs: int) -> None:
    """Alone it learns from a classifier at rest, until its gain is above that of guessing; the classifier stays."""
    labels = torch.randint(0, 3, (96,), generator=torch.Generator().manual_seed(3))
    own = context(0, labels=labels)
    ensemble = Ensemble(toy.networks(0))
    data = TrainingData(own.images, own.labels, own.members)
    train(ensemble, data, toy.plan(25, batch=10, learning_rate=0.05), toy.generators(0))
    state = ensemble.state_dicts()[0]
    reached = []
    for most in (0, 2000):
        term = MinMax(game(attack_warm_up=most, warm_up_epochs=warm_up_epochs, learning_rate=0.003), own)
        assert term.warm_ups == (warm_up_epochs == 0)
        term.warm_up(ensemble)
        reached.append(term.measured()["inference_gain_before_game"][0])
    assert reached[0] == pytest.approx(-math.log(4), abs=0.01)
    assert reached[1] >= GUESSING + MARGIN
    assert all(torch.equal(value, state[name]) for name, value in ensemble.state_dicts()[0].items())


def test_the_share_is_the_ratio_of_two_gradients(toy: Toy, context: MakeSetting) -> None:
    """It is that of finite graphs of each network alone, with respect to the logits, and grows with the weight."""
    shares = []
    for weight in (1.0, 3.0):
        own = context(0, 1)
        term, step = MinMax(game(gain_weight=weight), own), one_step(toy, own, 2)
        losses = side_of(F.cross_entropy(step.logits, step.labels, reduction="none"), 2).mean(1)
        step = replace(step, losses=losses)
        penalty = term.penalty(step)
        assert penalty is not None
        norms = [torch.autograd.grad(one, step.logits, retain_graph=True)[0] for one in (penalty, losses.sum())]
        expected = [float(norms[0][rows].norm() / norms[1][rows].norm()) for rows in (slice(0, 6), slice(6, 12))]
        shares.append(term._share.tolist())
        assert shares[-1] == pytest.approx(expected, rel=1e-4)
    assert shares[1] == pytest.approx([3 * share for share in shares[0]], rel=1e-3)


@pytest.mark.parametrize(
    ("before", "share", "passed"),
    [
        ([-1.2], 0.5, [True, True]),
        ([-1.38], 0.5, [False, True]),
        ([-1.2], 0.06, [True, False]),
        ([], None, [False] * 2),
    ],
)
def test_an_inert_game_fails_its_checks(before: list[float], share: float | None, passed: list[bool]) -> None:
    """One check for what the adversary knows, one for the pull of the penalty; what was not measured has failed."""
    curves = {} if share is None else {"penalty_gradient_share": [[math.nan], [share], [share]]}
    measured = {"inference_gain_before_game": before} if before else {}
    found = checks(game(), Trained(curves, (("train", 3),), measured))
    assert [one.passed for one in found] == passed


def test_a_game_without_weight_is_refused() -> None:
    """So is one that would begin after the last epoch."""
    cell: Any = SimpleNamespace(epochs=4)
    check_min_max(game(warm_up_epochs=3), cell)
    with pytest.raises(ValueError, match=r"^gain_weight: found 0, allowed above 0"):
        check_min_max(game(gain_weight=0.0), cell)
    with pytest.raises(ValueError, match=r"^warm_up_epochs: found 4, allowed below the 4 epochs"):
        check_min_max(game(warm_up_epochs=4), cell)


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
