"""CEM in training: refits, combination with other defences, schedule, invalid settings."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from toy import Toy

from privprune.defences import Defence, DefenceContext
from privprune.defences.cem import CemSettings, cem, needs_noise
from privprune.metrics.conditional_entropy import information
from privprune.models import BlockNet, CutSettings, build, reseed
from privprune.models.wire import WireSettings
from privprune.models.wire.dropout import DropoutSettings
from privprune.models.wire.gaussian import GaussianSettings
from privprune.models.wire.local_dp import LocalDpSettings
from privprune.models.wire.plain import PlainSettings
from privprune.settings import read
from privprune.training.batches import TrainingData, as_input
from privprune.training.divergence import Diverged
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, train

MakeSetting = Callable[..., DefenceContext]
WRITTEN = {"name": "as_written", "clusters_per_class": 2, "covariance": "from_fit"}
RELEASED = {
    "name": "as_released",
    "clusters_per_class": 3,
    "floor": 0.01,
    "threshold": 0.125,
    "batch_factor": 10,
    "batch_cap": 0.99,
    "slips": [],
}
COLLECTED = {"name": "collected"}
SEPARATE = {"name": "separate_pass", "augmentation": "crop_flip"}


def cut(wire: WireSettings | None = None) -> CutSettings:
    """Return a cut after the first block, with noise by default."""
    noise = GaussianSettings("gaussian", 0.1) if wire is None else wire
    return CutSettings(after=1, bottleneck=2, extra_convolution=False, wire=noise, skip=None)


def settings(**changed: Any) -> CemSettings:
    """Read CEM's settings, some of them changed."""
    found: dict[str, Any] = {"name": "cem", "form": WRITTEN, "weight": 4, "weight_schedule": "constant"}
    return read(CemSettings, {**found, "refit": COLLECTED, "base": None, **changed}, "suite.yaml")


def network(where: CutSettings) -> BlockNet:
    """Return the toy's network, cut."""
    generator = torch.Generator().manual_seed(0)
    model = build("digits_cnn", in_channels=1, image_size=8, classes=3, generator=generator, cut=where)
    reseed(model, 3)
    return model


def trained(toy: Toy, context: DefenceContext, terms: tuple[Term, ...], **plan: Any) -> tuple[Ensemble, Any]:
    """Train the network with a cut; returns it with the history."""
    assert context.cut is not None
    ensemble = Ensemble([network(context.cut)])
    data = TrainingData(context.images, context.labels, context.members)
    planned = toy.plan(context.epochs, batch=context.batch, **plan)
    history = train(ensemble, data, planned, toy.generators(1), terms=terms)
    return ensemble, history


def step_of(ensemble: Ensemble, context: DefenceContext, rate: float, epoch: int, *, last: bool) -> Step:
    """Return a step on all members, as a term is given it."""
    records = context.members[0]
    inputs = as_input(context.images[records])
    seen = ensemble.observe(inputs)
    return Step(ensemble, inputs, context.labels[records], seen.logits, seen.features, seen.sent, rate, epoch, last)


@pytest.mark.parametrize("refit", [COLLECTED, SEPARATE], ids=lambda found: found["name"])
@pytest.mark.parametrize(
    "form",
    [
        WRITTEN,
        {**WRITTEN, "covariance": "full"},
        {**WRITTEN, "covariance": "diagonal"},
        RELEASED,
        {**RELEASED, "slips": ["wrong_index", "misaligned_clusters"]},
    ],
    ids=["from_fit", "full", "diagonal", "released", "slips"],
)
def test_each_form_lowers_the_bound_reproducibly(toy: Toy, context: MakeSetting, form: Any, refit: Any) -> None:
    """Theorem 2's bound on the features sent is lower than without CEM; the same seeds give the same bits."""
    quiet = cut(GaussianSettings("gaussian", 0.02))
    left, states = {}, []
    for weight in (0, 1, 1):
        own = context(0, cut=quiet, epochs=5)
        defence = cem(settings(form=form, refit=refit, weight=weight), own, Defence())
        ensemble, history = trained(toy, own, defence.terms, learning_rate=0.05)
        states.append(ensemble.state_dicts()[0])
        rows = [row[0] for row in history["conditional_entropy_loss"]]
        first = form["name"] == "as_written" and refit is SEPARATE
        assert [not math.isnan(row) for row in rows] == [first, True, True, True, True]
        with torch.no_grad():
            features = ensemble.encode(as_input(own.images[own.members[0]])).flatten(1)
        left[weight] = information(features, 0.02, 3, torch.Generator().manual_seed(1))
    assert left[1] < 0.9 * left[0]
    assert all(torch.equal(states[1][name], states[2][name]) for name in states[1])


def test_without_weight_collecting_changes_nothing(toy: Toy, context: MakeSetting) -> None:
    """With lambda = 0 the network is bit for bit that of training without CEM."""
    own = context(0, cut=cut())
    plain, _ = trained(toy, own, ())
    defended, _ = trained(toy, own, cem(settings(weight=0), own, Defence()).terms)
    (state,), (other,) = plain.state_dicts(), defended.state_dicts()
    assert all(torch.equal(value, other[name]) for name, value in state.items())


