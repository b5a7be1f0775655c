"""The description of a smaller network."""

from dataclasses import asdict

import pytest
import torch

from privprune.errors import UserError
from privprune.models import BlockNet, Structure, build, shrunk, structure_of
from privprune.settings import read

SMALLER = Structure(
    removed=("block2",),
    channels={
        "stem.conv": (3, 9),
        "stem.norm": (9,),
        "block1.conv1": (16, 5),
        "block1.norm1": (5,),
        "fc.linear": (7, 4),
    },
)


def resnet20() -> BlockNet:
    """Return a network with residual blocks."""
    return build("resnet20", in_channels=3, image_size=8, classes=4, generator=torch.Generator().manual_seed(0))


def test_a_structure_describes_the_network_that_is_made_from_it() -> None:
    """Read off the smaller network it is the same, through JSON's lists too; the dense network has none."""
    model = resnet20()
    smaller = shrunk(model, SMALLER)
    assert structure_of(model, smaller) == SMALLER
    assert read(Structure, {**asdict(SMALLER), "removed": ["block2"]}, "manifest") == SMALLER
    assert structure_of(model, resnet20()) == Structure((), {})


def test_the_first_channels_are_left_and_the_model_stays_as_it_was() -> None:
    """Values are the leading ones of the network's; the branch of a removed block is gone."""
    model = resnet20()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    left = shrunk(model, SMALLER).state_dict()
    assert torch.equal(left["stem.conv.weight"], before["stem.conv.weight"][:9])
    assert torch.equal(left["block1.conv1.weight"], before["block1.conv1.weight"][:5, :16])
    assert torch.equal(left["fc.linear.weight"], before["fc.linear.weight"][:, :7])
    assert not any(name.startswith("block2.") for name in left)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_depthwise_convolution_keeps_one_filter_per_channel() -> None:
    """As many groups as channels are left."""
    model = build("mobilenet_v2", in_channels=3, image_size=8, classes=4, generator=torch.Generator())
    layer = shrunk(model, Structure((), {"block1.depthwise.conv": (20, 20)})).get_submodule("block1.depthwise.conv")
    assert layer(torch.zeros(1, 20, 4, 4)).shape == (1, 20, 4, 4)


@pytest.mark.parametrize(
    ("structure", "line"),
    [
        (Structure((), {"stem.conv": (3, 17)}), r"stem.conv: found \[3, 17\] channels, allowed at most \[3, 16\]"),
        (Structure((), {"stem.conv": (3, 0)}), r"stem.conv: found \[3, 0\] channels, allowed at most \[3, 16\]"),
        (Structure((), {"stem.conv": (3,)}), r"stem.conv: found \[3\] channels, allowed at most \[3, 16\]"),
        (Structure((), {"stem": (3,)}), r"stem: found \[3\] channels, allowed none"),
        (Structure(("stem",), {}), "stem: found no residual block of this name, allowed blocks with a shortcut"),
        (Structure(("block77",), {}), "block77: found no residual block"),
    ],
)
def test_a_structure_of_another_network_is_refused(structure: Structure, line: str) -> None:
    """Layers and blocks that are not there, and more channels than there are."""
    with pytest.raises(UserError, match=line):
        shrunk(resnet20(), structure)
