"""The benchmark of the edges runs and compares what it says; how fast anything is, no test asserts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from benchmarks import edge_speed, trained_edges
from privprune.cells import Cell, Manifest
from privprune.models import BlockNet, CutSettings, Structure, count_parameters
from privprune.settings import read

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


def test_the_narrowed_edge_has_lost_92_percent() -> None:
    """At least 92 % of the parameters are gone, and one channel more in the stem would be too many."""
    dense, pruned = count_parameters(edge_speed.edge(1.0)), edge_speed.narrowed()
    assert dense == 1_602_112
    assert count_parameters(pruned) <= 0.08 * dense
    channels = pruned.stem.conv.out_channels
    assert count_parameters(edge_speed.edge((channels + 1) / 64)) > 0.08 * dense


def test_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each runtime has its row, which says that the smaller edge is narrowed and how much smaller it is."""
    monkeypatch.setattr(edge_speed, "export", first_layer)
    found = edge_speed.measure(edge_speed.QUICK)[: len(edge_speed.RUNTIMES)]
    for result, runtime in zip(found, edge_speed.RUNTIMES.values(), strict=True):
        of = f"one block, random weights, one image of 32 x 32, {runtime}: dense against uniformly narrowed, 92."
        assert of in result.measure
        assert result.value is not None
        assert result.value > 0


def test_the_timed_edge_computes_numbers() -> None:
    """Its weights have values: not-a-number would be computed at another speed, and compare with nothing."""
    with torch.no_grad():
        assert edge_speed.edge(0.25, "block2")(torch.rand(1, 3, 32, 32)).isfinite().all()


def save(folder: Path, structure: Structure | None) -> None:
    """Save a cell with one network, which has seen no data; None for the dense one."""
    cut = read(CutSettings, {"after": 2, "bottleneck": None, "extra_convolution": False, "wire": {"name": "plain"}}, "")
    manifest = Manifest(
        data="places", fingerprint="0", protocol="paper", model="photos_resnet", in_channels=3, image_size=32,
        classes=4, seeds=(0,), shadows=0, reserve_reference=False, small_dense=None, pretrained=None, cut=cut,
        structures=None if structure is None else (structure,), reidentification=None, output=None,
    )  # fmt: skip
    states = [manifest.fresh(torch.Generator().manual_seed(0), 0).state_dict()]
    Cell(manifest, states, [{}]).save(folder)


def test_trained_edges_are_those_of_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ratios, with what the pruned cell has lost; the aim of 3 is for 92 %, and other shares have none."""
    monkeypatch.setattr(trained_edges, "export", first_layer)
    narrow = {"block1.conv1": (16, 2), "block1.norm1": (2,), "block1.conv2": (2, 16)}
    for cell, structure in (("orl-none", None), ("orl-patrol", Structure((), narrow))):
        save(tmp_path / "data/models" / cell, structure)
    found = trained_edges.measure(replace(trained_edges.QUICK, folder=tmp_path))
    lost = 1 - 1364 / 5424  # counted by hand: stem 464, block 4960 and 900
    of = "trained edges of photos_resnet, cut after 2 blocks, one image of 32 x 32, ONNX Runtime: "
    assert [one.measure for one in found] == [
        f"{of}dense against pruned by masks, {100 * lost:.1f} % of the parameters removed",
        f"{of}the dense edge in int8 against float32",
        f"{of}the pruned edge in int8 against float32",
    ]
    assert [one.aim for one in found] == [None, 1.0, 1.0]
    assert all(one.value is not None and one.value > 0 for one in found)
    assert trained_edges.aims(0.92) == {"": 3.0, "dense": 1.0, "pruned": 1.0}


def test_without_trained_cells_nothing_is_made_up(tmp_path: Path) -> None:
    """Rows without a number say which cell of the laptop suite is missing, or what is wrong with it."""
    size = replace(trained_edges.QUICK, folder=tmp_path)
    for note in ("orl-none: not found", "manifest.json: not a manifest"):
        found = trained_edges.measure(size)
        assert [(one.value, one.aim, one.reached) for one in found] == [(None, aim, "") for aim in (3.0, 1.0, 1.0)]
        assert all(one.note.startswith("needs a finished laptop suite in the checkout: ") for one in found)
        assert all(note in one.note for one in found)
        folder = tmp_path / "data/models/orl-none"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text("{}")
