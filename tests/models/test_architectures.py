"""The networks against independent twins: torchvision's, or plain layers in the textbook's order."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models as torchvision_models

from privprune.errors import UserError
from privprune.models import build, load_pretrained


def built(name: str, classes: int, size: int, channels: int = 3) -> nn.Module:
    """Build with a fixed generator."""
    return build(
        name, in_channels=channels, image_size=size, classes=classes, generator=torch.Generator().manual_seed(3)
    )


def vary(model: nn.Module, batch: torch.Tensor) -> None:
    """Give each normalisation its own scale and shift, and a batch's statistics, so that logits tell images apart."""
    generator = torch.Generator().manual_seed(11)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
            module.bias.data.copy_(torch.rand(module.bias.shape, generator=generator) - 0.5)
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(batch)


def same_function(ours: nn.Module, theirs: nn.Module, batch: torch.Tensor) -> None:
    """Copy the values over in the order of the layers and compare the logits."""
    vary(ours, batch)
    mine, keys = ours.state_dict(), list(theirs.state_dict())
    theirs.load_state_dict(dict(zip(keys, mine.values(), strict=True)), assign=True)
    same_logits(ours, theirs, batch, batch)


def same_logits(ours: nn.Module, theirs: nn.Module, seen_by_ours: torch.Tensor, seen_by_theirs: torch.Tensor) -> None:
    """Compare in evaluation mode, a hundred times closer than the logits of different images are."""
    with torch.no_grad():
        mine, expected = ours.eval()(seen_by_ours), theirs.eval()(seen_by_theirs)
    apart = float(expected.std(0).median())
    assert apart > 1e-4
    torch.testing.assert_close(mine, expected, rtol=0, atol=0.01 * apart)


def images(size: int, channels: int = 3) -> torch.Tensor:
    """Return four fixed images."""
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_lenet5_is_the_textbooks() -> None:
    """Pooling before ReLU gives what ReLU before pooling gives."""
    twin = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    same_function(built("lenet5", 10, 28, 1), twin, images(28, 1))


def test_mlp_is_the_textbooks() -> None:
    """Linear layers of the given widths with ReLU between them, on a vector or on the pixels of an image."""
    for channels, size in ((6, 1), (1, 4)):
        generator = torch.Generator().manual_seed(3)
        shape = {"in_channels": channels, "image_size": size, "classes": 3}
        ours = build("mlp", **shape, generator=generator, widths=(16, 8))
        twin = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size**2, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
        )
        assert ours.block_names == ("fc1", "fc2", "fc3")
        same_function(ours, twin, images(size, channels))


def test_four_layer_cnn_is_abadis() -> None:
    """Two 5 x 5 convolutions with pooling, two hidden linear layers, the output."""
    twin = nn.Sequential(
        nn.Conv2d(3, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 64, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2304, 384), nn.ReLU(), nn.Linear(384, 384), nn.ReLU(),
        nn.Linear(384, 10),
    )  # fmt: skip
    same_function(built("four_layer_cnn", 10, 24), twin, images(24))


def test_vgg16_is_torchvisions_with_one_linear_layer() -> None:
    """The thirteen convolutions are torchvision's vgg16_bn; its classifier is replaced by one layer."""
    with torch.device("meta"):  # without values of its own, which cost a second to draw
        twin = nn.Sequential(torchvision_models.vgg16_bn().features, nn.Flatten(), nn.Linear(512, 10))
    same_function(built("vgg16", 10, 32), twin, images(32))


def test_resnet18_is_torchvisions_with_a_small_stem() -> None:
    """Torchvision's network with a 3 x 3 stem that does not shrink the image."""
    with torch.device("meta"):
        twin = torchvision_models.resnet18(num_classes=10)
        twin.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    twin.maxpool = nn.Identity()
    same_function(built("resnet18", 10, 32), twin, images(32))


def test_mobilenet_v2_is_torchvisions_with_two_strides_less() -> None:
    """Torchvision's network, its stem and its second stage at stride 1."""
    with torch.device("meta"):
        twin = torchvision_models.mobilenet_v2(num_classes=10)
    twin.features[0][0].stride = (1, 1)
    twin.features[2].conv[1][0].stride = (1, 1)
    same_function(built("mobilenet_v2", 10, 32), twin, images(32))


@pytest.mark.parametrize(("name", "suffix"), [("resnet18", ".pth"), ("mobilenet_v2", ".safetensors")])
def test_torchvisions_weights_give_torchvisions_logits(name: str, suffix: str, tmp_path: Path) -> None:
    """The network does to an image in [-1, 1] what theirs does to the normalised."""
    theirs = torchvision_models.get_model(name, weights=None)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = ((images(64) + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    vary(theirs, normalised)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(theirs.state_dict(), path)
    else:
        save_file(theirs.state_dict(), path)
    ours = built(f"{name}_imagenet", 1000, 64)
    load_pretrained(ours, f"{name}_imagenet", path)
    same_logits(ours, theirs, images(64), normalised)


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    """A missing file, one that is no file of weights, another architecture, a network without pretrained weights."""
    ours = built("resnet18_imagenet", 1000, 64)
    missing, broken, other = (tmp_path / f"{kind}.pth" for kind in ("missing", "broken", "other"))
    broken.write_text("no weights")
    keys = ours.state_dict()
    torch.save({"conv1.weight": keys["stem.conv.weight"], "bn1.weight": torch.zeros(3)}, other)
    with pytest.raises(UserError, match=r"missing\.pth: the file is missing"):
        load_pretrained(ours, "resnet18_imagenet", missing)
    with pytest.raises(UserError, match=r"broken\.pth: not readable as weights"):
        load_pretrained(ours, "resnet18_imagenet", broken)
    with pytest.raises(UserError, match=r"other\.pth: bn1\.weight is \(3,\), expected \(64,\) for resnet18_imagenet"):
        load_pretrained(ours, "resnet18_imagenet", other)
    with pytest.raises(UserError, match="exist for mobilenet_v2_imagenet, resnet18_imagenet"):
        load_pretrained(ours, "resnet18", other)
