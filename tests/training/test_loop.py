"""The one training loop."""

import copy
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor
from toy import Toy

from privprune.settings import read
from privprune.training.batches import TrainingData, as_input, shuffled
from privprune.training.ensemble import Ensemble, side_of
from privprune.training.loop import OptimiserSettings, ScheduleSettings, Step, Term, train
from privprune.training.prediction import predict


class Decay(Term):
    """A term with a penalty on weights, and an update that shrinks the first bias."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, ensemble: Ensemble) -> None:
        self.anchor = {name: weight.detach().clone() for name, weight in ensemble.weights().items()}
        self.calls.append("start")

    def penalty(self, step: Step) -> Tensor:
        self.calls.append("penalty")
        weights = step.ensemble.weights()
        pulled = [(weights[name] - anchor).square().sum() for name, anchor in self.anchor.items()]
        return 0.1 * torch.stack(pulled).sum() + 0.01 * step.logits.square().mean() * step.ensemble.members

    @torch.no_grad()
    def update(self, step: Step) -> None:
        self.calls.append("update" + "!" * step.last_of_epoch)
        for weight in step.ensemble.weights().values():
            weight.data.mul_(0.999)

    def measurements(self) -> dict[str, Tensor]:
        return {"size": torch.stack([anchor.flatten(1).norm(dim=1) for anchor in self.anchor.values()]).sum(0)}


def half_masks(ensemble: Ensemble) -> dict[str, Tensor]:
    """Keep the positive weights."""
    return {name: weight.detach() > 0 for name, weight in ensemble.weights().items()}


def close(one: Mapping[str, Tensor], other: Mapping[str, Tensor], tolerance: float) -> None:
    """Compare two state dicts, within a tolerance."""
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name], other[name], atol=tolerance, rtol=tolerance), name


OPTIMISERS: list[dict[str, Any]] = [
    {"momentum": 0.9, "learning_rate": 0.05},
    {"optimiser": "adam", "momentum": 0.0, "learning_rate": 0.002},
]


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["sgd", "adam"])
@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_a_stack_equals_networks_trained_alone(toy: Toy, optimiser: dict[str, Any], augmentation: str) -> None:
    """Three networks trained in a stack, with a term and masks, equal those trained alone, up to rounding."""
    plan = toy.plan(2, batch=20, augmentation=augmentation, **optimiser)
    data = toy.data(3)
    data = replace(data, indices=torch.stack([row.roll(9 * member)[:70] for member, row in enumerate(data.indices)]))
    together = Ensemble(toy.normalised(0, 1, 2))
    history = train(together, data, plan, toy.generators(5, 6, 7), terms=[Decay()], masks=half_masks(together))
    for member in range(3):
        alone = Ensemble([toy.normalised(0, 1, 2)[member]])
        own = replace(data, indices=data.indices[[member]])
        noted = train(alone, own, plan, toy.generators(5 + member), terms=[Decay()], masks=half_masks(alone))
        close(together.state_dicts()[member], alone.state_dicts()[0], 1e-5)
        for name, rows in noted.items():
            assert [row[member] for row in history[name]] == pytest.approx([row[0] for row in rows], abs=1e-4), name


def test_one_network_is_trained_as_a_plain_loop_does_it(toy: Toy) -> None:
    """With the same batches the weights are those of ten lines of PyTorch, bit for bit."""
    plan = toy.plan(3, batch=40, schedule=ScheduleSettings("cosine", (), 1.0))
    ensemble = Ensemble(toy.networks(0))
    history = train(ensemble, toy.data(1), plan, toy.generators(4))

    (network,), data, generators = toy.networks(0), toy.data(1), toy.generators(4)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.001)
    for epoch in range(3):
        loss_sum, hits = 0.0, 0
        for number, batch in enumerate(shuffled(data, 40, generators)):
            optimiser.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * (3 * epoch + number) / 9))
            logits, labels = network(as_input(data.images[batch[0]])), data.labels[batch[0]]
            optimiser.zero_grad()
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            optimiser.step()
            loss_sum, hits = loss_sum + loss.item() * len(labels), hits + int((logits.argmax(1) == labels).sum())
        assert history["loss"][epoch][0] == pytest.approx(loss_sum / 96, rel=1e-5)
        assert history["accuracy"][epoch][0] == pytest.approx(hits / 96)
    close(ensemble.state_dicts()[0], network.state_dict(), 1e-6)


def test_training_fits_the_records(toy: Toy) -> None:
    """A few epochs fit the toy problem, and the history is that of the training steps."""
    ensemble = Ensemble(toy.networks(0, 1))
    history = train(ensemble, toy.data(2), toy.plan(8), toy.generators(0, 1))
    data = toy.data(1)
    assert (predict(ensemble, data.images, data.indices[0]).argmax(2) == data.labels).float().mean() > 0.95
    assert {name: (len(rows), len(rows[0])) for name, rows in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "learning_rate"), (8, 2)
    )


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["sgd", "adam"])
@pytest.mark.parametrize("members", [1, 3])
def test_masked_weights_stay_zero(toy: Toy, optimiser: dict[str, Any], members: int) -> None:
    """With momentum, weight decay, Adam and a term's penalty masked weights are 0, and the others change."""
    ensemble = Ensemble(toy.networks(*range(members)))
    train(ensemble, toy.data(members), toy.plan(1, **optimiser), toy.generators(*range(members)))
    masks, before = half_masks(ensemble), toy.values(ensemble)
    train(ensemble, toy.data(members), toy.plan(2, **optimiser), toy.generators(*range(members)), masks=masks)
    for name, weight in ensemble.weights().items():
        assert weight[~masks[name]].abs().sum() == 0
        assert (weight != before[name])[masks[name]].float().mean() > 0.5


