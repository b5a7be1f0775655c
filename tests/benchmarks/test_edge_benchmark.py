"""The benchmark of the pruned edge runs and compares what it says; how fast anything is, no test asserts."""

from __future__ import annotations

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from benchmarks import edge_speed
from privprune.models import BlockNet, count_parameters

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # newer Pythons, where it forks


def first_layer(model: BlockNet, example: Tensor, names: tuple[str, str], opset: int) -> bytes:
    """Write an edge's first convolution by hand: PyTorch's exporter needs seconds, and has tests of its own."""
    assert example.shape[1:] == (model.stem.conv.in_channels, 32, 32)
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, None, None])
        for name, channels in zip(names, model.stem.conv.weight.shape[1::-1], strict=True)
    ]
    weight = numpy_helper.from_array(model.stem.conv.weight.detach().numpy(), "weight")
    node = helper.make_node("Conv", [names[0], "weight"], [names[1]])
    graph = helper.make_graph([node], "edge", values[:1], values[1:], [weight])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def test_the_pruned_edge_has_lost_92_percent() -> None:
    """At least 92 % of the parameters are gone, and one channel more in the stem would be too many."""
    dense, pruned = count_parameters(edge_speed.edge(1.0)), edge_speed.narrowed()
    assert dense == 1_602_112
    assert count_parameters(pruned) <= 0.08 * dense
    channels = pruned.stem.conv.out_channels
    assert count_parameters(edge_speed.edge((channels + 1) / 64)) > 0.08 * dense


def test_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each runtime has its row, with the share that the cut network has lost."""
    monkeypatch.setattr(edge_speed, "export", first_layer)
    found = edge_speed.measure(edge_speed.QUICK)
    for result, runtime in zip(found, edge_speed.RUNTIMES.values(), strict=True):
        assert f"one block, one image of 32 x 32, {runtime}: dense against 92." in result.measure
        assert result.value is not None
        assert result.value > 0


def test_the_timed_edge_computes_numbers() -> None:
    """Its weights have values: not-a-number would be computed at another speed, and compare with nothing."""
    with torch.no_grad():
        assert edge_speed.edge(0.25, "block2")(torch.rand(1, 3, 32, 32)).isfinite().all()
