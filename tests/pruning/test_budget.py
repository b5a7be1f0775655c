"""How many weights each layer keeps."""

from fractions import Fraction

import pytest
import torch

from privprune.errors import UserError
from privprune.models import catalogue, prunable
from privprune.models.block_net import Shape
from privprune.pruning import BudgetSettings, count_kept
from privprune.pruning.budget import _rounded, _shares
from privprune.settings import read

LENET = {"conv1": 0.60, "conv2": 0.20, "fc1": 0.0465, "fc2": 0.0835, "fc3": 0.30}


def weights(model: str, classes: int = 10, channels: int = 3, size: int = 32) -> dict[str, torch.Tensor]:
    """Return the prunable weights of a network, without memory."""
    return prunable(catalogue._skeleton(model, Shape(channels, size, classes), 1.0))


def total(tensors: dict[str, torch.Tensor]) -> int:
    """Count all weights."""
    return sum(tensor.numel() for tensor in tensors.values())


def test_lenet_reaches_the_papers_ratio() -> None:
    """The fractions keep 90 + 480 + 2,232 + 842 + 252 = 3,896 of 61,470 weights, 15.78 times fewer."""
    lenet = weights("lenet5", channels=1, size=28)
    counts = count_kept(BudgetSettings(keep=LENET, ratio=None, dense_layers=()), lenet)
    assert list(counts.values()) == [90, 480, 2232, 842, 252]
    assert (sum(counts.values()), total(lenet)) == (3896, 61_470)
    assert round(total(lenet) / sum(counts.values()), 2) == 15.78


@pytest.mark.parametrize(
    ("model", "classes", "ratio", "dense", "sparse", "fraction"),
    [
        ("vgg16", 10, 13.84, ("conv1", "fc"), "conv7.conv.weight", 0.0718),
        ("vgg16", 100, 13.84, ("conv1", "fc"), "conv7.conv.weight", 0.0689),
        ("resnet18", 10, 10.54, ("stem", "fc"), "block5.conv1.weight", 0.0943),
        ("resnet18", 100, 10.54, ("stem", "fc"), "block5.conv1.weight", 0.0906),
    ],
)
def test_a_ratio_gives_the_fractions_computed_by_hand(
    model: str, classes: int, ratio: float, dense: tuple[str, ...], sparse: str, fraction: float
) -> None:
    """Overall ratios of the paper's Table 4, with first and last layer whole."""
    layers = weights(model, classes)
    counts = count_kept(BudgetSettings(keep=None, ratio=ratio, dense_layers=dense), layers)
    assert counts[sparse] / layers[sparse].numel() == pytest.approx(fraction, abs=5e-5)
    assert counts["fc.linear.weight"] == layers["fc.linear.weight"].numel()
    assert sum(counts.values()) == round(total(layers) / ratio)


def test_a_pattern_names_many_layers() -> None:
    """MobileNetV2 with its stem and all 17 depthwise layers whole reaches 10.06 with 7.2 % of the others."""
    layers = weights("mobilenet_v2")
    counts = count_kept(BudgetSettings(keep=None, ratio=10.06, dense_layers=("stem", "*.depthwise")), layers)
    whole = [name for name, count in counts.items() if count == layers[name].numel()]
    assert len(whole) == 18
    assert counts["last.conv.weight"] / layers["last.conv.weight"].numel() == pytest.approx(0.072, abs=5e-5)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0, 8.0, 15.78, 32.0])
@pytest.mark.parametrize("keep", [None, LENET])
def test_any_ratio_is_hit_exactly(ratio: float, keep: dict[str, float] | None) -> None:
    """The counts sum to round(all / ratio), with a profile too, even where its factor would pass a layer's size."""
    lenet = weights("lenet5", channels=1, size=28)
    counts = count_kept(BudgetSettings(keep=keep, ratio=ratio, dense_layers=()), lenet)
    assert sum(counts.values()) == round(61_470 / ratio)
    assert all(1 <= counts[name] <= lenet[name].numel() for name in lenet)


