"""CEM's losses compared with simple implementations, and their copies from device to host."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from cem_twins import SlowMixture, slow_released_loss
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from privprune.defences.cem.as_released import AsReleasedSettings, ClassClusters, fit_classes, moments, released_loss
from privprune.defences.cem.as_written import AsWrittenSettings, GlobalMixture
from privprune.metrics.clusters import Clusters, k_means

FETCHING = ("_local_scalar_dense", "nonzero", "item", "is_nonzero", "equal", "_unique2", "unique_dim", "bincount")
DEVIATION = 0.1


class Watch(TorchDispatchMode):
    """Counts the operators that make a processor wait for its accelerator."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in FETCHING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def chance(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def drawn(records: int, dimensions: int, seed: int) -> Tensor:
    """Return features around a few centres, float64."""
    places = torch.rand(4, dimensions, generator=chance(99), dtype=torch.float64) * 4
    spread = 0.2 + torch.rand(dimensions, generator=chance(98), dtype=torch.float64)
    noise = torch.randn(records, dimensions, generator=chance(seed), dtype=torch.float64)
    return places[torch.arange(records) % 4] + noise * spread


def written(covariance: Any) -> AsWrittenSettings:
    """Return settings of Equation 7."""
    return AsWrittenSettings("as_written", 2, covariance)


def released(**changed: Any) -> AsReleasedSettings:
    """Return settings of the released loss with some changed."""
    facts = {"clusters_per_class": 3, "floor": 0.01, "threshold": 0.125, "batch_factor": 10.0, "batch_cap": 0.99}
    return AsReleasedSettings(**{"name": "as_released", **facts, "slips": (), **changed})


def assert_same(fast: Callable[[Tensor], Tensor], slow: Callable[[Tensor], Tensor], features: Tensor) -> None:
    """Compare value and gradient to 1e-6."""
    values, gradients = [], []
    for loss in (fast, slow):
        leaf = features.clone().requires_grad_()
        value = loss(leaf)
        value.backward()
        assert leaf.grad is not None
        values.append(value.detach())
        gradients.append(leaf.grad)
    assert gradients[1].abs().max() > 0
    torch.testing.assert_close(values[0], values[1], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-6, atol=1e-6 * gradients[1].abs().max().item())


@pytest.mark.parametrize("dimensions", [5, 40], ids=["more records", "more dimensions"])
@pytest.mark.parametrize("covariance", ["full", "from_fit", "diagonal"])
def test_equation_7_equals_the_simple_implementation(covariance: Any, dimensions: int) -> None:
    """Value and gradient agree over several batches, also where a batch has no records of a component."""
    features = drawn(90, dimensions, 1)
    found = k_means(features, 6, None, chance())
    fast = GlobalMixture(written(covariance), features, found, DEVIATION)
    slow = SlowMixture(features, found, DEVIATION, diagonal=covariance == "diagonal", running=covariance != "from_fit")
    for seed in range(3):
        batch = drawn(20, dimensions, 10 + seed)[: 20 - 9 * seed]
        assert_same(fast.loss, slow.loss, batch)


def test_running_covariances_depend_on_earlier_batches() -> None:
    """A batch's loss depends on the batch before, but with `from_fit` it does not."""
    features, batch = drawn(90, 5, 1), 2 * drawn(30, 5, 2)
    for covariance in ("full", "diagonal", "from_fit"):
        mixture = GlobalMixture(written(covariance), features, k_means(features, 4, None, chance()), DEVIATION)
        first, second = mixture.loss(batch), mixture.loss(batch)
        assert torch.equal(first, second) == (covariance == "from_fit")


def test_the_first_batch_after_a_fit_is_the_same_for_both_full_covariances() -> None:
    """Right after a fit, `full` and `from_fit` give the same loss."""
    features, batch = drawn(90, 7, 1), drawn(30, 7, 2)
    found = k_means(features, 4, None, chance())
    one, other = (GlobalMixture(written(name), features, found, DEVIATION).loss(batch) for name in ("full", "from_fit"))
    assert one.item() == pytest.approx(other.item(), rel=1e-9)


def test_an_empty_component_adds_nothing() -> None:
    """With equal records k-means leaves components empty; the loss is finite, and that of the simple implementation."""
    features = torch.zeros(30, 4, dtype=torch.float64)
    features[15:] = 1
    found = k_means(features, 4, None, chance())
    assert (found.counts == 0).sum() == 2
    batch = torch.rand(10, 4, generator=chance(3), dtype=torch.float64)
    for covariance in ("full", "from_fit", "diagonal"):
        slow = SlowMixture(
            features, found, DEVIATION, diagonal=covariance == "diagonal", running=covariance != "from_fit"
        )
        assert_same(GlobalMixture(written(covariance), features, found, DEVIATION).loss, slow.loss, batch)


