"""Networks that start from published weights, and images that stay in the user's folder: ImageNet's rows, small."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models as torchvision_models

from privprune.datasets.dataset import Dataset
from privprune.datasets.folder_images import FolderImages
from privprune.defences.defence import DefenceContext
from privprune.defences.min_max import MinMaxSettings, min_max
from privprune.errors import UserError
from privprune.models.block_net import BlockNet, block
from privprune.models.layers import GlobalMean
from privprune.settings import read
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import OptimiserSettings, ScheduleSettings, TrainingPlan, train
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext, NetworkSettings
from privprune.workflow.train import ensemble_of

NETWORK = {
    "model": "mobilenet_v2_imagenet",
    "protocol": "paper",
    "seeds": [0, 1],
    "shadows": 0,
    "reserve_reference": False,
    "small_dense": None,
    "pretrained": "weights.pth",
    "reidentification": None,
    "cut": None,
}
PLAN = TrainingPlan(
    epochs=2,
    batch=3,
    optimiser=OptimiserSettings("sgd", 0.1, 0.9, 0.0),
    schedule=ScheduleSettings("constant", (), 1.0),
    augmentation="crop_flip",
    precision="float32",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight small JPEGs of two classes, six of them for training."""
    root = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(0)
    files = [f"{number}.JPEG" for number in range(8)]
    for number, file in enumerate(files):
        pixels = draw.integers(0, 256, (12, 16 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / file)
    labels = torch.arange(8) % 2
    return Dataset.of("imagenet", FolderImages(root, files), labels, official_train=6, classes=2)


@pytest.fixture(params=["weights", "checkpoints"])
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Return the user's folder of published weights, empty, under its name and under its former name."""
    monkeypatch.setenv("PRIVPRUNE_DATA", str(tmp_path))
    (tmp_path / request.param).mkdir()
    return tmp_path / str(request.param)


def started(dataset: Dataset, **changed: object) -> Ensemble:
    """Build the first network of a cell the way that the stages do."""
    context = DataContext(dataset, Path("datasets/imagenet"), torch.device("cpu"))
    manifest = context.manifest(read(NetworkSettings, {**NETWORK, **changed}, "network"))
    return ensemble_of(manifest, context, [0], None)


def in_memory(dataset: Dataset) -> Dataset:
    """Decode all images of the folder into one tensor."""
    return replace(dataset, images=dataset.images[torch.arange(len(dataset.labels))])


def test_a_network_starts_as_the_published_one(folder: Dataset, users: Path) -> None:
    """Before any epoch, its logits on the user's images are those of torchvision's network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = torchvision_models.get_model("mobilenet_v2", weights=None, num_classes=2)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (folder.images[torch.tensor([5, 1])] / 255 - mean[:, None, None]) / deviation[:, None, None]
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # one pass, and the statistics fit the images; else all logits are nearly 0
    with torch.no_grad():
        theirs.train().features(images)
        expected = theirs.eval()(images)
    assert expected.abs().min() > 0.001
    torch.save(theirs.state_dict(), users / "weights.pth")
    found = predict(started(folder), folder.images, torch.tensor([5, 1]))[0]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_published_weights_that_are_not_there_are_told_with_where_to_get_them(
    folder: Dataset, users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing file, a file cut short (its name holds its checksum), and no folder at all: one line each."""
    with pytest.raises(UserError, match=r"weights/weights\.pth: the file is missing, .*download\.pytorch\.org"):
        started(folder)
    digest = hashlib.sha256(b"whole").hexdigest()[:8]
    (users / f"net-{digest}.pth").write_bytes(b"who")
    with pytest.raises(UserError, match=rf"net-{digest}\.pth: found sha256 \w+\.\.\., its name says {digest}"):
        started(folder, pretrained=f"net-{digest}.pth")
    monkeypatch.delenv("PRIVPRUNE_DATA")
    with pytest.raises(UserError, match=r"PRIVPRUNE_DATA is not set, .*download\.pytorch\.org/models/weights\.pth"):
        started(folder)


@pytest.mark.parametrize("changed", [{"model": "vgg16"}, {"small_dense": 1000}])
def test_published_weights_exist_for_whole_imagenet_networks_only(changed: dict[str, object]) -> None:
    """A suite that asks for others is refused when it is read."""
    with pytest.raises(UserError, match=r"network: pretrained: found weights\.pth, allowed null"):
        read(NetworkSettings, {**NETWORK, **changed}, "network")


def test_training_does_not_notice_where_the_images_lie(folder: Dataset) -> None:
    """From files or from one tensor: the same bits after training with augmentation and the Min-Max game."""
    from_files, from_memory = (trained(dataset) for dataset in (folder, in_memory(folder)))
    assert from_files.keys() == from_memory.keys()
    for name, value in from_files.items():
        assert torch.equal(value, from_memory[name]), name


def test_the_order_of_records_is_kept(folder: Dataset) -> None:
    """Prediction answers for the records asked about, in their order, whatever the size of its batches."""
    ensemble, records = small_ensemble(), torch.tensor([7, 0, 3, 3, 2])
    whole = predict(ensemble, in_memory(folder).images, torch.arange(8))[:, records]
    torch.testing.assert_close(predict(ensemble, folder.images, records, batch=2), whole)
    assert not torch.equal(whole[:, 0], whole[:, 1])


def small_ensemble() -> Ensemble:
    """Two networks small enough for whole ImageNet images."""

    def network(seed: int) -> BlockNet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            conv = nn.Conv2d(3, 4, 8, stride=8)
            return BlockNet([("conv", block(conv=conv)), ("fc", block(mean=GlobalMean(), linear=nn.Linear(4, 2)))])

    return Ensemble([network(0), network(1)])


def trained(dataset: Dataset) -> dict[str, torch.Tensor]:
    """Train both networks for two epochs against the game."""
    ensemble = small_ensemble()
    members = torch.tensor([[0, 1, 2, 3], [5, 3, 1, 0]])
    setting = DefenceContext(
        images=dataset.images,
        labels=dataset.labels,
        members=members,
        reference=torch.tensor([[6, 7], [7, 6]]),
        selection=torch.tensor([[4], [4]]),
        classes=2,
        cut=None,
        epochs=2,
        batch=3,
        precision="float32",
        target_accuracy=None,
        generators=[torch.Generator().manual_seed(seed) for seed in (4, 5)],
    )
    defence = min_max(MinMaxSettings("min_max", 1.0, 2, 0, 0.001, 0, "paper", "nasr"), setting)
    generators = [torch.Generator().manual_seed(seed) for seed in (8, 9)]
    data = TrainingData(dataset.images, dataset.labels, members)
    train(ensemble, data, PLAN, generators, terms=defence.terms)
    return {
        f"{number}.{name}": value
        for number, state in enumerate(ensemble.state_dicts())
        for name, value in state.items()
    }
