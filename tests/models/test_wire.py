"""The layers between edge device and cloud, and where their draws come from."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from privprune.models.random_layers import RandomDropout, RandomLayer, reseed
from privprune.models.wire import WIRES, AdditiveNoise, RandomWire, ReducingWire, WireSettings, build_wire
from privprune.settings import read

EVERY = [example for method in WIRES.values() for example in method.examples]
ALL = [  # the laws below compare each feature with what is sent of it
    example
    for example in EVERY
    if not isinstance(build_wire(read(WIRES[example["name"]].settings, example, "wire")), ReducingWire)
]
wires = pytest.mark.parametrize("found", ALL, ids=lambda found: "-".join(map(str, found.values())))


def settings_of(found: Mapping[str, Any]) -> WireSettings:
    """Read settings as a suite's entry does."""
    settings: WireSettings = read(WIRES[found["name"]].settings, found, "suite.yaml")
    return settings


def seeded(found: Mapping[str, Any], seed: int) -> nn.Module:
    """Build a wire that draws from its own seed."""
    wire = build_wire(settings_of(found))
    reseed(wire, seed)
    return wire


def features(*shape: int) -> torch.Tensor:
    """Return features in (0.1, 1), as a sigmoid gives them."""
    return 0.1 + 0.9 * torch.rand(shape, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("name", WIRES)
def test_every_wire_brings_examples_of_its_own(name: str) -> None:
    """The shared tests below leave no wire out, and an example is of the wire that declares it."""
    assert {example["name"] for example in WIRES[name].examples} == {name}


@wires
def test_a_wire_says_whether_it_is_random_and_how_much_noise_it_adds(found: Mapping[str, Any]) -> None:
    """Two queries differ exactly where the settings say so; what is not dropped carries the promised noise."""
    settings, wire, sent_of = settings_of(found), seeded(found, 1), features(1000, 2, 8, 8)
    first, second = wire(sent_of), wire(sent_of)
    assert settings.random == (not torch.equal(first, second))
    kept = first != 0  # noise comes before what drops some
    added = (first - sent_of)[kept]
    assert added.std().item() == pytest.approx(settings.noise_deviation, rel=0.02)
    assert added.mean().item() == pytest.approx(0, abs=0.02 * settings.noise_deviation)


@wires
def test_a_wire_says_which_share_of_a_feature_it_sends(found: Mapping[str, Any]) -> None:
    """Least squares of repeated queries on the features that are ever sent: the slope is the promised share."""
    wire, sent_of = seeded(found, 3), features(100, 2, 8, 8)
    mean = torch.stack([wire(sent_of) for _ in range(100)]).mean(0)
    ever = mean != 0
    slope = (mean[ever] * sent_of[ever]).sum() / sent_of[ever].square().sum()
    assert slope.item() == pytest.approx(settings_of(found).share, abs=0.01)


@wires
def test_a_wire_is_the_same_in_training_and_in_evaluation(found: Mapping[str, Any]) -> None:
    """The mode changes nothing, the seed everything that is drawn, and no wire touches the global source of chance."""
    state, sent_of = torch.get_rng_state(), features(3, 2, 4, 4)
    trained, evaluated = seeded(found, 5).train(), seeded(found, 5).eval()
    assert torch.equal(trained(sent_of), evaluated(sent_of))
    assert settings_of(found).random == (not torch.equal(seeded(found, 6)(sent_of), seeded(found, 5)(sent_of)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not trained.state_dict()
    assert trained(sent_of).shape == sent_of.shape


@wires
def test_a_random_wire_without_a_seed_says_so(found: Mapping[str, Any]) -> None:
    """A random layer never falls back to another source of chance."""
    wire = build_wire(settings_of(found))
    if not settings_of(found).random:
        wire(features(1, 1, 2, 2))
        return
    with pytest.raises(RuntimeError, match=r"its generator was never set; call reseed\(model, seed\) first"):
        wire(features(1, 1, 2, 2))


@wires
def test_a_wire_lets_the_gradient_through(found: Mapping[str, Any]) -> None:
    """The gradient of the sum is 1 for what is sent and 0 for what is dropped."""
    sent_of = features(4, 2, 4, 4).requires_grad_()
    sent = seeded(found, 2)(sent_of)
    (gradient,) = torch.autograd.grad(sent.sum(), sent_of)
    assert torch.equal(gradient, (sent != 0).float())


@pytest.mark.parametrize(
    ("found", "law"),
    [
        ({"name": "gaussian", "deviation": 0.1}, stats.norm(scale=0.1)),
        ({"name": "laplace", "scale": 0.1}, stats.laplace(scale=0.1)),
        (
            {"name": "local_dp", "epsilon": 2.0, "noise": "gaussian"},
            stats.norm(scale=math.sqrt(2 * math.log(12500)) / 2),
        ),
        ({"name": "local_dp", "epsilon": 2.0, "noise": "laplace"}, stats.laplace(scale=0.5)),
    ],
    ids=["gaussian", "laplace", "local_dp gaussian", "local_dp laplace"],
)
def test_the_noise_has_its_law(found: Mapping[str, Any], law: Any) -> None:
    """A Kolmogorov-Smirnov test cannot tell 50,000 draws from SciPy's law."""
    added = seeded(found, 7)(torch.zeros(1, 50_000)).flatten().numpy()
    assert stats.kstest(added, law.cdf).pvalue > 0.01


@wires
def test_the_mean_of_many_transmissions_has_its_law(found: Mapping[str, Any]) -> None:
    """Drawn at once or query by query: a Kolmogorov-Smirnov test cannot tell 20,000 means of 5 transmissions."""
    if not settings_of(found).random:
        return
    sent_of, wire, other = torch.full((1, 20_000), 0.7), seeded(found, 8), seeded(found, 9)
    assert isinstance(wire, RandomWire)
    one_by_one = torch.stack([other(sent_of) for _ in range(5)]).mean(0)
    at_once = wire.averaged(sent_of, 5)
    assert stats.ks_2samp(at_once.numpy().ravel().round(5), one_by_one.numpy().ravel().round(5)).pvalue > 0.01
    assert torch.equal(seeded(found, 1)(sent_of), seeded(found, 1).averaged(sent_of, 1))


@wires
def test_additive_noise_says_its_deviation(found: Mapping[str, Any]) -> None:
    """The layer that only adds noise has the deviation of its settings; what drops features is no such layer."""
    wire, settings = build_wire(settings_of(found)), settings_of(found)
    assert isinstance(wire, AdditiveNoise) == (settings.noise_deviation > 0 and settings.share == 1)
    if isinstance(wire, AdditiveNoise):
        assert wire.noise_deviation == pytest.approx(settings.noise_deviation)


@wires
def test_additive_noise_says_how_far_it_is_from_gaussian(found: Mapping[str, Any]) -> None:
    """The entropy of 50,000 draws lies below that of Gaussian noise with the same deviation by the negentropy."""
    settings = settings_of(found)
    if not isinstance(build_wire(settings), AdditiveNoise):
        return
    draws = seeded(found, 3)(torch.zeros(1, 50_000)).numpy().ravel()
    gaussian = float(stats.norm(scale=settings.noise_deviation).entropy())
    assert gaussian - stats.differential_entropy(draws) == pytest.approx(settings.noise_negentropy, abs=0.02)


def test_a_wire_without_a_law_of_its_mean_is_asked_query_by_query() -> None:
    """The mean of four queries is that of the next four."""

    class Sometimes(RandomWire):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            """Send features that are larger than a draw."""
            return features * (self.uniform(features) < features)

    first, second = Sometimes(), Sometimes()
    reseed(first, 1)
    reseed(second, 1)
    sent_of = features(1, 100)
    assert torch.allclose(first.averaged(sent_of, 4), torch.stack([second(sent_of) for _ in range(4)]).mean(0))


def test_noise_is_not_rounded_to_bfloat16() -> None:
    """Features in bfloat16 are sent in float32, with noise far below bfloat16's spacing."""
    sent = seeded({"name": "gaussian", "deviation": 0.0001}, 1)(torch.full((1, 1000), 0.75, dtype=torch.bfloat16))
    assert sent.dtype == torch.float32
    assert sent.unique().numel() > 100


def test_dropout_drops_the_rate_and_scales_nothing() -> None:
    """What is left is as it was; the dropped fraction is within four standard errors of the rate."""
    sent_of = features(1, 40_000)
    sent = seeded({"name": "dropout", "rate": 0.3, "deviation": 0.0}, 3)(sent_of)
    dropped = sent == 0
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 40_000))
    assert torch.equal(sent[~dropped], sent_of[~dropped])


def test_dropout_lets_noise_through_where_it_drops_nothing() -> None:
    """With a deviation, what is not dropped carries noise of that deviation, and what is dropped is exactly 0."""
    sent_of = torch.ones(1, 40_000)
    sent = seeded({"name": "dropout", "rate": 0.3, "deviation": 0.05}, 3)(sent_of)
    kept = sent[sent != 0]
    assert kept.numel() == pytest.approx(28_000, rel=0.02)
    assert (kept - 1).std().item() == pytest.approx(0.05, rel=0.03)


def test_top_k_drops_the_smallest_of_each_image() -> None:
    """Against sorting by hand: the 3 smallest magnitudes of 13, also with negative features, whatever the batch."""
    sent_of = torch.randn(5, 13, generator=torch.Generator().manual_seed(1))
    wire = build_wire(settings_of({"name": "top_k", "dropped": 0.25}))
    expected = sent_of.clone()
    for image in expected:
        for place in sorted(range(13), key=lambda place, image=image: abs(image[place].item()))[:3]:
            image[place] = 0
    assert torch.equal(wire(sent_of), expected)
    assert torch.equal(wire(sent_of[:1]), expected[:1])


def test_each_layer_has_its_own_stream() -> None:
    """Two random layers of one model differ; a reseeded model and a copy repeat the same draws, weights untouched."""
    model = nn.Sequential(
        nn.Linear(6, 6),
        build_wire(settings_of({"name": "gaussian", "deviation": 1.0})),
        build_wire(settings_of({"name": "gaussian", "deviation": 1.0})),
    )
    reseed(model, 8)
    zeros = torch.zeros(2, 6)
    assert not torch.equal(copy.deepcopy(model[1])(zeros), copy.deepcopy(model[2])(zeros))
    copied = copy.deepcopy(model)
    first = model(zeros)
    assert not torch.equal(model(zeros), first)
    assert torch.equal(copied(zeros), first)
    reseed(model, 8)
    assert torch.equal(model(zeros), first)
    assert set(model.state_dict()) == {"0.weight", "0.bias"}
    assert all(isinstance(layer, RandomLayer) for layer in model[1:])


def test_random_dropout_is_dropout() -> None:
    """In training values are zero or divided by 1 - rate, as often as the rate says; in evaluation nothing acts."""
    layer, values = RandomDropout(0.5), torch.ones(1, 40_000)
    assert torch.equal(layer.eval()(values), values)
    reseed(layer, 1)
    dropped = layer.train()(values)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1, abs=4 / math.sqrt(40_000))


