"""ResSFL's game with a few channels of the edge pruned."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from cut_toys import HostReads, cut_at, cut_ensemble, cut_step, cut_training, same_weights
from torch import nn
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.patrol_as_in_cem import (
    ChannelPruning,
    PatrolAsInCemSettings,
    channel_groups,
    patrol_as_in_cem,
)
from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, build, count_parameters, edge_of
from privprune.models.wire.plain import PlainSettings
from privprune.training.ensemble import Ensemble
from privprune.training.loop import ScheduleSettings

MakeSetting = Callable[..., DefenceContext]
CUT = cut_at(2, extra=True)


def pruned(**changed: Any) -> PatrolAsInCemSettings:
    """Return settings with some changed."""
    complete: dict[str, Any] = {
        "name": "patrol_as_in_cem",
        "weight": 1.0,
        "loss": "ssim",
        "threshold": 0.1,
        "attack_steps": 1,
        "learning_rate": 0.01,
        "schedule": ScheduleSettings("constant", (), 1.0),
        "blocks": 0,
        "width": 8,
        "pretraining": None,
        "epochs_before_pruning": 1,
        "ratio": 0.3,
        "more_outputs_than": 8,
        "importance": "data",
    }
    return PatrolAsInCemSettings(**{**complete, **changed})


def colour_edge(name: str, after: int, size: int) -> BlockNet:
    """Return the edge of a network for colour images, without its wire."""
    cut = CutSettings(after=after, bottleneck=8, extra_convolution=True, wire=PlainSettings("plain"), skip=None)
    chance = torch.Generator().manual_seed(1)
    model = build(name, in_channels=3, image_size=size, classes=10, generator=chance, cut=cut)
    return BlockNet(list(edge_of(model).named_children())[:-1])


def smaller(edge: nn.Module) -> nn.Module:
    """Build the smaller edge of the toy by hand: its four convolutions without the zero channels."""
    found = dict(edge.named_modules())
    extra, norm = found["extra.conv"], found["extra.norm"]
    rows: list[nn.Module] = []
    left = torch.arange(1)
    for name in ("extra.conv", "conv1.conv", "conv2.conv", "bottleneck.conv"):
        conv = found[name]
        assert isinstance(conv, nn.Conv2d)
        outputs = conv.weight.flatten(1).abs().sum(1).nonzero()[:, 0]
        small = nn.Conv2d(len(left), len(outputs), 3, padding=1)
        small.weight.data, small.bias.data = conv.weight.data[outputs][:, left], conv.bias.data[outputs]
        rows.append(small)
        if conv is extra:
            assert isinstance(norm, nn.BatchNorm2d)
            thin = nn.BatchNorm2d(len(outputs))
            for key in ("weight", "bias", "running_mean", "running_var"):
                getattr(thin, key).data = getattr(norm, key).data[outputs]
            rows += [thin, nn.ReLU()]
        elif name != "bottleneck.conv":
            rows += [nn.MaxPool2d(2), nn.ReLU()]
        left = outputs
    return nn.Sequential(*rows, nn.Sigmoid()).eval()


@pytest.mark.parametrize("importance", ["data", "released"])
def test_the_pruned_edge_equals_the_smaller_network(toy: Toy, context: MakeSetting, importance: Any) -> None:
    """After more training with momentum and decay, the edge computes what the edge without those channels computes.

    The channels are as many as the ratio says, n to int(n * (1 - ratio)), and the parameters counted are the smaller
    edge's.
    """
    own = context(0, cut=CUT)
    defence = patrol_as_in_cem(pruned(importance=importance), own)
    ensemble, history = cut_training(toy, own, defence.terms, epochs=3)
    edge = BlockNet(list(edge_of(ensemble.module).named_children())[:-1]).eval()
    small = smaller(edge)
    assert [layer.out_channels for layer in small.modules() if isinstance(layer, nn.Conv2d)] == [11, 11, 22, 4]
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    assert torch.allclose(edge(images), small(images), atol=1e-5)
    assert defence.measured()["edge_parameters_left"] == [count_parameters(small)]
    assert len(history["decoder_ssim"]) == 3


def test_before_pruning_it_is_the_game(toy: Toy, context: MakeSetting) -> None:
    """Before the epoch of pruning, training is that of the game alone; in that epoch channels become zero."""
    own = context(0, cut=CUT)
    terms = patrol_as_in_cem(pruned(epochs_before_pruning=2), own).terms
    with_pruning, _ = cut_training(toy, own, terms, epochs=2)
    again = context(0, cut=CUT)
    game, _ = cut_training(toy, again, patrol_as_in_cem(pruned(epochs_before_pruning=2), again).terms[1:], epochs=2)
    assert same_weights(with_pruning, game)
    later, _ = cut_training(toy, own, patrol_as_in_cem(pruned(epochs_before_pruning=2), own).terms, epochs=3)
    assert (later.module.get_parameter("extra.norm.weight") == 0).sum() == 5


def chosen_by(context: DefenceContext, importance: Any) -> tuple[ChannelPruning, Ensemble, Any]:
    """Return the pruning with its chosen channels, the network without gradients, and the step."""
    term = ChannelPruning(pruned(importance=importance, epochs_before_pruning=0), context)
    ensemble = cut_ensemble(CUT)
    term.start(ensemble)
    step = cut_step(ensemble, context)
    with HostReads() as reads:
        assert term.penalty(step) is None
    assert reads.count == 0
    return term, ensemble, step


@pytest.mark.parametrize("importance", ["data", "released"])
def test_the_channels_with_the_smallest_taylor_importance_are_pruned(context: MakeSetting, importance: Any) -> None:
    """They are those of a ranking channel by channel, with the gradients of the loss that the settings name."""
    own = context(0, cut=CUT)
    drawn = torch.randn(1, 1, 8, 8, generator=context(0).generators[0])
    term, ensemble, step = chosen_by(own, importance)
    if importance == "data":
        loss = F.cross_entropy(step.logits, step.labels)
    else:
        ensemble.train(mode=False)
        loss = ensemble.encode(drawn).sum()
    loss.backward()
    for name, stay in (("extra.conv", 11), ("conv1.conv", 11), ("conv2.conv", 22)):
        parts = [f"{name}.weight", f"{name}.bias"]
        parts += ["extra.norm.weight", "extra.norm.bias"] if name == "extra.conv" else []
        values = [ensemble.module.get_parameter(part) for part in parts]
        scores = [
            sum((value[channel] * value.grad[channel]).abs().sum().item() for value in values)
            for channel in range(len(values[0]))
        ]
        expected = sorted(range(len(scores)), key=lambda channel: -scores[channel])[:stay]
        assert term._kept[f"{name}.bias"].nonzero()[:, 0].tolist() == sorted(expected)


def test_choosing_channels_does_not_disturb_the_step(context: MakeSetting) -> None:
    """The backward pass of the loss still runs; weights, buffers and mode do not change before the update."""
    term, ensemble, step = chosen_by(context(0, cut=CUT), "released")
    fresh = cut_ensemble(CUT)
    cut_step(fresh, context(0, cut=CUT))
    assert same_weights(ensemble, fresh)
    assert ensemble.module.training
    F.cross_entropy(step.logits, step.labels).backward()
    term.update(step)
    assert not same_weights(ensemble, fresh)


def test_vgg11_ends_with_the_parameters_of_table_9() -> None:
    """CEM's VGG11 edge with the extra convolution goes from 93,224 parameters to 83,723: 0.083M in Table 9."""
    edge = colour_edge("vgg11_bn", 4, 32)
    assert count_parameters(edge) == 93224
    groups = channel_groups(edge, 32)
    assert [(group.convolution, group.normalisation, group.reader) for group in groups] == [
        ("conv1.conv", "conv1.norm", "conv2.conv"),
        ("conv2.conv", "conv2.norm", "bottleneck.conv"),
    ]
    term = ChannelPruning.__new__(ChannelPruning)
    term._settings, term._groups, term._parameters = pruned(ratio=0.05), groups, dict(edge.named_parameters())
    term._kept = term._chosen({name: torch.ones_like(value) for name, value in edge.named_parameters()})
    assert term.measured() == {"edge_parameters_left": [83723]}


