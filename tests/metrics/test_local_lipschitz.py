"""Local Lipschitz constants against maps whose constants are known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from privprune.metrics.lipschitz import change, edge_lipschitz, local_lipschitz, ratios


def images(count: int = 12) -> Tensor:
    """Return images in [-1, 1]."""
    return torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1


def measured(*blocks: Callable[[Tensor], Tensor], shown: Tensor | None = None) -> list[float]:
    """Return the constants of some blocks."""
    chance = torch.Generator().manual_seed(2)
    return local_lipschitz(blocks, images() if shown is None else shown, 0.1, chance)


def spread(values: Tensor) -> float:
    """Return the root mean square about each channel's mean, by the definition."""
    return float((values - values.mean((0, 2, 3), keepdim=True)).square().mean().sqrt())


def test_constants_of_linear_maps_are_exact() -> None:
    """Scaling has the constant 1 over the spread first, 1 after it; half the places leave about the root of a half."""
    shown = images(2000)
    first, second, third = measured(lambda x: 3 * x, lambda x: -7 * x + 2, lambda x: x[..., ::2], shown=shown)
    assert first == pytest.approx(1 / spread(shown), rel=1e-5)
    assert second == pytest.approx(1.0, rel=1e-5)
    assert third == pytest.approx(0.5**0.5, rel=0.01)


def test_a_nonlinear_block_is_measured_by_the_papers_formula() -> None:
    """The mean over the images of the README's ratio, with the outputs divided by their spread."""
    chance = torch.Generator().manual_seed(2)
    clean = images()
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=chance)
    one, two = measured(torch.tanh, lambda x: x.square())
    h, g = torch.tanh(clean), torch.tanh(noisy)
    by_hand = [float((b[i] - a[i]).norm()) for a, b in ((clean, noisy), (h, g), (h**2, g**2)) for i in range(12)]
    zeroth, first, second = torch.tensor(by_hand).view(3, 12)
    assert one == pytest.approx(float((first / zeroth).mean()) / spread(h), rel=1e-4)
    assert two == pytest.approx(float((second / first).mean()) * spread(h) / spread(h**2), rel=1e-4)


def test_neither_scale_nor_offset_changes_a_constant() -> None:
    """Features that are shrunk or moved as a whole, channel by channel, have the same constants."""
    convolution = nn.Conv2d(3, 4, 3)
    plain = measured(convolution, torch.relu)
    moved = measured(lambda x: 1e-3 * convolution(x) + torch.tensor([5.0, 0, -2, 1]).view(-1, 1, 1), nn.Identity())
    assert moved[0] == pytest.approx(plain[0], rel=1e-3)


def test_an_edge_is_one_block_and_parts_of_a_large_set_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its constant is that of the blocks' composition; how many images run at once changes only the noise's order."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)  # else the weights depend on the tests that ran before
        blocks = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    alone = edge_lipschitz(blocks, images(), 0.1, torch.Generator().manual_seed(2))
    assert alone == measured(blocks)[0]
    shown = images(600)
    whole = measured(*blocks, shown=shown)
    monkeypatch.setattr("privprune.memory.PIXELS_AT_ONCE", 70 * shown[0].numel())
    assert measured(*blocks, shown=shown) == pytest.approx(whole, rel=0.02)


def test_what_says_nothing_has_the_constant_0() -> None:
    """Constant features do not divide by nothing."""
    assert measured(torch.zeros_like, nn.Identity()) == [0, 0]


@pytest.mark.parametrize(("relative", "counts"), [(1e-7, False), (1e-5, True)])
def test_rounding_is_no_change(relative: float, counts: bool) -> None:
    """What differs by the rounding of float32 counts as equal, without a gradient; a hundred times as much does not."""
    one = images(2)
    other = (one * (1 + relative)).requires_grad_()
    found = change(other, one)
    (gradient,) = torch.autograd.grad(found.sum(), other)
    assert bool((found > 0).all()) == bool(gradient.any()) == counts


def test_what_does_not_reach_a_block_is_not_divided_by() -> None:
    """An image that the block before shuts off has the ratio 0, and no gradient; the other image keeps its own."""
    image, shut = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 2.0], requires_grad=True)
    after = torch.tensor([6e-8, 1.0], requires_grad=True)
    second = ratios([image, shut, after])[1]
    assert second.tolist() == [0, 0.5]
    of_shut, of_after = torch.autograd.grad(second.sum(), [shut, after])
    assert (of_shut.tolist(), of_after.tolist()) == ([0, -0.25], [0, 0.5])
