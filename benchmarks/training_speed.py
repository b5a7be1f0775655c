"""Training LeNet-5 on data of MNIST's shape: the usual loop compared with ours, in images per second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from PIL import Image
from torch import Tensor
from torchvision import transforms

from benchmarks.measuring import DEFAULT_THREADS, Timing, by_turns, top_operators
from benchmarks.result import Result
from privprune.models import BlockNet, build
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import OptimiserSettings, ScheduleSettings, TrainingPlan, train
from privprune.workflow import workers

NAME = "training"
AIM = 3.0
RATE, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True)
class Size:
    """Size of the measurement: images per epoch, images per batch, rounds."""

    images: int
    batch: int
    rounds: int


FULL = Size(images=60_000, batch=64, rounds=5)
QUICK = Size(images=2_000, batch=64, rounds=1)


class CustomaryDataset(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """A dataset like `torchvision.datasets.MNIST` with the usual transform: PIL image, `ToTensor`, `Normalize`."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one image, float [1, 28, 28], and its label."""
        return self.transform(Image.fromarray(self.images[index, 0].numpy())), int(self.labels[index])


def customary_epoch(images: Tensor, labels: Tensor, batch: int, threads: int) -> float:
    """Train one network for an epoch as tutorials do: float32, DataLoader with two workers, `loss.item()` per step."""
    torch.set_num_threads(threads)
    model = lenet(0)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    loader = torch.utils.data.DataLoader(
        CustomaryDataset(images, labels), batch_size=batch, shuffle=True, num_workers=2
    )
    running_loss = 0.0
    for inputs, targets in loader:
        optimiser.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimiser.step()
        running_loss += loss.item()
    return running_loss


def our_epoch(images: Tensor, labels: Tensor, batch: int, seed: int) -> float:
    """Train one network for an epoch as the stages do: on images in memory, as bytes."""
    ensemble = Ensemble([lenet(seed).to(images.device).to(memory_format=torch.channels_last)])
    data = TrainingData(images, labels, torch.arange(len(images), device=images.device)[None])
    history = train(ensemble, data, plan(batch), [torch.Generator().manual_seed(seed)])
    return history["loss"][0][0]


def lenet(seed: int) -> BlockNet:
    """Build LeNet-5 for MNIST."""
    generator = torch.Generator().manual_seed(seed)
    return build("lenet5", in_channels=1, image_size=28, classes=10, generator=generator)


def plan(batch: int) -> TrainingPlan:
    """Return the plan of one epoch that is equal to that of the customary loop."""
    optimiser = OptimiserSettings("sgd", RATE, MOMENTUM, 0.0)
    return TrainingPlan(1, batch, optimiser, ScheduleSettings("constant", (), 1.0), "none", "float32")


def random_data(images: int, size: int = 28) -> tuple[Tensor, Tensor]:
    """Return random uint8 images [n, 1, size, size] and random labels of ten classes."""
    generator = torch.Generator().manual_seed(0)
    shown = torch.randint(0, 256, (images, 1, size, size), dtype=torch.uint8, generator=generator)
    return shown, torch.randint(0, 10, (images,), generator=generator)


def measure(size: Size) -> list[Result]:
    """Compare the loops: one network with the customary loop, one with ours, two in parallel with ours."""
    images, labels = random_data(size.images)
    ours = partial(our_epoch, images, labels, size.batch)
    sides: dict[str, Callable[[], object]] = {
        "customary": partial(customary_epoch, images, labels, size.batch, DEFAULT_THREADS),
        "customary, one thread": partial(customary_epoch, images, labels, size.batch, 1),
        "ours, one network": lambda: workers.run_in_workers(ours, [0]),
        "ours, two networks": lambda: workers.run_in_workers(ours, [0, 1]),
    }
    timing = by_turns(sides, size.rounds)
    results = [
        _result(timing, "ours, two networks", "customary", AIM),
        _result(timing, "ours, two networks", "customary, one thread", None),
        _result(timing, "ours, one network", "customary", None),
    ]
    speeds = [f"{side} {_trained(side) * size.images / timing.median(side):,.0f}" for side in sides]
    note = f"images/s: {'; '.join(speeds)}; batches of {size.batch}, {DEFAULT_THREADS} threads by default"
    if results[0].reached == "no":
        torch.set_num_threads(1)
        note += f"; {top_operators(partial(our_epoch, images[: 50 * size.batch], labels, size.batch, 0))}"
    return [replace(results[0], note=f"{results[0].note}; {note}"), *results[1:]]


def _result(timing: Timing, side: str, than: str, aim: float | None) -> Result:
    ratio = _trained(side) * timing.times_faster(side, than)
    measure = f"LeNet-5, images/s: {side}, against {than}"
    return Result(NAME, measure, ratio, "times", aim, "higher", timing.spread(side, than, _trained(side)))


def _trained(side: str) -> int:
    """Return how many networks a side trains."""
    return 2 if side == "ours, two networks" else 1