def test_channels_that_a_shortcut_or_the_wire_needs_stay() -> None:
    """In a residual block only the first convolution can be pruned; in an edge without bottleneck not the last one."""
    names = [group.convolution for group in channel_groups(colour_edge("resnet20", 5, 64), 16)]
    assert names == [f"block{number}.conv1" for number in (1, 2, 3, 4)]
    bare = edge_of(cut_ensemble(cut_at(2, None)).module)
    assert [group.convolution for group in channel_groups(BlockNet(list(bare.named_children())[:-1]), 8)] == [
        "conv1.conv"
    ]


def test_what_cannot_be_pruned_is_refused(context: MakeSetting) -> None:
    """One line each: no cut, no extra convolution, pruning after the last epoch, no convolution that is wide enough."""
    with pytest.raises(ValueError, match=r"^patrol_as_in_cem: found a whole network, allowed one with network.cut"):
        patrol_as_in_cem(pruned(), context(0))
    with pytest.raises(ValueError, match=r"allowed network.cut.extra_convolution: true"):
        patrol_as_in_cem(pruned(), context(0, cut=cut_at(2)))
    with pytest.raises(ValueError, match="epochs_before_pruning: found 3, allowed below the 3 epochs of the plan"):
        patrol_as_in_cem(pruned(epochs_before_pruning=3), context(0, cut=CUT))
    wide = ChannelPruning(pruned(more_outputs_than=64), context(0, cut=CUT))
    with pytest.raises(UserError, match=r"patrol_as_in_cem.more_outputs_than: found 64"):
        wide.start(cut_ensemble(CUT))
