"""DP-SGD through Opacus."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from opacus.accountants import utils
from torch import nn
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.dp_sgd import DpSgd, DpSgdSettings, checks, dp_sgd, least_epsilon, per_record
from privprune.errors import UserError
from privprune.models import BlockNet
from privprune.models.layout import in_fast_layout
from privprune.training.batches import TrainingData, as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train
from privprune.training.trained import Trained

pytestmark = [  # warnings of torch and Opacus about inputs of the first layer, and about the toy's small budgets
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha"),
]
MakeSetting = Callable[..., DefenceContext]
NOISE = functools.cache(utils.get_noise_multiplier)


@pytest.fixture(autouse=True)
def _noise_is_sought_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute the noise multiplier of each target once for all tests, as it takes a second."""
    monkeypatch.setattr(utils, "get_noise_multiplier", NOISE)


def privacy(clip: float = 1.0, epsilon: float = 5.0, accountant: Literal["rdp", "prv"] = "rdp") -> DpSgdSettings:
    """Return settings."""
    return DpSgdSettings("dp_sgd", epsilon=epsilon, delta=0.001, clipping_norm=clip, accountant=accountant)


def fitted(
    toy: Toy, context: DefenceContext, transform: DpSgd, epochs: int, batch: int, learning_rate: float = 0.1
) -> Ensemble:
    """Train one network with the transform, on the context's members."""
    ensemble = Ensemble(toy.networks(0))
    data = TrainingData(context.images, context.labels, context.members)
    plan = toy.plan(epochs, learning_rate, batch, momentum=0.0)
    train(ensemble, data, plan, toy.generators(1), transform=transform)
    return ensemble


@pytest.mark.slow
@pytest.mark.parametrize(("accountant", "epsilon"), [("rdp", 1.0), ("prv", 6.28)])
def test_the_target_epsilon_is_reached(toy: Toy, context: MakeSetting, accountant: Any, epsilon: float) -> None:
    """The epsilon of the training is below the target by at most 2 %, and all steps are counted."""
    own = context(0, batch=12)
    transform = DpSgd(privacy(1.0, epsilon, accountant), own)
    steps: list[int] = []
    batches = transform.batches
    transform.batches = lambda data, batch: (steps.append(1) or part for part in batches(data, batch))  # type: ignore[method-assign]
    fitted(toy, own, transform, 3, 12)
    measured = transform.measured()
    assert 0.98 * epsilon < measured["epsilon"][0] <= epsilon
    assert measured["epsilon"] == measured[f"epsilon_{accountant}"]
    assert measured["epsilon_prv"][0] < measured["epsilon_rdp"][0]
    assert measured["skipped_steps"] == [0.0]
    assert measured["delta"] == [0.001]
    assert measured["noise_multiplier"] == [transform.noise_multiplier]
    assert sum(taken for _, _, taken in transform._accountant.history) == len(steps) == 9
    assert all(noise == transform.noise_multiplier for noise, _, _ in transform._accountant.history)


def fixed(transform: DpSgd, records: int) -> None:
    """Set up one step on the first records, without noise."""
    transform.noise_multiplier = 0.0
    transform.batches = lambda *_: iter([torch.arange(records)[None]])  # type: ignore[method-assign]


def moved(toy: Toy, own: DefenceContext, clip: float, records: int, learning_rate: float) -> torch.Tensor:
    """Return the weights after one step without noise, as one vector."""
    transform = DpSgd(privacy(clip), own)
    fixed(transform, records)
    state = fitted(toy, own, transform, 1, own.batch, learning_rate).state_dicts()[0]
    return torch.cat([value.flatten() for value in state.values()])


def test_the_influence_of_a_record_is_clipped(toy: Toy, context: MakeSetting) -> None:
    """A further record with a large gradient changes a step by at most learning rate x norm / batch."""
    own, clip, rate = context(0), 0.01, 0.5
    influence = (moved(toy, own, clip, 10, rate) - moved(toy, own, clip, 9, rate)).norm().item()
    assert influence == pytest.approx(rate * clip / own.batch, rel=0.02)


