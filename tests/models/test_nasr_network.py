"""The membership network against one built from plain layers."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import nn

from privprune.models import NasrNetwork, NasrVariant

HIDDEN = {
    "paper": ((1024, 512, 64), (512, 64), (256, 64, 1)),
    "released": ((1024, 512, 64), (128, 64), (256, 128, 64, 1)),
}


class Twin(nn.Module):
    """One member in the words of the released code: three sequences of linear layers."""

    def __init__(self, classes: int, variant: NasrVariant) -> None:
        super().__init__()
        prediction, label, common = HIDDEN[variant]
        self.variant, self.classes = variant, classes
        self.prediction = self.rows((classes, *prediction), last=True)
        self.label = self.rows((classes, *label), last=True)
        self.common = self.rows((128, *common), last=False)

    @staticmethod
    def rows(widths: tuple[int, ...], *, last: bool) -> nn.Sequential:
        """Linear layers with ReLU between them."""
        layers = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return nn.Sequential(*(layers if last else layers[:-1]))

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Judge one member's batch."""
        coded = F.one_hot(labels, self.classes).float()
        seen = logits.softmax(1) if self.variant == "paper" else logits
        coded = coded if self.variant == "paper" else 2 * coded - 1
        return self.common(torch.cat([self.prediction(seen), self.label(coded)], dim=1))[:, 0]


def generators(*seeds: int) -> list[torch.Generator]:
    """One generator per seed."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def batch(members: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels of six records per member."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(members, 6, 10, generator=generator)
    return logits, torch.randint(0, 10, (members, 6), generator=generator)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_batched_network_is_its_naive_twin(variant: NasrVariant) -> None:
    """Each member computes what the same weights compute in plain linear layers."""
    network = NasrNetwork(10, variant, generators(1, 2, 3))
    for parameter in network.parameters():  # the first values, of order 0.01, would hide most mistakes
        nn.init.normal_(parameter, std=0.3, generator=generators(9)[0])
    logits, labels = batch(3)
    judged = network(network.seen(logits), labels)
    assert judged.shape == (3, 6)
    for member in range(3):
        twin = Twin(10, variant)
        values = [value[member].T if value[member].shape[0] > 1 else value[member, 0] for value in network.parameters()]
        for mine, theirs in zip(values, twin.parameters(), strict=True):
            theirs.data.copy_(mine.reshape(theirs.shape))
        torch.testing.assert_close(judged[member], twin(logits[member], labels[member]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_each_member_has_the_twins_parameters(variant: NasrVariant) -> None:
    """As many parameters as the same layers have one by one."""
    network = NasrNetwork(100, variant, generators(1, 2))
    twin = sum(value.numel() for value in Twin(100, variant).parameters())
    assert sum(value.numel() for value in network.parameters()) == 2 * twin


def test_a_member_comes_from_its_generator_alone() -> None:
    """Built together or alone, with whatever global state, a member has the same weights; the state is untouched."""
    before = torch.get_rng_state()
    together = NasrNetwork(10, "paper", generators(1, 2)).state_dict()
    alone = NasrNetwork(10, "paper", generators(2)).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(together[key][1:], alone[key]) for key in alone)
    assert not torch.equal(together["label.0.weight"][0], together["label.0.weight"][1])


def test_first_weights_are_small_and_biases_zero() -> None:
    """N(0, 0.01^2) and 0, so that an untrained network is undecided."""
    network = NasrNetwork(10, "paper", generators(1))
    for name, value in network.named_parameters():
        if name.endswith("bias"):
            assert not value.any()
        elif value.numel() > 10_000:
            assert value.std().item() == pytest.approx(0.01, rel=0.02)
    logits, labels = batch(1)
    assert network(network.seen(logits), labels).abs().max() < 0.01


def test_members_do_not_touch_each_other() -> None:
    """The loss of one member moves no weight of another."""
    network = NasrNetwork(10, "paper", generators(1, 2))
    logits, labels = batch(2)
    network(network.seen(logits), labels)[0].sum().backward()
    assert all(not value.grad[1].any() for value in network.parameters())
    assert all(value.grad[0].any() for name, value in network.named_parameters() if name.endswith("bias"))
