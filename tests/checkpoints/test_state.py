"""Saving and restoring the state of objects that refer to each other."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from interruption import same
from torch import Tensor, nn

from privprune.checkpoints.state import capture, restore
from privprune.models.random_layers import RandomDropout, reseed
from privprune.training.optimisers import SGD, Adam


class Pair(NamedTuple):
    first: Tensor
    second: int


@dataclass(frozen=True)
class Frozen:
    values: list[float]
    pair: Pair


class Thing:
    """An object with arbitrary attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def test_existing_objects_are_restored_in_place() -> None:
    """Containers, tensors of the same layout and frozen dataclasses are changed in place, visible to all references."""
    inner, values = {"a": [1, 2]}, torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    frozen = Frozen([0.5], Pair(torch.zeros(2), 0))
    thing = Thing(inner=inner, values=values, frozen=frozen, number=1, names={"x"})
    other = Thing(
        inner={"a": [3], "b": None},
        values=torch.arange(96.0).view(2, 3, 4, 4),
        frozen=Frozen([1.5, 2.5], Pair(torch.ones(2), 7)),
        number=2,
        names={"y", "z"},
    )
    held = inner["a"], frozen.values, frozen.pair.first, thing.names
    assert restore(capture(other), thing) is thing
    assert (thing.inner, thing.values, thing.frozen) == (inner, values, frozen)
    assert inner == {"a": [3], "b": None}
    assert torch.equal(values, other.values)
    assert values.stride() == (48, 1, 12, 3)
    assert held[0] is inner["a"]
    assert held[1] == [1.5, 2.5]
    assert torch.equal(held[2], torch.ones(2))
    assert frozen.pair.first is held[2]
    assert frozen.pair.second == 7
    assert held[3] == {"y", "z"}
    assert thing.number == 2


def test_shared_references_are_restored() -> None:
    """References between the parts are kept, also to new objects, in circles, and as keys of a dictionary."""
    saved = Thing(new=[torch.ones(2)], link=None, weights={"w": torch.ones(1)}, moments={})
    saved.link, saved.myself = saved.new[0], saved
    saved.moments[saved.weights["w"]] = torch.full((1,), 3.0)
    fresh = Thing(new=[], link=None, weights={"w": torch.zeros(1)}, moments={}, myself=None)
    weight = fresh.weights["w"]
    restore(capture(saved), fresh)
    assert fresh.new[0] is fresh.link
    assert fresh.myself is fresh
    assert fresh.moments == {weight: torch.full((1,), 3.0)}
    assert weight.item() == 1


def test_two_objects_stay_two() -> None:
    """Where the restored structure has one object twice, and the state has two objects, there are two afterwards."""
    one = torch.zeros(2)
    thing = restore(capture(Thing(a=torch.ones(2), b=torch.full((2,), 2.0))), Thing(a=one, b=one))
    assert (thing.a.tolist(), thing.b.tolist()) == ([1, 1], [2, 2])


def test_generators_continue_their_streams() -> None:
    """Generators of PyTorch and NumPy continue, whether they exist or are created; arrays are restored, too."""

    def draws(thing: Thing) -> list[Any]:
        return [
            torch.rand(3, generator=thing.own),
            thing.other.random(3),
            torch.rand(2, generator=thing.new),
            thing.array,
        ]

    known = Thing(own=torch.Generator().manual_seed(1), other=np.random.default_rng(1), array=np.arange(3))
    known.new = torch.Generator().manual_seed(2)
    draws(known)
    array = np.zeros(3, dtype=known.array.dtype)
    fresh = Thing(own=torch.Generator(), other=np.random.default_rng(2), new=None, array=array)
    restore(capture(known), fresh)
    same(draws(fresh), draws(known))
    assert fresh.array is array


def test_a_state_is_a_copy() -> None:
    """Later changes of the objects do not change the state."""
    thing = Thing(values=torch.zeros(2), rows=[1])
    state = capture(thing)
    thing.values += 1
    thing.rows.append(2)
    restore(state, thing)
    assert (thing.values.tolist(), thing.rows) == ([0, 0], [1])


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_an_optimiser_and_its_network_continue(kind: Any) -> None:
    """Restored are moments, steps, rates, buffers of normalisation, and the random numbers of dropout."""

    def built(seed: int) -> tuple[nn.Module, Any]:
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), RandomDropout(0.5), nn.Linear(16, 2)
        )
        reseed(network, seed)
        network.to(memory_format=torch.channels_last)
        extra = {"momentum": 0.9} if kind is SGD else {"weight_decay": 0.1}
        return network, kind(network.parameters(), lr=0.1, foreach=True, **extra)

    def step(network: nn.Module, optimiser: Any) -> None:
        optimiser.zero_grad()
        network(torch.ones(3, 1, 4, 4)).square().sum().backward()
        optimiser.step()
        optimiser.param_groups[0]["lr"] *= 0.9

    known, other = built(0), built(1)
    for _ in range(3):
        step(*known)
    restore(capture(known), other)
    for one in (known, other):
        step(*one)
        step(*one)
    same(dict(known[0].state_dict()), dict(other[0].state_dict()))
    same(known[1].state_dict(), other[1].state_dict())


def test_unchanged_objects_are_not_saved() -> None:
    """Objects that are declared unchanged, functions and hooks are neither saved nor restored."""
    images, others = torch.zeros(1000), torch.ones(1000)
    state = capture(Thing(images=images, work=len, number=1), [images])
    fresh = Thing(images=others, work=max, number=2)
    restore(state, fresh)
    assert (fresh.images is others, fresh.work, fresh.number) == (True, max, 1)
    network = nn.Linear(2, 2)
    handle = network.register_forward_hook(lambda *_: None)
    known = capture([network, handle])
    other = nn.Linear(2, 2)
    mine = other.register_forward_hook(lambda *_: None)
    restore(known, [other, mine])
    assert len(other._forward_hooks) == 1
    mine.remove()
    assert not other._forward_hooks


UNKNOWN = {
    "a queue": deque([1]),
    "a lock": threading.Lock(),
    "an iterator": iter([1]),
    "a value with its graph": torch.ones(1, requires_grad=True) * 2,
}


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=UNKNOWN)
def test_unsupported_types_are_refused(value: Any) -> None:
    """A value whose state cannot be saved raises an error that names its location."""
    with pytest.raises(TypeError, match=r"parts\['it'\]\[1\]: found"):
        capture(Thing(parts={"it": [0, value]}))


def test_a_new_network_is_refused() -> None:
    """A network that did not exist at the start cannot be created from its state."""
    with pytest.raises(TypeError, match="Linear, which only its own code can make"):
        restore(capture(Thing(network=nn.Linear(1, 1))), Thing(network=None))
