"""Residual blocks of the edge without one of their two ways."""

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.threat_model import ThreatModel
from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, build, edge_parts, prunable, reseed
from privprune.models.random_layers import repeatable
from privprune.models.skip import NoShortcutsSettings, RandomBlocksSettings, SkipSettings
from privprune.models.wire.gaussian import GaussianSettings
from privprune.models.wire.plain import PlainSettings

NO_SHORTCUTS = NoShortcutsSettings("no_shortcuts")


def network(name: str, skip: SkipSettings | None, after: int = 3) -> BlockNet:
    """Build a network with a plain wire."""
    cut = CutSettings(after, None, extra_convolution=False, wire=PlainSettings("plain"), skip=skip)
    made = build(name, in_channels=3, image_size=16, classes=4, generator=torch.Generator().manual_seed(0), cut=cut)
    reseed(made, 5)
    return made.eval()


def images(count: int = 6) -> Tensor:
    """Return images in [-1, 1]."""
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def edge(model: BlockNet, inputs: Tensor) -> Tensor:
    """Run the blocks in front of the wire."""
    for part in edge_parts(model):
        inputs = part(inputs)
    return inputs


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "mobilenet_v2"])
@torch.no_grad()
def test_a_rate_near_0_changes_nothing_and_one_near_1_leaves_the_shortcuts(name: str) -> None:
    """The network has the same weights; without its branches the edge is what the shortcuts make of the stem."""
    after = 5 if name == "mobilenet_v2" else 3  # whose first blocks have no shortcut
    plain = network(name, None, after)
    for rate, same in ((1e-9, True), (1 - 1e-9, False)):
        skipping = network(name, RandomBlocksSettings("random_blocks", rate), after)
        assert skipping.state_dict().keys() == plain.state_dict().keys()
        skipping.load_state_dict(plain.state_dict())
        assert torch.equal(skipping(images()), plain(images())) == same
    if name == "resnet18":
        assert torch.allclose(edge(skipping, images()), plain[0](images()))


@torch.no_grad()
def test_branches_are_left_out_image_by_image_anew_at_every_query() -> None:
    """With one branch and a rate of 0.3 each image gets the block or its shortcut, the latter in 30 %."""
    skip = RandomBlocksSettings("random_blocks", 0.3)
    model, plain = network("resnet18", skip, after=2), network("resnet18", None, after=2)
    model.load_state_dict(plain.state_dict())
    shown = images(1).expand(2000, -1, -1, -1)[:, :, :4, :4]
    whole, shortcut = edge(plain, shown[:1]), F.relu(plain[0](shown[:1]))
    for training in (False, True):
        model.train(training)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        first, second = edge(model, shown), edge(model, shown)
        kept = (first - whole).abs().flatten(1).amax(1) < 1e-4
        left_out = (first - shortcut).abs().flatten(1).amax(1) < 1e-4
        assert (kept ^ left_out).all()
        assert left_out.float().mean().item() == pytest.approx(0.3, abs=0.04)
        assert not torch.equal(first, second)


@torch.no_grad()
def test_draws_belong_to_the_seed() -> None:
    """Equal seeds give equal draws, others others; `repeatable` holds them still."""
    model = network("resnet18", RandomBlocksSettings("random_blocks", 0.5))
    found = []
    for seed in (7, 7, 8):
        reseed(model, seed)
        found.append(edge(model, images()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    still = repeatable(model)
    assert torch.equal(still(images()), still(images()))


@torch.no_grad()
def test_without_shortcuts_the_branches_stand_alone() -> None:
    """On the edge the projections' weights are gone; the block is its branch, the cloud is as before."""
    model, plain = network("resnet18", NO_SHORTCUTS, after=4), network("resnet18", None, after=4)
    missing = set(prunable(plain)) - set(prunable(model))
    assert missing == {"block3.shortcut.conv.weight"}
    block, inputs = model.get_submodule("block1"), torch.rand(2, 64, 8, 8)
    names = [block.get_submodule(name) for name in ("conv1", "norm1", "conv2", "norm2")]
    by_hand = F.relu(names[3](names[2](F.relu(names[1](names[0](inputs))))))
    assert torch.equal(block(inputs), by_hand)


@pytest.mark.parametrize("skip", [NO_SHORTCUTS, RandomBlocksSettings("random_blocks", 0.2)])
def test_an_edge_without_residual_blocks_is_refused(skip: SkipSettings) -> None:
    """One line, for a network without any and for a cut behind the stem; a copy of a network draws the same."""
    for name, after in (("photos_cnn", 2), ("resnet18", 1)):
        with pytest.raises(UserError, match=rf"^cut.skip: found {skip.name} on an edge without residual blocks"):
            network(name, skip, after)
    model = network("resnet18", skip)
    assert torch.equal(copy.deepcopy(model)(images()), model(images()))


def test_an_attacker_averages_queries_of_a_random_edge() -> None:
    """The cut says that it is random; the mean of many answers nears the expectation, features are not kept."""
    skip = RandomBlocksSettings("random_blocks", 0.5)
    cut = CutSettings(2, None, extra_convolution=False, wire=PlainSettings("plain"), skip=skip)
    quiet = CutSettings(2, None, extra_convolution=False, wire=GaussianSettings("gaussian", 0.1), skip=NO_SHORTCUTS)
    assert (cut.random, cut.random_edge, quiet.random, quiet.random_edge) == (True, True, True, False)
    model, records = network("resnet18", skip, after=2).requires_grad_(requires_grad=False), torch.arange(4)
    shown = (images(4) * 127 + 128).to(torch.uint8)
    threat = ThreatModel(
        encoder=nn.Sequential(*edge_parts(model)),
        wire=nn.Identity(),
        random=True,
        random_edge=True,
        share=1.0,
        images=shown,
        auxiliary=records,
        leaked=records,
        scored=records,
        surrogate={},
        labels=records,
        classes=4,
        cloud=nn.Identity(),
    )
    pairs = FeatureImagePairs(threat, records, 1)
    answers = [pairs.take(records)[0] for _ in range(8)]
    assert any(not torch.equal(answers[0], other) for other in answers)
    many = [threat.observed(queries) for queries in (1, 1, 64, 64)]
    assert (many[2] - many[3]).square().mean() < 0.1 * max((many[0] - many[1]).square().mean(), 1e-9)
