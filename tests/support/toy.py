"""A toy problem to train on: three classes of noisy 8 x 8 patterns."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import nn

from privprune.models import BlockNet, build
from privprune.models.block_net import block
from privprune.pruning import Fit
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Masks, OptimiserSettings, ScheduleSettings, Term, TrainingPlan, train


class Toy:
    """Networks, data and plans of the toy problem."""

    def networks(self, *seeds: int) -> list[BlockNet]:
        """Return small networks, one per seed."""
        return [
            build("digits_cnn", in_channels=1, image_size=8, classes=3, generator=generator)
            for generator in self.generators(*seeds)
        ]

    def normalised(self, *seeds: int) -> list[BlockNet]:
        """Return networks with batch normalisation, whose buffers are of each network's own."""
        made = []
        for network in self.networks(*seeds):
            parts = dict(network.named_children())
            parts["conv1"] = block(**dict(parts["conv1"].named_children()), norm=nn.BatchNorm2d(16))
            made.append(BlockNet(parts.items()))
        return made

    def generators(self, *seeds: int) -> list[torch.Generator]:
        """Return one generator per seed."""
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    def data(self, members: int) -> TrainingData:
        """Return 96 records, the same for each network."""
        generator = torch.Generator().manual_seed(5)
        labels = torch.arange(96) % 3
        patterns = torch.randint(0, 150, (3, 1, 8, 8), generator=generator)
        noise = torch.randint(0, 100, (96, 1, 8, 8), generator=generator)
        images = (patterns[labels] + noise).to(torch.uint8)
        return TrainingData(images, labels, torch.arange(96).expand(members, 96).clone())

    def plan(
        self,
        epochs: int,
        learning_rate: float = 0.1,
        batch: int = 32,
        momentum: float = 0.9,
        optimiser: Literal["sgd", "adam"] = "sgd",
        **changed: Any,
    ) -> TrainingPlan:
        """Return SGD with momentum and weight decay, which would both revive a pruned weight; some fields changed."""
        plan = TrainingPlan(
            epochs=epochs,
            batch=batch,
            optimiser=OptimiserSettings(optimiser, learning_rate, momentum, weight_decay=0.001),
            schedule=ScheduleSettings(name="constant", milestones=(), factor=1.0),
            augmentation="none",
            precision="float32",
        )
        return replace(plan, **changed)

    def fit(self, ensemble: Ensemble, histories: dict[str, History] | None = None) -> Fit:
        """Return the training loop on the toy data; order seeds are the members' numbers."""
        generators = self.generators(*range(ensemble.members))
        noted = {} if histories is None else histories

        def run(phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
            data = self.data(ensemble.members)
            noted[phase] = train(ensemble, data, plan, generators, terms=terms, masks=masks)

        return run

    def values(self, ensemble: Ensemble) -> dict[str, torch.Tensor]:
        """Return a copy of the prunable weights."""
        return {name: weight.detach().clone() for name, weight in ensemble.weights().items()}