def test_without_noise_and_clipping_it_is_plain_descent(toy: Toy, context: MakeSetting) -> None:
    """With a norm that is never reached, a step on `batch` records is a step of SGD on their mean loss."""
    own = context(0)
    found = moved(toy, own, 1e6, own.batch, 0.5)
    (network,) = toy.networks(0)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5, weight_decay=0.001)
    logits = network(as_input(own.images[: own.batch]))
    torch.nn.functional.cross_entropy(logits, own.labels[: own.batch]).backward()
    optimiser.step()
    expected = torch.cat([value.flatten() for value in network.state_dict().values()])
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_per_record_are_those_of_each_record_alone(channels: int, layout: torch.memory_format) -> None:
    """Also where network and images have channels last, as all that train do; Opacus alone errs there by half."""
    first, second = nn.Conv2d(channels, 8, 5), nn.Conv2d(8, 6, 4, stride=2)
    layers = first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(54, 3)
    network = in_fast_layout(nn.Sequential(*layers))
    images = torch.randn(7, channels, 12, 12, generator=torch.Generator().manual_seed(0)).to(memory_format=layout)
    labels = torch.arange(7) % 3
    alone = [torch.autograd.grad(F.cross_entropy(network(images[[row]]), labels[[row]]), list(network.parameters()))
             for row in range(7)]  # fmt: skip
    wrapped = per_record(network)
    F.cross_entropy(wrapped(images), labels).backward()
    for parameter, *expected in zip(network.parameters(), *alone, strict=True):
        assert torch.allclose(parameter.grad_sample, torch.stack(expected), atol=1e-6)


def test_noise_has_the_deviation_that_the_accountant_counts(toy: Toy, context: MakeSetting) -> None:
    """With a clipping norm near 0 weights change by noise of deviation multiplier x norm x rate / batch."""
    own, rate = context(0), 0.5
    transform = DpSgd(privacy(), own)
    transform.noise_multiplier, clip = 3.0, 1.0
    transform.batches = lambda *_: iter([torch.arange(0, 1)[None]])  # type: ignore[method-assign]
    state = fitted(toy, own, transform, 1, own.batch, rate).state_dicts()[0]
    (before,) = Ensemble(toy.networks(0)).state_dicts()
    move = torch.cat([(state[name] - before[name]).flatten() for name in state])
    assert move.std().item() == pytest.approx(3.0 * clip * rate / own.batch, rel=0.03)


def test_records_are_drawn_independently(context: MakeSetting) -> None:
    """Each record is in about batch / records of the batches, and batch sizes vary like a binomial variable."""
    own = context(0)
    transform = DpSgd(privacy(), own)
    data = TrainingData(own.images, own.labels, own.members)
    drawn = [part for _ in range(200) for part in transform.batches(data, own.batch)]
    assert all(part.shape[0] == 1 for part in drawn)
    sizes = torch.tensor([float(part.shape[1]) for part in drawn])
    assert sizes.mean() == pytest.approx(10, rel=0.05)
    assert sizes.var() == pytest.approx(40 * 0.25 * 0.75, rel=0.2)
    counts = torch.bincount(torch.cat(drawn, dim=1)[0], minlength=40) / len(drawn)
    assert (counts - 0.25).abs().max() < 0.08


def test_an_empty_batch_is_a_step_of_noise_alone(toy: Toy, context: MakeSetting) -> None:
    """Its noise has the same deviation, weight decay acts as in any step, and the accountant counts it."""
    own, rate = context(0), 0.5
    transform = DpSgd(privacy(), own)
    transform.noise_multiplier = 3.0
    transform.batches = lambda *_: iter([torch.empty(1, 0, dtype=torch.int64)])  # type: ignore[method-assign]
    state = fitted(toy, own, transform, 1, own.batch, rate).state_dicts()[0]
    (before,) = Ensemble(toy.networks(0)).state_dicts()
    move = torch.cat([(state[name] - before[name]).flatten() for name in state])
    assert move.std().item() == pytest.approx(3.0 * rate / own.batch, rel=0.03)
    assert sum(taken for _, _, taken in transform._accountant.history) == 1


