"""What a network costs: counts against counts by hand, times and memory by their order."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from privprune.metrics.cost import multiply_accumulates, peak_memory, seconds_by_turns


def test_operations_are_those_counted_by_hand() -> None:
    """Outputs times kernel times input channels; a linear layer is its weights; batches of any size count one image."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 5))
    by_hand = 8 * 4 * 4 * 3 * 3 * 3 + 128 * 5
    for images in (1, 4):
        assert multiply_accumulates(model.eval(), torch.zeros(images, 3, 8, 8)) == by_hand


def test_operations_of_groups_are_divided() -> None:
    """A depthwise convolution has one input channel per output."""
    model = nn.Conv2d(6, 6, 3, padding=1, groups=6)
    assert multiply_accumulates(model, torch.zeros(1, 6, 5, 5)) == 6 * 25 * 9


def test_times_are_medians_of_each_side() -> None:
    """One slow run among others moves no median, and every side runs as often."""
    runs = {"slow": 0, "uneven": 0}

    def slow() -> None:
        runs["slow"] += 1
        time.sleep(0.004)

    def uneven() -> None:
        runs["uneven"] += 1
        time.sleep(0.02 if runs["uneven"] == 8 else 0)

    seconds = seconds_by_turns({"slow": slow, "uneven": uneven}, repeats=5)
    assert seconds["uneven"] < 0.004 <= seconds["slow"]
    assert runs == {"slow": 10, "uneven": 10}


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_memory_holds_the_weights(tmp_path: Path) -> None:
    """A layer of 16 MB takes at least these, and less than a process with PyTorch."""
    weights = numpy_helper.from_array(np.zeros((2000, 2000), np.float32), "weights")
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2000]) for name in ("given", "made"))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["given", "weights"], ["made"])], "layer", [given], [made], [weights]
    )
    file = tmp_path / "layer.onnx"
    file.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    )
    held = peak_memory(file, (1, 2000))
    assert held is not None
    assert 16_000_000 < held < 150_000_000