def test_masks_without_an_epoch_are_applied(toy: Toy) -> None:
    """A phase of 0 epochs sets the masked weights to zero, and does nothing else."""
    ensemble = Ensemble(toy.networks(0))
    masks, before = half_masks(ensemble), toy.values(ensemble)
    assert train(ensemble, toy.data(1), toy.plan(0), toy.generators(0), masks=masks) == {}
    for name, weight in ensemble.weights().items():
        assert torch.equal(weight, before[name] * masks[name])


def test_training_depends_on_its_generators_and_nothing_else(toy: Toy) -> None:
    """Other global seeds change nothing, another generator does, and no global random state changes."""

    def trained(global_seed: int, seed: int) -> Tensor:
        torch.manual_seed(global_seed)
        random.seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002 (the state that nobody may use)
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        ensemble = Ensemble(toy.networks(0, 1))
        train(ensemble, toy.data(2), toy.plan(1, augmentation="crop_flip"), toy.generators(seed, seed + 1))
        predict(ensemble, toy.data(1).images, torch.arange(5))
        assert torch.equal(torch.get_rng_state(), states[0])
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]  # noqa: NPY002
        return torch.cat([value.flatten() for value in ensemble.state_dicts()[1].values()])

    assert torch.equal(trained(1, 3), trained(2, 3))
    assert not torch.equal(trained(1, 3), trained(1, 4))


def test_a_term_is_called_in_order(toy: Toy) -> None:
    """`start` is called once, then `penalty` and `update` in turn; `update` is given the end of each epoch."""
    term = Decay()
    ensemble = Ensemble(toy.networks(0))
    history = train(ensemble, toy.data(1), toy.plan(2, batch=50), toy.generators(0), terms=[term])
    assert term.calls == ["start", *2 * ["penalty", "update", "penalty", "update!"]]
    assert len(history["size"]) == 2


