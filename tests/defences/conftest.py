"""The context of a defence on the toy problem."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from toy import Toy

from privprune.defences import DefenceContext


@pytest.fixture
def context(toy: Toy) -> Callable[..., DefenceContext]:
    """Return a function of seeds and changed attributes that makes a context, with 40 members and 30 references."""

    def make(*seeds: int, **changed: Any) -> DefenceContext:
        data, networks = toy.data(1), len(seeds)
        complete = {
            "images": data.images,
            "labels": data.labels,
            "members": torch.arange(40).expand(networks, 40),
            "reference": torch.arange(40, 60).expand(networks, 20),
            "selection": torch.arange(60, 70).expand(networks, 10),
            "classes": 3,
            "cut": None,
            "epochs": 3,
            "batch": 10,
            "precision": "float32",
            "target_accuracy": None,
            "generators": toy.generators(*(100 + seed for seed in seeds)),
        }
        return DefenceContext(**{**complete, **changed})

    return make
