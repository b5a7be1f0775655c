"""The layers behind a network: what they change, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from privprune.errors import UserError
from privprune.models import BlockNet, build, prunable
from privprune.models.output import OUTPUT, OUTPUTS, OutputLayer, read_output, with_output
from privprune.models.output.random_scores import RandomScores

ALL = [example for method in OUTPUTS.values() for example in method.examples]
layers = pytest.mark.parametrize("found", ALL, ids=lambda found: "-".join(map(str, found.values())))
SHAPE = (1, 8, 8)


def network(seed: int = 0) -> BlockNet:
    """Return a network of 10 classes with random weights."""
    generator = torch.Generator().manual_seed(seed)
    return build("digits_cnn", in_channels=1, image_size=8, classes=10, generator=generator).eval()


def protected(found: Mapping[str, Any], seed: int = 0, bare: BlockNet | None = None) -> BlockNet:
    """Return the network with a fitted layer behind it."""
    bare = network(seed) if bare is None else bare
    model = with_output(bare, read_output(found, "suite"), 10)
    layer = model[-1]
    assert isinstance(layer, OutputLayer)
    layer.fit(bare, SHAPE, torch.Generator().manual_seed(seed))
    return model.eval()


def images(count: int = 300, seed: int = 5) -> torch.Tensor:
    """Return images in [-1, 1]."""
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@layers
def test_the_predicted_class_stays(found: Mapping[str, Any]) -> None:
    """The class with the largest score is the network's own, for every image, also where logits are equal."""
    model, bare = protected(found), network()
    with torch.no_grad():
        assert torch.equal(model(images()).argmax(1), bare(images()).argmax(1))
        equal = torch.tensor([[1.0, 2, 2] + [0] * 7, [5.0] * 10])
        assert torch.equal(model[-1](equal).argmax(1), equal.argmax(1))


@layers
def test_equal_queries_have_equal_answers(found: Mapping[str, Any]) -> None:
    """An answer depends neither on the queries beside it, nor on the mode, nor on how often it was asked."""
    model, query = protected(found), images(7)
    with torch.no_grad():
        whole = model(query)
        assert torch.equal(torch.cat([model(one) for one in query.split(1)]).argsort(1), whole.argsort(1))
        assert torch.equal(model.train()(query), whole)
        assert torch.equal(model.eval()(query.flip(0)).flip(0), whole)


@layers
def test_a_layer_belongs_to_its_network(found: Mapping[str, Any]) -> None:
    """It is fitted with the network's own seed, saved with its weights, and adds nothing that is trained or pruned."""
    state, model, bare = torch.get_rng_state(), protected(found), network()
    assert torch.equal(torch.get_rng_state(), state)
    assert model.block_names == (*bare.block_names, OUTPUT)
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in bare.named_parameters()]
    assert prunable(model).keys() == prunable(bare).keys()
    copy = with_output(network(1), read_output(found, "suite"), 10).eval()
    copy.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(copy(images()), model(images()))
        assert torch.equal(protected(found)(images()), model(images()))
        other = protected(found, seed=3, bare=network())
        assert not torch.equal(other(images()), model(images()))


def random_scores(samples: int) -> RandomScores:
    """Return a fitted layer."""
    layer = protected({"name": "random_scores", "samples": samples})[-1]
    assert isinstance(layer, RandomScores)
    return layer


def test_confidences_do_not_depend_on_the_record() -> None:
    """Records that differ in all but the order of their classes have the same answer, however sure the network is."""
    layer, order = random_scores(50), torch.randperm(10, generator=torch.Generator().manual_seed(1))
    sure, unsure = torch.zeros(10), torch.zeros(10)
    sure[order], unsure[order] = torch.logspace(2, -2, 10), torch.linspace(0.1, 0, 10)
    assert torch.equal(layer(sure[None]), layer(unsure[None]))


def test_an_answer_is_that_of_a_random_image() -> None:
    """The sorted scores are those of one random image, the classes are in the record's order, many images are used."""
    layer, bare = random_scores(50), network()
    with torch.no_grad():
        logits = bare(images())
        answers = layer(logits)
    ranked = answers.sort(dim=1, descending=True).values
    assert set(map(tuple, ranked.tolist())) <= set(map(tuple, layer.scores.tolist()))
    assert torch.equal(answers.argsort(dim=1), logits.argsort(dim=1))
    pixels = torch.randint(256, (50, *SHAPE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = bare(pixels.float() / 127.5 - 1).sort(dim=1, descending=True).values
    torch.testing.assert_close(layer.scores, expected)
    many = torch.randn(2000, 10, generator=torch.Generator().manual_seed(2))
    used = {tuple(row) for row in layer(many).sort(dim=1, descending=True).values.tolist()}
    assert len(used) > 40


def test_a_network_that_says_nothing_still_has_one_predicted_class() -> None:
    """Where the random images have equal scores, the layer makes one class the largest."""
    layer = RandomScores(3, 10)
    layer.fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 10).apply(_zero)), SHAPE, torch.Generator())
    logits = torch.eye(10)
    assert torch.equal(layer(logits).argmax(1), torch.arange(10))


def _zero(module: nn.Module) -> None:
    """Set all parameters to zero."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def test_an_unknown_layer_is_refused() -> None:
    """The message names the key and the layers that there are."""
    with pytest.raises(UserError, match=r"m\.json: output\.name: found 'none', allowed random_scores"):
        read_output({"name": "none"}, "m.json: output")