def test_at_ratio_keeps_the_profile() -> None:
    """At half the ratio each layer that is not full keeps about twice as much."""
    lenet = weights("lenet5", channels=1, size=28)
    settings = BudgetSettings(keep=LENET, ratio=15.78, dense_layers=())
    sparse, denser = count_kept(settings, lenet), count_kept(settings.at_ratio(7.89), lenet)
    factors = [denser[name] / sparse[name] for name in ("conv2.conv.weight", "fc1.linear.weight", "fc2.linear.weight")]
    assert max(factors) == pytest.approx(min(factors), rel=0.01)
    assert denser["conv1.conv.weight"] == 150


def test_shares_are_proportional_and_never_above_the_size() -> None:
    """Against bisection for the common factor, in exact fractions, on random layers and demands."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        drawn = torch.randint(1, 200, (3, 6), generator=generator).tolist()
        sizes = dict(zip("abcdef", drawn[0], strict=True))
        demands = dict(zip("abcdef", (float(value) for value in drawn[1]), strict=True))
        wanted = max(6, sum(sizes.values()) * drawn[2][0] // 200)
        shares = _shares(demands, sizes, wanted)
        low, high = Fraction(0), Fraction(1000)
        for _ in range(60):
            factor = (low + high) / 2
            reached = sum(min(Fraction(sizes[name]), factor * Fraction(demands[name])) for name in sizes)
            low, high = (factor, high) if reached < wanted else (low, factor)
        expected = {name: float(min(Fraction(sizes[name]), high * Fraction(demands[name]))) for name in sizes}
        assert shares == pytest.approx(expected, abs=1e-9)
        counts = _rounded(shares)
        assert sum(counts.values()) == wanted
        assert all(abs(counts[name] - shares[name]) < 1 for name in sizes)


@pytest.mark.parametrize(
    ("keep", "ratio", "dense", "message"),
    [
        ({**LENET, "fc4": 0.5}, None, (), "keep: found 'fc4', allowed layers are conv1.conv.weight"),
        ({"conv1": 0.5, "fc*": 0.5}, None, (), "conv2.conv.weight: found in neither"),
        (LENET, None, ("fc3",), "fc3.linear.weight: found in both of them"),
        ({**LENET, "conv*": 0.5}, None, (), "conv1.conv.weight is named by 'conv1' and by 'conv\\*'"),
        ({**LENET, "conv1": 0.003}, None, (), "conv1.conv.weight would keep no weight"),
        (None, 20000.0, (), "ratio: leaves 3 weights for conv1.conv.weight"),
        (None, 15.78, ("fc1",), "ratio: leaves -44105 weights for conv1.conv.weight"),
        (None, 2.0, ("conv*", "fc*"), "ratio: leaves -30735 weights for no layer"),
    ],
)
def test_a_budget_that_does_not_fit_is_told_in_one_line(
    keep: dict[str, float] | None, ratio: float | None, dense: tuple[str, ...], message: str
) -> None:
    """Layers that are not there, named twice or left out, and ratios that cannot be reached."""
    with pytest.raises(UserError, match=message):
        count_kept(BudgetSettings(keep=keep, ratio=ratio, dense_layers=dense), weights("lenet5", channels=1, size=28))


def test_a_budget_is_read_from_a_suite() -> None:
    """Fractions and ratios are checked where they are read; a budget that says nothing is refused."""
    written = {"keep": {"conv1": 1}, "ratio": None, "dense_layers": ["fc"]}
    assert read(BudgetSettings, written, "b") == BudgetSettings({"conv1": 1.0}, None, ("fc",))
    with pytest.raises(UserError, match=r"b\.keep\.conv1: found 1\.5, allowed at least 0 and at most 1"):
        read(BudgetSettings, {**written, "keep": {"conv1": 1.5}}, "b")
    with pytest.raises(UserError, match=r"b\.ratio: found 0\.5, allowed at least 1"):
        read(BudgetSettings, {**written, "ratio": 0.5}, "b")
    with pytest.raises(UserError, match="b: keep and ratio: found null and null"):
        read(BudgetSettings, {**written, "keep": None}, "b")