def test_moving_to_where_it_is_keeps_the_stream() -> None:
    """Casting or moving a layer on its own device changes nothing of what it draws next."""
    layers = [RandomDropout(0.5), RandomDropout(0.5)]
    for layer in layers:
        reseed(layer, 3)
        layer(torch.ones(7))
    layers[0].to("cpu").to(torch.bfloat16)
    assert torch.equal(layers[0](torch.ones(50)), layers[1](torch.ones(50)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_layer_draws_where_it_has_been_moved() -> None:
    """Seeded on the CPU and moved with its network, a layer draws on the GPU."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), RandomDropout(0.5))
    reseed(network, 3)
    assert network.to("cuda")(torch.ones(2, 3, device="cuda")).device.type == "cuda"


def test_a_pooled_wire_sends_one_number_per_channel() -> None:
    """The mean over positions, the same in training and evaluation; a vector is sent as it is."""
    wire, sent_of = build_wire(settings_of({"name": "pooled"})), features(3, 5, 4, 4)
    assert torch.allclose(wire(sent_of).flatten(1), sent_of.flatten(2).mean(2))
    assert wire.train()(sent_of).shape == wire.eval()(sent_of).shape == (3, 5, 1, 1)
    assert torch.equal(wire(sent_of[:, :, 0, 0]), sent_of[:, :, 0, 0])
    assert not settings_of({"name": "pooled"}).random