@pytest.mark.parametrize("form", [WRITTEN, RELEASED], ids=lambda found: found["name"])
def test_the_cloud_has_no_gradient(context: MakeSetting, form: Any) -> None:
    """The term has no gradient on the cloud, so that one backward pass gives the gradients of the released two."""
    own = context(0, cut=cut())
    (term,) = cem(settings(form=form), own, Defence()).terms
    ensemble = Ensemble([network(cut())])
    term.start(ensemble)
    assert term.penalty(step_of(ensemble, own, 0.1, 0, last=True)) is None
    term.update(step_of(ensemble, own, 0.1, 0, last=True))
    penalty = term.penalty(step_of(ensemble, own, 0.1, 1, last=False))
    assert penalty is not None
    penalty.backward()
    moved = {name.split(".")[0] for name, value in ensemble.module.named_parameters() if value.grad is not None}
    assert moved == {"conv1", "bottleneck"}


def test_the_released_schedule_compensates_the_learning_rate(context: MakeSetting) -> None:
    """The weight is lambda times 0.001 / rate down to a rate of 0.00041, and lambda below that."""
    values = {}
    for name in ("constant", "released"):
        for rate in (0.05, 0.0004):
            own = context(0, cut=cut())
            sensitive = {**RELEASED, "floor": 1e-6, "threshold": 0.0}  # the toy's features hardly vary
            (term,) = cem(settings(form=sensitive, weight_schedule=name), own, Defence()).terms
            ensemble = Ensemble([network(cut())])
            term.penalty(step_of(ensemble, own, rate, 0, last=True))
            term.update(step_of(ensemble, own, rate, 0, last=True))
            penalty = term.penalty(step_of(ensemble, own, rate, 1, last=False))
            assert penalty is not None
            values[name, rate] = penalty.item()
    assert values["constant", 0.05] > 0.1
    assert values["released", 0.05] == pytest.approx(values["constant", 0.05] * 0.02)
    assert values["released", 0.0004] == values["constant", 0.0004] == pytest.approx(values["constant", 0.05])


def test_it_can_be_added_to_another_defence(context: MakeSetting) -> None:
    """The base defence's terms come first, and its other parts are unchanged."""
    base = Defence(terms=(Term(),), fresh=True, measured=lambda: {"epsilon": [1.0]})
    joined = cem(settings(), context(0, cut=cut()), base)
    assert joined.terms[0] is base.terms[0]
    assert len(joined.terms) == 2
    assert replace(joined, terms=base.terms) == base


def test_it_needs_noise_on_a_wire(context: MakeSetting) -> None:
    """Networks without a cut, plain wires and wires that only drop are refused; the deviation is the wire's."""
    for wire in (PlainSettings("plain"), DropoutSettings("dropout", 0.2, 0.0)):
        with pytest.raises(ValueError, match=f"cem: found the wire {wire.name} without noise, allowed one with noise"):
            cem(settings(), context(0, cut=cut(wire)), Defence())
    with pytest.raises(ValueError, match=r"cem: found a whole network, allowed one with network\.cut"):
        cem(settings(), context(0), Defence())
    assert needs_noise(cut(LocalDpSettings("local_dp", 2.0, "laplace"))) == pytest.approx(2**0.5 / 2)


def test_it_needs_more_records_than_clusters(context: MakeSetting) -> None:
    """The released form needs enough records in each class, the written form in all."""
    for form, clusters, told in ((WRITTEN, 14, "40 records for 42"), (RELEASED, 14, "13 records for 14")):
        with pytest.raises(ValueError, match=f"form.clusters_per_class: found {told} clusters"):
            cem(settings(form={**form, "clusters_per_class": clusters}), context(0, cut=cut()), Defence())


def test_it_takes_one_network(context: MakeSetting) -> None:
    """A stack of networks is refused."""
    with pytest.raises(ValueError, match="cem: found several networks side by side, allowed stack: 1"):
        cem(settings(), context(0, 1, cut=cut()), Defence())


@pytest.mark.parametrize("refit", [COLLECTED, SEPARATE])
def test_a_training_that_has_diverged_ends_where_a_mixture_would_be_fitted(
    toy: Toy, context: MakeSetting, refit: dict[str, str]
) -> None:
    """The epoch is that after whose last step the features were no numbers."""
    own = context(0, cut=cut())

    class Spoils(Term):
        def update(self, step: Step) -> None:
            for parameter in step.ensemble.module.parameters():
                parameter.data.fill_(math.nan)

        def penalty(self, step: Step) -> None:
            self.update(step)

    terms = (Spoils(), *cem(settings(refit=refit), own, Defence()).terms)
    with pytest.raises(Diverged) as known:
        trained(toy, own, terms)
    assert known.value.epoch == 1
