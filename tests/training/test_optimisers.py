"""The optimisers take the same steps as PyTorch's, without importing its compiler."""

import functools
import inspect
import runpy
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.optim.optimizer import _use_grad_for_differentiable

from privprune.training import optimisers
from privprune.training.optimisers import SGD, Adam


@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "foreach": True}),
        (Adam, torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.01, "foreach": True}),
        (Adam, torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.999)}),
    ],
)
def test_steps_equal_those_of_pytorch(ours: type, theirs: type, settings: dict[str, object]) -> None:
    """Equal parameters and gradients give bit-equal steps."""
    networks = [nn.Linear(3, 2), nn.Linear(3, 2)]
    networks[1].load_state_dict(networks[0].state_dict())
    optimisers = [
        kind(network.parameters(), **settings) for kind, network in zip((ours, theirs), networks, strict=True)
    ]
    inputs = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    for _ in range(4):
        for network, optimiser in zip(networks, optimisers, strict=True):
            optimiser.zero_grad()
            network(inputs).square().sum().backward()
            optimiser.step()
    assert torch.equal(networks[0].weight, networks[1].weight)
    assert torch.equal(networks[0].bias, networks[1].bias)


PROGRAM = """
import sys, torch
from privprune.training.optimisers import SGD, Adam
value = torch.ones(2, requires_grad=True)
for kinds in ((SGD, Adam), (torch.optim.SGD,)):
    for kind in kinds:
        optimiser = kind([value], lr=0.1)
        optimiser.zero_grad()
        value.sum().backward()
        optimiser.step()
        optimiser.load_state_dict(optimiser.state_dict())
    print("torch._dynamo" in sys.modules)
"""


def test_a_step_imports_no_compiler() -> None:
    """A step of ours, its state written and read, imports no `torch._dynamo`; a step of PyTorch's does."""
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.split() == ["False", "True"]


def other_step(self: object, closure: object = None, other: object = None) -> None:
    """Replace `step` by one with a further argument."""


def other_wrapper(*_: object) -> None:
    """Replace the wrapper of `step` by one of another version of PyTorch."""


DIFFERENCES = {
    "another version": (torch, "__version__", "3.0.0"),
    "another signature": (torch.optim.SGD, "step", _use_grad_for_differentiable(other_step)),
    "another wrapper": (torch.optim.SGD, "step", functools.wraps(torch.optim.SGD.step)(other_wrapper)),
    "no wrapper": (torch.optim.SGD, "step", inspect.unwrap(torch.optim.SGD.step)),
}


@pytest.mark.parametrize(("owner", "name", "value"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_with_another_pytorch_its_own_optimisers_are_used(
    owner: object, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where version, wrapper or arguments differ from those supported, the optimiser is that of `torch.optim`."""
    monkeypatch.setattr(owner, name, value)
    module = runpy.run_path(optimisers.__file__)
    assert module["SGD"] is torch.optim.SGD
    assert (module["Adam"] is torch.optim.Adam) == (owner is torch)


def test_the_installed_pytorch_is_supported() -> None:
    """With the PyTorch that is installed, the compiler is not imported."""
    assert SGD is not torch.optim.SGD
    assert Adam is not torch.optim.Adam