def test_schedules_equal_rates_computed_by_hand() -> None:
    """`constant` stays 1, `multistep` multiplies at its milestones, `cosine` goes from 1 through 0.5 to 0."""
    constant = ScheduleSettings("constant", (2,), 0.1)
    steps = ScheduleSettings("multistep", (2, 4), 0.1)
    cosine = ScheduleSettings("cosine", (), 1.0)
    assert [constant.rate(progress, 8) for progress in (0, 3.5, 8)] == [1, 1, 1]
    assert [steps.rate(progress, 8) for progress in (0, 1.99, 2, 3.5, 4, 8)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert [cosine.rate(progress, 8) for progress in (0, 2, 4, 8)] == pytest.approx([1, 0.5 + 0.125**0.5, 0.5, 0])
    assert cosine.rate(0, 0) == 1


def test_an_idle_first_epoch_is_the_only_difference_of_its_schedule() -> None:
    """`multistep_idle_first` has rate 0 in epoch 0, and is `multistep` from epoch 1 on."""
    idle, plain = (ScheduleSettings(name, (2,), 0.2) for name in ("multistep_idle_first", "multistep"))
    assert (idle.rate(0.0, 4), idle.rate(0.99, 4)) == (0.0, 0.0)
    assert [idle.rate(at, 4) for at in (1.0, 2.0, 3.5)] == [plain.rate(at, 4) for at in (1.0, 2.0, 3.5)]


def test_the_learning_rate_of_an_epoch_is_recorded(toy: Toy) -> None:
    """The history has the rate of each epoch's last step."""
    plan = toy.plan(3, schedule=ScheduleSettings("multistep", (1, 2), 0.5))
    history = train(Ensemble(toy.networks(0)), toy.data(1), plan, toy.generators(0))
    assert [row[0] for row in history["learning_rate"]] == pytest.approx([0.1, 0.05, 0.025])


def test_half_precision_learns_with_weights_in_full_precision(toy: Toy) -> None:
    """With bfloat16 the toy problem is learnt, and the weights are float32."""
    ensemble = Ensemble(toy.networks(0, 1))
    history = train(ensemble, toy.data(2), toy.plan(12, precision="bfloat16"), toy.generators(0, 1))
    assert min(history["accuracy"][-1]) > 0.9
    assert max(history["accuracy"][0]) < 0.6
    assert {value.dtype for value in ensemble.state_dicts()[0].values()} == {torch.float32}


class Reversed:
    """A gradient transform with its own batches, which records the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def attach(self, ensemble: Ensemble, optimiser: torch.optim.Optimizer, data: TrainingData) -> torch.optim.Optimizer:
        self.calls.append("attach")
        return optimiser

    def batches(self, data: TrainingData, batch: int) -> Iterator[Tensor]:
        self.calls.append("batches")
        yield torch.arange(7)[None]
        yield torch.arange(3)[None]

    def detach(self, ensemble: Ensemble) -> None:
        self.calls.append("detach")


class Heard:
    """A reporter that records its calls."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, set[str]]] = []

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        self.epochs.append((epoch, set(measurements)))

    def close(self) -> None:
        raise AssertionError


def test_a_transform_draws_the_batches_and_is_detached(toy: Toy) -> None:
    """It is attached once, draws batches in every epoch, and is detached; the reporter is called for each epoch."""
    transform, reporter = Reversed(), Heard()
    ensemble = Ensemble(toy.networks(0))
    expected = predict(copy.deepcopy(ensemble), toy.data(1).images, torch.arange(7))[0]
    history = train(
        ensemble,
        toy.data(1),
        toy.plan(2, learning_rate=1e-9, momentum=0.0),
        toy.generators(0),
        transform=transform,
        reporter=reporter,
    )
    assert transform.calls == ["attach", "batches", "batches", "detach"]
    assert reporter.epochs == [(epoch, {"loss", "accuracy", "learning_rate"}) for epoch in (0, 1)]
    losses = F.cross_entropy(expected, toy.data(1).labels[:7], reduction="none")
    assert history["loss"][0][0] == pytest.approx((losses.sum() + losses[:3].sum()).item() / 10, rel=1e-4)


@pytest.mark.parametrize("members", [1, 3])
def test_prediction_is_in_evaluation_mode_and_in_the_order_asked_for(toy: Toy, members: int) -> None:
    """The outputs are those of each network alone, with any batch size; weights and statistics do not change."""
    ensemble, data = Ensemble(toy.normalised(*range(members))), toy.data(members)
    train(ensemble, data, toy.plan(1), toy.generators(*range(members)))
    before = ensemble.state_dicts()
    records = torch.tensor([90, 3, 3, 41, 7])
    found = predict(ensemble, data.images, records)
    assert found.shape == (members, 5, 3)
    assert not found.requires_grad
    for member, state in enumerate(before):
        (plain,) = toy.normalised(0)
        plain.load_state_dict(state)
        assert torch.allclose(found[member], plain.eval()(as_input(data.images[records])), atol=1e-5)
    assert torch.allclose(predict(ensemble, data.images, records, batch=2), found, atol=1e-6)
    for one, other in zip(ensemble.state_dicts(), before, strict=True):
        close(one, other, 0)
    assert not ensemble.module.training


def test_an_option_without_effect_is_refused() -> None:
    """Momentum with Adam is reported in one line."""
    found = {"name": "adam", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0}
    with pytest.raises(Exception, match=r"p\.yaml: momentum: found a value for adam, allowed 0 \(adam has its own\)"):
        read(OptimiserSettings, found, "p.yaml")


def test_sides_are_the_members_parts() -> None:
    """`side_of` splits a flat batch into the parts of the members."""
    assert side_of(torch.arange(6), 2).tolist() == [[0, 1, 2], [3, 4, 5]]
