"""Networks cut in two: the papers' counts, and an edge and a cloud that are the network."""

import pytest
import torch

from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, build, count_parameters, edge_of, reseed, split
from privprune.models.wire import WireSettings
from privprune.models.wire.gaussian import GaussianSettings
from privprune.models.wire.plain import PlainSettings
from privprune.training.ensemble import Ensemble

PLAIN = PlainSettings("plain")


def cut_at(after: int, bottleneck: int | None = 8, wire: WireSettings = PLAIN, *, extra: bool = False) -> CutSettings:
    """Return a cut."""
    return CutSettings(after=after, bottleneck=bottleneck, extra_convolution=extra, wire=wire, skip=None)


def network(name: str, cut: CutSettings | None, size: int = 32, classes: int = 10) -> BlockNet:
    """Build a network for colour images."""
    chance = torch.Generator().manual_seed(1)
    model = build(name, in_channels=3, image_size=size, classes=classes, generator=chance, cut=cut)
    reseed(model, 7)
    return model


def test_vgg11_has_the_counts_of_the_paper() -> None:
    """CEM's VGG11 on CIFAR-10: 85,256 parameters on the edge, 9,774,994 in all; 93,224 with the extra convolution."""
    model = network("vgg11_bn", cut_at(4))
    assert (count_parameters(edge_of(model)), count_parameters(model)) == (85256, 9774994)
    assert count_parameters(edge_of(network("vgg11_bn", cut_at(4, extra=True)))) == 93224
    assert edge_of(model)(torch.zeros(2, 3, 32, 32)).shape == (2, 8, 8, 8)
    assert edge_of(network("vgg11_bn", cut_at(3)))(torch.zeros(2, 3, 32, 32)).shape == (2, 8, 16, 16)


def test_vgg11_takes_facescrub() -> None:
    """48 pixels, no multiple of 32, leave 8 x 12 x 12 on the wire; fewer than 32 are refused in a line."""
    model = network("vgg11_bn", cut_at(4), size=48, classes=530)
    assert edge_of(model)(torch.zeros(2, 3, 48, 48)).shape == (2, 8, 12, 12)
    assert model.eval()(torch.zeros(2, 3, 48, 48)).shape == (2, 530)
    with pytest.raises(UserError, match="vgg11_bn: found images of 16 pixels, allowed 32 and more"):
        network("vgg11_bn", cut_at(4), size=16)


def test_resnet20_has_the_counts_of_the_paper() -> None:
    """CEM's ResNet-20 on Tiny-ImageNet: 112,472 parameters on the edge, which sends 8 x 16 x 16 numbers."""
    edge = edge_of(network("resnet20", cut_at(5), size=64, classes=200))
    assert count_parameters(edge) == 112472
    assert edge(torch.zeros(2, 3, 64, 64)).shape == (2, 8, 16, 16)
    extra = edge_of(network("resnet20", cut_at(5, extra=True), size=64, classes=200))
    assert count_parameters(extra) == 112472 + 16 * 16 * 9 + 16


@pytest.mark.parametrize("name", ["photos_cnn", "vgg11_bn", "resnet20"])
@pytest.mark.parametrize("bottleneck", [None, 4])
def test_edge_and_cloud_are_the_network(name: str, bottleneck: int | None) -> None:
    """What the cloud makes of what the edge sends is what the whole network answers."""
    model = network(name, cut_at(2, bottleneck)).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    edge, cloud = split(model, "wire")
    assert torch.equal(cloud(edge(images)), model(images))
    seen = Ensemble([model]).observe(images)
    assert torch.equal(seen.logits, model(images))
    assert seen.sent is not None
    assert torch.equal(seen.sent, edge(images))


def test_a_bottleneck_sends_numbers_between_0_and_1() -> None:
    """Its sigmoid bounds them; without noise features and what is sent are the same."""
    seen = Ensemble([network("photos_cnn", cut_at(4))]).observe(torch.rand(3, 3, 32, 32) * 2 - 1)
    assert seen.features is not None
    assert seen.sent is not None
    assert 0 < seen.features.min() < seen.features.max() < 1
    assert torch.equal(seen.features, seen.sent)


def test_noise_lies_on_the_wire_in_training_and_evaluation() -> None:
    """What is sent differs from the features by the noise, anew at every query, and the noise is the seed's."""
    model = network("photos_cnn", cut_at(4, wire=GaussianSettings("gaussian", 0.5)))
    images = torch.zeros(16, 3, 32, 32)
    for training in (True, False):
        model.train(training)
        seen = [Ensemble([model]).observe(images) for _ in range(2)]
        assert all(one.sent is not None and one.features is not None for one in seen)
        noise = [one.sent - one.features for one in seen if one.sent is not None and one.features is not None]
        assert noise[0].std().item() == pytest.approx(0.5, rel=0.1)
        assert not torch.equal(noise[0], noise[1])
    reseed(model, 7)
    first = edge_of(model)(images)
    reseed(model, 7)
    assert torch.equal(first, edge_of(model)(images))


def test_what_cannot_be_cut_is_refused() -> None:
    """A cut behind the last block, a bottleneck behind a vector, an edge of a whole network, networks in a stack."""
    with pytest.raises(UserError, match="allowed 1 to 7 blocks"):
        network("photos_cnn", cut_at(8))
    chance = torch.Generator().manual_seed(1)
    with pytest.raises(UserError, match=r"cut.bottleneck: found 8 after fc1"):
        build("lenet5", in_channels=1, image_size=28, classes=10, generator=chance, cut=cut_at(3))
    with pytest.raises(UserError, match="found a whole network"):
        edge_of(network("photos_cnn", None))
    with pytest.raises(ValueError, match="stack: found 2, allowed 1"):
        Ensemble([network("photos_cnn", cut_at(4)) for _ in range(2)])