@pytest.mark.parametrize(
    "slips", [(), ("wrong_index",), ("misaligned_clusters",), ("wrong_index", "misaligned_clusters")]
)
@pytest.mark.parametrize("classes", [4, 12], ids=["all classes", "some classes"])
@pytest.mark.parametrize("class_records", [40.0, 4000.0], ids=["capped", "shared"])
def test_the_released_loss_equals_the_simple_implementation(slips: Any, classes: int, class_records: float) -> None:
    """They agree with and without slips, with classes missing from a batch, below and above the cap."""
    form = released(slips=slips)
    features, labels = drawn(240, 6, 1), torch.randint(0, classes, (240,), generator=chance(5))
    clusters = fit_classes(form, features, labels, classes, None, chance())
    known = {"deviation": DEVIATION, "class_records": class_records}
    batch, batch_labels = drawn(16, 6, 2), torch.randint(0, classes, (16,), generator=chance(6))
    assert_same(
        lambda leaf: released_loss(form, clusters, leaf, batch_labels, **known),
        lambda leaf: slow_released_loss(form, clusters, leaf, batch_labels, **known),
        batch,
    )


def test_the_wrong_index_changes_the_loss() -> None:
    """With classes of different variance, weight and variance of another class give another loss."""
    features, labels = drawn(240, 6, 1), torch.arange(240) % 4
    features = features * (1 + labels)[:, None]
    clusters = fit_classes(released(), features, labels, 4, None, chance())
    right, wrong = (
        released_loss(released(slips=slips), clusters, features, labels, deviation=0.1, class_records=4000.0)
        for slips in ((), ("wrong_index",))
    )
    assert right.item() != pytest.approx(wrong.item(), rel=1e-2)


def test_misaligned_clusters_move_up() -> None:
    """Variances skip the empty cluster, weights also that of one record; the lists are padded at the end."""
    own = torch.tensor([[0.0], [2.0], [5.0], [9.0], [11.0], [9.0], [11.0]])
    found = Clusters(
        torch.tensor([[1.0], [3.0], [5.0], [10.0]]),
        torch.tensor([0, 0, 2, 3, 3, 3, 3]),
        torch.tensor([2, 0, 1, 4]),
    )
    _, variances, weights = moments(own, found, ())
    assert variances.tolist() == [1, 0, 0, 1]
    assert weights.tolist() == pytest.approx([2 / 7, 0, 1 / 7, 4 / 7])
    _, variances, weights = moments(own, found, ("misaligned_clusters",))
    assert variances.tolist() == [1, 0, 1, 1]
    assert weights.tolist() == pytest.approx([2 / 7, 4 / 7, 0.01, 0.01])


def test_below_the_threshold_the_released_loss_is_flat() -> None:
    """Features at their centres have loss 0 and gradient 0."""
    clusters = ClassClusters(torch.rand(2, 3, 4, generator=chance()), torch.zeros(2, 3), torch.full((2, 3), 1 / 3))
    labels = torch.tensor([0, 0, 1])
    leaf = clusters.centres[labels, torch.tensor([0, 2, 1])].requires_grad_()
    loss = released_loss(released(), clusters, leaf, labels, deviation=0.1, class_records=10.0)
    loss.backward()
    assert loss.item() == 0
    assert leaf.grad is not None
    assert leaf.grad.abs().max() == 0


def test_a_step_copies_nothing_from_the_device() -> None:
    """No operator of forward and backward pass makes the host wait; the simple implementations wait at each cluster."""
    features, labels = drawn(90, 5, 1), torch.arange(90) % 3
    form = released(slips=("wrong_index", "misaligned_clusters"))
    clusters = fit_classes(form, features, labels, 3, None, chance())
    found = k_means(features, 6, None, chance())
    known: dict[str, Any] = {"deviation": 0.1, "class_records": 30.0}
    losses: list[Callable[[Tensor], Tensor]] = [
        lambda leaf: released_loss(form, clusters, leaf, labels[:20], **known),
        *(GlobalMixture(written(name), features, found, 0.1).loss for name in ("full", "from_fit", "diagonal")),
    ]
    for loss in losses:
        with Watch() as watch:
            loss(drawn(20, 5, 2).requires_grad_()).backward()
        assert watch.found == []
    with Watch() as watch:
        slow_released_loss(form, clusters, drawn(20, 5, 2), labels[:20], **known)
    assert len(watch.found) > 10
