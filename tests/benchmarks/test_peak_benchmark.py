"""Shares of the matrix peak: operations are counted exactly, time is divided without rest, batches are the loop's."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

import privprune.training.loop
from benchmarks import anatomy, large_steps, matrix_peak
from benchmarks.measuring import BatchSize
from privprune.training.optimisers import SGD

CPU = torch.device("cpu")
TINY = BatchSize("photos_cnn", batch=4, batches=2, rounds=1)


def test_operations_are_counted_exactly() -> None:
    """A product of matrices takes 2 n^3; a convolution 2 per weight and place, and twice that backward."""
    assert anatomy.counted(matrix_peak.products(torch.float32, CPU, 8)) == {anatomy.PRODUCTS: 2 * 8**3}
    layer, images = nn.Conv2d(3, 5, 3, padding=1, bias=False), torch.rand(2, 3, 4, 4, requires_grad=True)
    once = 2 * layer.weight.numel() * 2 * 4 * 4
    assert anatomy.counted(lambda: layer(images).sum().backward()) == {
        anatomy.FORWARD: once,
        anatomy.BACKWARD: 2 * once,
    }


def test_a_product_alone_reaches_the_peak() -> None:
    """Its operations in its least time, as a share of the peak, are about 1."""
    side = 192
    measured = partial(matrix_peak.best, partial(matrix_peak.products, torch.float32, CPU), seconds=0.2)
    peak, told = measured([side])
    again, _ = measured([side])
    assert 0.5 < again / peak < 2
    assert f"{side}: " in told


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("mkldnn_convolution", anatomy.FORWARD),
        ("convolution_backward", anatomy.BACKWARD),
        ("addmm", anatomy.PRODUCTS),
        ("native_batch_norm_backward", "BatchNorm"),
        ("add_", "sums and copies"),
        ("_foreach_add_", "optimiser"),
        ("empty_strided", anatomy.REST),
    ],
)
def test_operators_have_a_kind(operator: str, kind: str) -> None:
    """A name that begins like another's is not taken for it."""
    assert anatomy.kind_of(operator) == kind


def test_what_an_optimiser_calls_is_its_own() -> None:
    """Its sums count for it; outside of it they are sums."""
    values = torch.rand(300_000, requires_grad=True)
    values.grad = torch.rand(300_000)
    step = anatomy.shares_of_time(SGD([values], lr=0.1, momentum=0.9).step)
    assert step["optimiser"] > step["sums and copies"]
    assert sum(step.values()) == pytest.approx(1)
    assert anatomy.shares_of_time(lambda: values.detach() + 1)["optimiser"] == 0


def test_time_is_divided_without_rest() -> None:
    """Products at the peak's speed, what they take beyond it, and all else make up the whole."""
    flops = {anatomy.FORWARD: 10, anatomy.BACKWARD: 20}
    shares = {anatomy.FORWARD: 0.3, anatomy.BACKWARD: 0.5, "BatchNorm": 0.15, anatomy.REST: 0.05}
    parts = dict(matrix_peak.where_time_goes(flops, shares, possible=100))
    assert sum(parts.values()) == pytest.approx(1)
    assert parts[matrix_peak.AT_PEAK] == pytest.approx(0.3)
    assert parts[f"{anatomy.FORWARD}, beyond it"] == pytest.approx(0.2)
    assert parts["BatchNorm"] == 0.15


def test_the_batches_are_those_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed as waiting for data gives the very images that the training loop gives itself."""
    seen: dict[str, list[Tensor]] = {"loop": [], "alone": []}
    for module, name in ((privprune.training.loop, "loop"), (large_steps, "alone")):
        own = module.augmented

        def kept(*given: object, own: object = own, name: str = name) -> Tensor:
            made = own(*given)  # type: ignore[operator]
            seen[name].append(made)
            return made

        monkeypatch.setattr(module, "augmented", kept)
    steps = large_steps.network_steps(TINY, CPU)
    (chance,) = steps.fast.args[-1]  # type: ignore[attr-defined]
    begin = chance.get_state()
    steps.fast()
    chance.set_state(begin)
    steps.batches()
    assert len(seen["loop"]) == len(seen["alone"]) == 2
    for loop, alone in zip(seen["loop"], seen["alone"], strict=True):
        torch.testing.assert_close(loop, alone, rtol=0, atol=0)


def test_it_runs_without_a_gpu_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two peaks, three rows per network, each share of the peak with its parts; what is missing has a row."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = matrix_peak.measure(matrix_peak.QUICK)
    assert [one.unit for one in found] == ["GFLOP/s"] * 2 + ["times", "%", "%"] * 2 + ["%"] * 2
    assert [one.aim for one in found] == [None, None, 2.0, 40.0, 5.0, None, None, 5.0, 60.0, 40.0]
    assert (found[-1].value, found[-1].note) == (None, "no GPU at hand")
    assert all(one.value is not None and one.value > 0 for one in found[:-1])
    assert [bool(one.points) for one in found] == [one.measure.endswith("peak in a training step") for one in found]


def test_a_gpu_is_measured_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one, its rows follow those of the CPU, and none says that it is missing."""
    rows = [matrix_peak.Result("peak", "", 1.0, "%", None, "higher", "")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(matrix_peak, "measured_on_cpu", lambda _: rows)
    monkeypatch.setattr(matrix_peak, "in_own_process", lambda measure, _: [measure.__name__])
    assert matrix_peak.measure(matrix_peak.QUICK) == [*rows, "measured_on_gpu"]
