"""Masks by magnitude and at random."""

import pytest
import torch

from privprune.errors import UserError
from privprune.pruning import Mask
from privprune.pruning.magnitude import magnitude_mask
from privprune.pruning.random_mask import random_mask


def layers(members: int, *, tied: bool) -> dict[str, torch.Tensor]:
    """Return weights of two layers; tied ones take few values, so that equal magnitudes abound."""
    generator = torch.Generator().manual_seed(members)
    shapes = {"conv": (members, 4, 3, 3, 3), "linear": (members, 7, 11)}
    if tied:
        return {name: torch.randint(-3, 4, shape, generator=generator).float() for name, shape in shapes.items()}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("counts", [{"conv": 1, "linear": 77}, {"conv": 40, "linear": 13}, {"conv": 107, "linear": 1}])
def test_magnitude_keeps_what_sorting_by_hand_keeps(counts: dict[str, int], tied: bool) -> None:
    """Exactly the largest n of each layer and network, the first of equal ones, in a plain loop's words."""
    weights = layers(3, tied=tied)
    mask = magnitude_mask(weights, counts)
    for name, weight in weights.items():
        for member in range(3):
            flat = weight[member].flatten().tolist()
            order = sorted(range(len(flat)), key=lambda place, flat=flat: (-abs(flat[place]), place))
            expected = torch.zeros(len(flat), dtype=torch.bool)
            expected[order[: counts[name]]] = True
            assert torch.equal(mask.kept[name][member].flatten(), expected)


def test_every_kept_magnitude_is_at_least_every_pruned_one() -> None:
    """Also for weights whose memory is not in the order of their index."""
    weights = {name: weight.transpose(1, 2) for name, weight in layers(2, tied=False).items()}
    mask = magnitude_mask(weights, {"conv": 30, "linear": 30})
    for name, weight in weights.items():
        for member in range(2):
            magnitudes, kept = weight[member].abs(), mask.kept[name][member]
            assert kept.sum() == 30
            assert magnitudes[kept].min() >= magnitudes[~kept].max()


def test_diverged_weights_are_not_pruned() -> None:
    """A weight that is not a number names its layer instead of giving an empty mask."""
    weights = layers(2, tied=False)
    weights["linear"][1, 0, 0] = float("nan")
    with pytest.raises(UserError, match="pruning: linear is not finite"):
        magnitude_mask(weights, {"conv": 5, "linear": 5})


def test_random_masks_keep_exact_counts_whatever_the_weights() -> None:
    """As many as asked for in each layer and network, and the same for other weights of the same shapes."""
    counts = {"conv": 17, "linear": 5}
    drawn = [
        random_mask(weights, counts, [torch.Generator().manual_seed(seed) for seed in (1, 2)])
        for weights in (layers(2, tied=False), layers(2, tied=True))
    ]
    for name, count in counts.items():
        assert drawn[0].kept[name].flatten(1).sum(1).tolist() == [count, count]
        assert torch.equal(drawn[0].kept[name], drawn[1].kept[name])
        assert not torch.equal(drawn[0].kept[name][0], drawn[0].kept[name][1])


def test_random_masks_prefer_no_position() -> None:
    """Over 400 networks each of 77 places is kept a quarter of the time, within five standard deviations."""
    weights = {"linear": torch.zeros(400, 7, 11)}
    generators = [torch.Generator().manual_seed(seed) for seed in range(400)]
    frequency = random_mask(weights, {"linear": 19}, generators).kept["linear"].float().mean(0)
    expected = 19 / 77
    assert (frequency - expected).abs().max() < 5 * (expected * (1 - expected) / 400) ** 0.5


@pytest.mark.parametrize("kind", ["magnitude", "random"])
def test_networks_are_pruned_as_if_alone(kind: str) -> None:
    """The mask of three stacked networks is that of each by itself."""
    weights, counts = layers(3, tied=True), {"conv": 40, "linear": 13}

    def pruned(members: slice) -> Mask:
        part = {name: weight[members] for name, weight in weights.items()}
        generators = [torch.Generator().manual_seed(seed) for seed in range(3)[members]]
        return magnitude_mask(part, counts) if kind == "magnitude" else random_mask(part, counts, generators)

    together = pruned(slice(0, 3))
    for member in range(3):
        alone = pruned(slice(member, member + 1))
        assert all(torch.equal(together.kept[name][member], alone.of(0)[name]) for name in counts)


def test_a_mask_counts_and_zeroes_what_it_says() -> None:
    """Weights left, density and sparsity per network; zeroed weights are the pruned ones, the others untouched."""
    weights = layers(2, tied=False)
    mask = magnitude_mask(weights, {"conv": 27, "linear": 10})
    assert mask.weights == 108 + 77
    assert mask.weights_left.tolist() == [37, 37]
    torch.testing.assert_close(mask.density, torch.full((2,), 37 / 185))
    torch.testing.assert_close(mask.sparsity, torch.full((2,), 148 / 185))
    assert Mask.ones_like(weights).density.tolist() == [1.0, 1.0]
    before = {name: weight.clone() for name, weight in weights.items()}
    mask.apply_(weights)
    for name, weight in weights.items():
        assert torch.equal(weight, torch.where(mask.kept[name], before[name], 0.0))
