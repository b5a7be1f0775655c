"""A stack of networks computes what each network computes alone."""

import copy

import pytest
import torch
from torch import nn
from toy import Toy

from privprune.training.batches import as_input
from privprune.training.ensemble import Ensemble, side_of


def inputs_of(toy: Toy, members: int, each: int = 8) -> torch.Tensor:
    """Return the concatenation of different batches for the members."""
    return as_input(toy.data(1).images[: members * each])


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_each_member_uses_its_own_part_of_the_batch(toy: Toy, mode: bool) -> None:
    """The logits of a stack are those of each network on its own part of the batch, batch statistics included."""
    networks = toy.normalised(0, 1, 2)
    alone = [copy.deepcopy(network).train(mode) for network in networks]
    ensemble = Ensemble(networks)
    ensemble.train(mode)
    inputs = inputs_of(toy, 3)
    expected = torch.cat([network(part) for network, part in zip(alone, inputs.split(8), strict=True)])
    assert torch.allclose(ensemble(inputs), expected, atol=1e-5)
    for state, network in zip(ensemble.state_dicts(), alone, strict=True):
        for name, value in network.state_dict().items():
            assert torch.allclose(state[name], value, atol=1e-6), name


def test_the_gradient_of_a_member_is_its_own(toy: Toy) -> None:
    """A loss of one member has a gradient on that member only."""
    ensemble = Ensemble(toy.networks(0, 1, 2))
    side_of(ensemble(inputs_of(toy, 3)), 3)[1].square().sum().backward()
    for parameter in ensemble.parameters():
        assert parameter.grad is not None
        assert parameter.grad[1].abs().sum() > 0
        assert parameter.grad[[0, 2]].abs().sum() == 0


@pytest.mark.parametrize("members", [1, 3])
def test_weights_are_views_of_the_parameters(toy: Toy, members: int) -> None:
    """A change of a weight in place changes the network's output; biases are not among the weights."""
    ensemble = Ensemble(toy.networks(*range(members)))
    weights = ensemble.weights()
    assert set(weights) == {"conv1.conv.weight", "conv2.conv.weight", "fc1.linear.weight", "fc2.linear.weight"}
    assert all(weight.shape[0] == members for weight in weights.values())
    for weight in weights.values():
        weight.data.zero_()
    for state in ensemble.state_dicts():
        assert all(state[name].abs().sum() == 0 for name in weights)
        assert state["fc1.linear.bias"].abs().sum() > 0
    logits = side_of(ensemble(inputs_of(toy, members)), members)
    for member, state in enumerate(ensemble.state_dicts()):
        assert torch.equal(logits[member], state["fc2.linear.bias"].expand(8, -1))


@pytest.mark.parametrize("members", [1, 3])
def test_states_are_copies_that_can_be_loaded(toy: Toy, members: int) -> None:
    """A state does not change with the network, fits a single network, and restores one member bit for bit."""
    ensemble = Ensemble(toy.normalised(*range(members)))
    before = ensemble.state_dicts()
    inputs = inputs_of(toy, members)
    ensemble(inputs)  # updates the running statistics
    with torch.no_grad():
        for parameter in ensemble.parameters():
            parameter.add_(1)
    last = members - 1
    ensemble.load_member(last, before[last])
    for member, state in enumerate(ensemble.state_dicts()):
        assert all(torch.equal(state[name], before[member][name]) for name in state) == (member == last)
    (fresh,) = toy.normalised(9)
    fresh.load_state_dict(before[0])


def test_several_networks_are_copied_and_one_is_used_itself(toy: Toy) -> None:
    """Training a stack does not change the networks that it was made of; a single network changes with its ensemble."""
    for members in (1, 2):
        networks = toy.networks(*range(members))
        before = copy.deepcopy(networks[0].state_dict())
        for parameter in Ensemble(networks).parameters():
            parameter.data.add_(1)
        assert torch.equal(networks[0].state_dict()["fc2.linear.bias"], before["fc2.linear.bias"]) == (members == 2)


def test_the_mode_applies_to_every_member(toy: Toy) -> None:
    """In evaluation mode the output of a stack of networks with dropout is deterministic."""
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Dropout(0.5)) for _ in range(2)]
    ensemble, inputs = Ensemble(networks), inputs_of(toy, 2)
    ensemble.train(mode=False)
    assert torch.equal(ensemble(inputs), ensemble(inputs))