def test_no_step_is_skipped_with_batches_of_one(toy: Toy, context: MakeSetting) -> None:
    """Of 40 steps about a third draw no record; all of them are taken and counted, and the history stays finite."""
    own = context(0, batch=1, epochs=1)
    transform = DpSgd(privacy(), own)
    drawn: list[int] = []
    batches = transform.batches

    def noted(*given: Any) -> list[torch.Tensor]:
        parts = list(batches(*given))
        drawn.extend(part.shape[1] for part in parts)
        return parts

    transform.batches = noted  # type: ignore[method-assign,assignment]
    ensemble = Ensemble(toy.networks(0))
    data = TrainingData(own.images, own.labels, own.members)
    plan = toy.plan(1, 0.01, 1, momentum=0.0)
    history = train(ensemble, data, plan, toy.generators(1), transform=transform)
    assert len(drawn) == 40
    assert 5 < drawn.count(0) < 25
    assert sum(taken for _, _, taken in transform._accountant.history) == 40
    assert torch.isfinite(torch.tensor(history["loss"])).all()
    assert all(value.isfinite().all() for value in ensemble.parameters())


@pytest.mark.parametrize(
    ("epsilon", "skipped", "passed"), [(4.9, 0.0, [True, True]), (5.2, 0.0, [False, True]), (4.9, 3.0, [True, False])]
)
def test_a_broken_promise_fails(epsilon: float, skipped: float, passed: list[bool]) -> None:
    """More epsilon than set, or a step that was skipped."""
    measured = {"epsilon": [epsilon], "skipped_steps": [skipped]}
    assert [one.passed for one in checks(privacy(), Trained({}, (), measured))] == passed


def test_the_network_is_unwrapped_after_training(toy: Toy, context: MakeSetting) -> None:
    """After training the network has no wrapper or hooks of Opacus."""
    own = context(0)
    ensemble = fitted(toy, own, DpSgd(privacy(), own), 1, 10)
    assert type(ensemble.module) is BlockNet
    assert set(ensemble.module.state_dict()) == set(toy.networks(0)[0].state_dict())
    for part in ensemble.module.modules():
        assert not part._forward_hooks
        assert not part._backward_hooks


def test_what_opacus_cannot_train_is_refused_in_one_line(toy: Toy, context: MakeSetting) -> None:
    """Stacks and batch normalisation are refused before the first step."""
    with pytest.raises(ValueError, match=r"dp_sgd: found several networks side by side, allowed stack: 1"):
        dp_sgd(privacy(), context(0, 1))
    own = context(0)
    ensemble = Ensemble(toy.normalised(0))
    before = ensemble.state_dicts()[0]
    data = TrainingData(own.images, own.labels, own.members)
    with pytest.raises(UserError, match=r"^dp_sgd: .*allowed: networks without batch normalisation") as told:
        train(ensemble, data, toy.plan(1), toy.generators(0), transform=DpSgd(privacy(), own))
    assert "\n" not in str(told.value)
    assert all(torch.equal(value, before[name]) for name, value in ensemble.state_dicts()[0].items())


def test_the_least_epsilon_is_that_of_the_accountant_without_end_of_noise() -> None:
    """However much noise is added, the RDP accountant of Opacus gives no smaller epsilon."""
    from opacus.accountants import create_accountant  # noqa: PLC0415 (takes two seconds)

    for delta in (1e-9, 1e-5, 0.001, 0.01):
        accountant = create_accountant("rdp")
        accountant.history = [(1e6, 1.0, 1)]
        assert accountant.get_epsilon(delta=delta) == pytest.approx(least_epsilon(delta), abs=1e-6)
