"""A network cut in two."""

import pytest
import torch

from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, build, cut_in_two
from privprune.settings import read

SHAPE = {"in_channels": 1, "image_size": 8, "classes": 10}
CUT = {"after": 1, "bottleneck": 2, "extra_convolution": False, "wire": {"name": "plain"}, "skip": None}


def network(cut: CutSettings | None) -> BlockNet:
    """Build a small network, whole or with a cut of its own."""
    return build("digits_cnn", **SHAPE, generator=torch.Generator().manual_seed(0), cut=cut).eval()


@pytest.mark.parametrize(
    ("own", "cut", "features"), [(True, None, (2, 4, 4)), (False, 1, (16, 4, 4)), (False, "conv1", (16, 4, 4))]
)
def test_encoder_wire_and_cloud_compose_to_the_network(own: bool, cut: str | int | None, features: object) -> None:
    """However it is cut, the three parts in a row give its logits, and the features have the shape that is reported."""
    model = network(read(CutSettings, CUT, "tiny") if own else None)
    halves = cut_in_two(model, cut)
    images = torch.rand(3, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        sent = halves.encoder.eval()(images)
        assert torch.equal(halves.cloud.eval()(halves.wire(sent)), model(images))
    assert halves.feature_shape((1, 8, 8)) == sent.shape[1:] == features


def test_a_cut_must_be_named_once() -> None:
    """A whole network needs a cut, a network that has one takes no other."""
    with pytest.raises(UserError, match="cut: found a whole network"):
        cut_in_two(network(None), None)
    with pytest.raises(UserError, match="cut: found 1 for a network with a cut of its own, allowed null"):
        cut_in_two(network(read(CutSettings, CUT, "tiny")), 1)


def test_a_wire_that_reduces_is_part_of_the_edge() -> None:
    """Attackers see what is sent: of a pooled wire one number per channel, and the wire between is the identity."""
    cut = read(CutSettings, {**CUT, "after": 3, "bottleneck": None, "wire": {"name": "pooled"}}, "tiny")
    shape = {"in_channels": 3, "image_size": 16, "classes": 10}
    model = build("photos_resnet", **shape, generator=torch.Generator().manual_seed(0), cut=cut).eval()
    halves = cut_in_two(model, None)
    assert halves.feature_shape((3, 16, 16)) == (16, 1, 1)
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        sent = halves.wire(halves.encoder(images))
        assert sent.shape == (2, 16, 1, 1)
        assert torch.equal(halves.cloud.eval()(sent), model(images))
