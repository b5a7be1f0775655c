"""What `build` promises, for every network of the catalogue."""

import pytest
import torch

from privprune.errors import UserError
from privprune.models import (
    MODELS,
    BlockNet,
    KnownCount,
    build,
    catalogue,
    count_parameters,
    count_weights,
    prunable,
    small_dense,
    split,
)
from privprune.models.block_net import Shape
from privprune.models.random_layers import RandomDropout
from privprune.training.ensemble import Ensemble

KNOWN = [
    pytest.param(name, known, id=f"{name}-{known.image_size}-{known.classes}")
    for name, spec in MODELS.items()
    for known in spec.known_counts
]


def narrow(name: str, seed: int) -> BlockNet:
    """Build an eighth of a network's width, in milliseconds, the way that `build` does."""
    return catalogue._build(name, MODELS[name].example, 0.125, torch.Generator().manual_seed(seed))


def images_for(name: str, count: int) -> torch.Tensor:
    """Return images of the network's shape."""
    shape = MODELS[name].example
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, shape.in_channels, shape.image_size, shape.image_size, generator=generator) * 2 - 1


@pytest.mark.parametrize(("name", "known"), KNOWN)
def test_every_network_has_its_known_size(name: str, known: KnownCount) -> None:
    """Weights as counted by hand from the layers, parameters as published for the architecture."""
    model = catalogue._skeleton(name, Shape(known.in_channels, known.image_size, known.classes), 1.0)
    assert (count_weights(model), count_parameters(model)) == (known.weights, known.parameters)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_depends_on_its_generator_alone(name: str) -> None:
    """Equal generators give equal bits whatever the global state, which stays as it was; another seed gives others."""
    before = torch.get_rng_state()
    one, other = narrow(name, 1).state_dict(), narrow(name, 2).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        again = narrow(name, 1).state_dict()
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in prunable(narrow(name, 1)))


@pytest.mark.parametrize("name", ["lenet5", "digits_cnn", "four_layer_cnn"])
def test_uniform_initialisation_is_pytorchs_own(name: str) -> None:
    """With the global generator at the same seed, PyTorch's constructors draw the same bits."""
    ours = narrow(name, 5).state_dict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        theirs = MODELS[name].builder(MODELS[name].example, 0.125).state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "mobilenet_v2"])
def test_convolutions_keep_the_variance_of_what_flows_back(name: str) -> None:
    """A convolution's weights have the deviation sqrt(2 / fan out), as torchvision draws them."""
    model = catalogue._build(name, MODELS[name].example, 1.0, torch.Generator().manual_seed(0))
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.numel() > 50_000:
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_prunable_weights_are_the_matrices_and_kernels(name: str) -> None:
    """Everything with more than one dimension, and nothing else: no bias, no normalisation."""
    model = narrow(name, 0)
    matrices = {key: value for key, value in model.named_parameters() if value.ndim > 1}
    found = prunable(model)
    assert list(found) == list(matrices)
    assert all(found[key] is matrices[key] for key in found)


@pytest.mark.parametrize("name", MODELS)
def test_edge_and_cloud_compose_to_the_network(name: str) -> None:
    """Whatever the cut, by name or by number, the halves give the whole's logits and share its weights."""
    model = narrow(name, 0).eval()
    images = images_for(name, 2)
    with torch.no_grad():
        whole = model(images)
        for number, cut in enumerate(model.block_names[:-1], start=1):
            edge, cloud = split(model, cut)
            assert torch.equal(cloud(edge(images)), whole)
            assert split(model, number)[0].block_names == edge.block_names == model.block_names[:number]
    both = {**edge.state_dict(keep_vars=True), **cloud.state_dict(keep_vars=True)}
    assert all(both[key] is value for key, value in model.state_dict(keep_vars=True).items())


@pytest.mark.parametrize("cut", ["conv9", "fc2", 0, 4, -1])
def test_a_cut_that_does_not_exist_is_refused_with_those_that_do(cut: str | int) -> None:
    """Behind the last block, before the first, or at an unknown name there is no cut."""
    with pytest.raises(UserError, match="allowed 1 to 3 blocks, or after one of conv1, conv2, fc1"):
        split(narrow("digits_cnn", 0), cut)


def without_dropout(model: BlockNet) -> BlockNet:
    """Let dropout pass everything: side by side its draws are others than one by one."""
    for layer in model.modules():
        if isinstance(layer, RandomDropout):
            layer._rate = 0.0
    return model


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", [False, True])
def test_stacked_networks_give_what_each_gives_alone(name: str, training: bool) -> None:
    """Side by side or one by one, the logits are the same, normalisation by batch included, dropout's draws apart."""
    models = [without_dropout(narrow(name, seed)) for seed in (1, 2)]
    images = images_for(name, 8)
    alone = [Ensemble([model]) for model in models]
    for one in alone:
        one.train(training)
    stacked = Ensemble([without_dropout(narrow(name, seed)) for seed in (1, 2)])
    stacked.train(training)
    with torch.no_grad():
        expected = torch.cat([one(part) for one, part in zip(alone, images.split(4), strict=True)])
        torch.testing.assert_close(stacked(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "weights"), [("lenet5", 3896), ("vgg16", 1_000_000), ("mobilenet_v2", 340_000)])
def test_a_small_dense_network_has_about_the_wanted_weights(name: str, weights: int) -> None:
    """The nearest width misses by less than five percent, and has the whole network's blocks."""
    shape = MODELS[name].example
    sizes = {"in_channels": shape.in_channels, "image_size": shape.image_size, "classes": shape.classes}
    model = small_dense(name, weights, **sizes, generator=torch.Generator().manual_seed(0))
    assert count_weights(model) == pytest.approx(weights, rel=0.05)
    assert model.block_names == catalogue._skeleton(name, shape, 1.0).block_names


@pytest.mark.parametrize("weights", [5, 10_000_000])
def test_no_width_gives_fewer_weights_than_one_channel_or_more_than_all(weights: int) -> None:
    """The control is a narrower network; the line names the range."""
    with pytest.raises(UserError, match="allowed 32 to 13584"):
        small_dense(
            "digits_cnn", weights, in_channels=1, image_size=8, classes=10, generator=torch.Generator().manual_seed(0)
        )


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "lenet",
            Shape(1, 28, 10),
            "model: found 'lenet', allowed digits_cnn, four_layer_cnn, gaussian_channel",
        ),
        ("lenet5", Shape(1, 24, 10), "lenet5: found images of 24 pixels, allowed 28 and 32"),
        ("vgg16", Shape(3, 28, 10), "vgg16: found images of 28 pixels, allowed multiples of 32"),
        ("resnet18", Shape(3, 0, 10), "resnet18: found images of 0 pixels, allowed multiples of 8"),
        ("resnet18_imagenet", Shape(1, 224, 10), "resnet18_imagenet: found images of 1 channels, allowed 3"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_in_one_line(name: str, shape: Shape, message: str) -> None:
    """Unknown names and images that do not fit name what was found and what is allowed."""
    with pytest.raises(UserError, match=message):
        build(
            name,
            in_channels=shape.in_channels,
            image_size=shape.image_size,
            classes=shape.classes,
            generator=torch.Generator().manual_seed(0),
        )
