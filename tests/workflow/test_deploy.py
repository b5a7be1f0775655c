"""A deployed network is the network: the same outputs, the same bytes, nothing random, and wrong entries refused."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from privprune.cells import Cell
from privprune.errors import UserError
from privprune.models import BlockNet, edge_of, embedder, reseed
from privprune.models.random_layers import RandomDropout
from privprune.models.wire.gaussian import GaussianNoise
from privprune.models.wire.laplace import LaplaceNoise
from privprune.published import DEPLOYED_VARIANTS
from privprune.randomness import Purpose, generator
from privprune.settings import read
from privprune.split_service.pair import file_hash, model_hash
from privprune.split_service.session import Session
from privprune.training.batches import as_input
from privprune.workflow import deploy
from privprune.workflow.context import DataContext, NetworkSettings
from privprune.workflow.deploy import DeployEntry, Deployment, deploy_cell
from privprune.workflow.executorch_export import executorch_session, export_executorch, require_executorch
from privprune.workflow.int8_export import quantise
from privprune.workflow.inversion_targets import evenly_spaced
from privprune.workflow.onnx_export import export, without_random_layers
from privprune.workflow.quantised_halves import QuantisedNetwork, arriving, measure_variants

Tiny = dict[str, Any]
WHERE = "tiny: deploy.cut"


def entry(tiny: Tiny, **changed: Any) -> DeployEntry:
    """Return the tiny suite's entry."""
    return read(DeployEntry, {**tiny["deploy"]["cut"], **changed}, WHERE)


def cell_of(context: DataContext, tiny: Tiny, name: str) -> Cell:
    """Return a cell of two targets with first weights, whose normalisation has seen no data."""
    manifest = context.manifest(read(NetworkSettings, tiny["train"][name]["network"], "tiny"))
    states = [manifest.fresh(generator(seed, Purpose.INITIAL_WEIGHTS)).state_dict() for seed in manifest.model_seeds()]
    return Cell(manifest, states, [{} for _ in states])


@pytest.fixture(scope="module")
def deployed(context: DataContext, tiny: Tiny, _exporter: None) -> Deployment:
    """Return the second network of a cell with noise on its wire, deployed."""
    return deploy_cell(entry(tiny, network=1), cell_of(context, tiny, "cut"), context, WHERE)


def test_the_two_files_are_the_network(context: DataContext, tiny: Tiny, deployed: Deployment) -> None:
    """Edge and cloud in a row give the logits of the network without its noise, for a batch of any size."""
    model = cell_of(context, tiny, "cut").models([1])[0].eval()
    images = torch.rand(3, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        features = edge_of(model)[:-1](images)
        logits = images
        for name, block in model.named_children():
            logits = logits if name == "wire" else block(logits)
    sent = Session(deployed.files["edge.onnx"])(images.numpy())
    np.testing.assert_allclose(sent, features.numpy(), atol=1e-5)
    np.testing.assert_allclose(Session(deployed.files["cloud.onnx"])(sent), logits.numpy(), atol=1e-5)


def test_what_the_files_say(deployed: Deployment) -> None:
    """They name what goes in and out, and contain no path of the machine that exported them."""
    for name, names in (("edge.onnx", ("images", "features")), ("cloud.onnx", ("features", "logits"))):
        model = onnx.load_from_string(deployed.files[name])
        assert (model.graph.input[0].name, model.graph.output[0].name) == names
        assert model.opset_import[0].version == 20
        assert b"site-packages" not in deployed.files[name]
        assert b".py" not in deployed.files[name]


def test_costs_are_counted(deployed: Deployment) -> None:
    """One convolution and a bottleneck of two channels on the edge, counted by hand; one value of each."""
    facts = {name: values[0] for name, values in deployed.metrics.items()}
    assert all(len(values) == 1 for values in deployed.metrics.values())
    assert facts["edge_parameters"] == (9 + 1) * 16 + (9 * 16 + 1) * 2
    assert facts["edge_operations"] == 64 * 9 * 16 + 16 * 9 * 16 * 2
    assert facts["edge_file_bytes"] == len(deployed.files["edge.onnx"]) > 4 * facts["edge_parameters"]
    assert facts["wire_bytes_float32"] == 2 * facts["wire_bytes_float16"] == 2 * 16 * 4
    assert facts["wire_bytes_int8"] == 2 * 16 + 2 * 4, "a byte per value, scale and offset"
    assert 0 <= facts["features_error"] < 1e-5 > facts["outputs_error"]


def test_int8_is_the_same_network_roughly(context: DataContext, deployed: Deployment) -> None:
    """The int8 edge takes and gives float32, stores a byte per weight, one scale per channel, and errs a little."""
    images = as_input(context.dataset.images[:20]).numpy()
    plain, int8 = (Session(deployed.files[name])(images) for name in ("edge.onnx", "edge_int8.onnx"))
    assert int8.shape == plain.shape
    assert 0 < abs(int8 - plain).max() < 0.1 * (plain.max() - plain.min())
    assert deployed.metrics["int8_features_error"][0] > deployed.metrics["features_error"][0]
    constants = {one.name: one for one in onnx.load_from_string(deployed.files["edge_int8.onnx"]).graph.initializer}
    weights = [name for name, one in constants.items() if one.data_type == TensorProto.INT8 and len(one.dims) == 4]
    assert weights
    for name in weights:
        (scale,) = constants[name.replace("_quantized", "_scale")].dims
        assert scale == constants[name].dims[0]


def test_quantising_again_gives_the_same_bytes(context: DataContext, tiny: Tiny, deployed: Deployment) -> None:
    """The calibration draws nothing, and the file has no trace of where it was written."""
    members = context.members(cell_of(context, tiny, "cut").manifest, 1)
    calibration = as_input(context.dataset.images[evenly_spaced(members, 20)]).numpy()
    assert quantise(deployed.files["edge.onnx"], calibration) == deployed.files["edge_int8.onnx"]
    assert b"/tmp" not in deployed.files["edge_int8.onnx"]


def test_every_variant_is_measured(deployed: Deployment) -> None:
    """Two edges, each with 32, 8 and 4 bits on the wire: bytes by hand, accuracy, and the error of LMMSE."""
    facts = {name: values[0] for name, values in deployed.metrics.items()}
    sizes = {"": 4 * 32, "_8_bit": 32 + 8, "_4_bit": 16 + 8}  # the cut's 2 x 4 x 4 features, scale and offset
    for edge in ("float32", "int8"):
        for bits, size in sizes.items():
            assert facts[f"{edge}{bits}_wire_bytes"] == size
            assert 0 <= facts[f"{edge}{bits}_test_accuracy"] <= 1
            assert 0 < facts[f"{edge}{bits}_lmmse_mse"] < 0.25
    assert facts["float32_lmmse_mse"] != facts["int8_lmmse_mse"]
    assert {f"{variant}_lmmse_mse" for variant in DEPLOYED_VARIANTS} < facts.keys()


def test_rounding_comes_after_the_noise() -> None:
    """What arrives is what was rounded: at most 16 values for each image."""
    noise = GaussianNoise(0.3)
    reseed(noise, 5)
    features = np.zeros((2, 50), np.float32)
    arrived = arriving(features, noise, 4)
    assert all(2 < len(np.unique(one)) <= 16 for one in arrived)
    assert np.array_equal(arriving(features, None, None), features)


def test_the_error_is_that_of_the_attack(context: DataContext, tiny: Tiny) -> None:
    """Features that are the image are inverted; features that are constant leave the mean image."""

    def measured(edge: Any) -> float:
        cell, chosen = cell_of(context, tiny, "dense"), entry(tiny).quantisation
        settings = replace(chosen, wire_bits=(), known=60, features=64)
        network = QuantisedNetwork(cell, 0, {"float32": edge}, lambda sent: sent.reshape(len(sent), -1), context)
        return measure_variants(network, settings)["float32_lmmse_mse"]

    images = context.dataset.images[:200].float() / 255
    spread = float((images - images.mean(0)).square().mean())
    assert measured(lambda images: images) < 0.3 * spread
    assert 0.7 * spread < measured(lambda images: np.zeros((len(images), 3), np.float32)) < 1.5 * spread


def test_the_pair_says_what_a_client_must_add(context: DataContext, tiny: Tiny, deployed: Deployment) -> None:
    """The noise of its wire, the shapes, the hash of both halves and of each file; other chance is named."""
    pair = deployed.pair
    assert (pair.images, pair.features, pair.output) == ((1, 8, 8), (2, 4, 4), "logits")
    assert pair.model == model_hash(deployed.files["edge.onnx"], deployed.files["cloud.onnx"])
    assert pair.files == {name: file_hash(content) for name, content in deployed.files.items()}
    wire = tiny["train"]["cut"]["network"]["cut"]["wire"]
    assert (pair.noise, pair.left_out) == (wire["deviation"], ())
    model = cell_of(context, tiny, "cut").models([0])[0]
    edge = [(name, block) for name, block in model.named_children() if name != "wire"]
    other = BlockNet([*edge[:1], ("wire", LaplaceNoise(0.1)), *edge[1:]])
    assert deploy._random_layers(other) == (0.0, ("LaplaceNoise",))


def test_executorch_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to install it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"allowed false without ExecuTorch: uv sync --extra executorch$"):
        require_executorch(f"{WHERE}.executorch")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in Python 3.11 and 3.12, as it reads its own files
@pytest.mark.filterwarnings("ignore:This API is experimental")
def test_executorch_computes_the_network(context: DataContext, tiny: Tiny) -> None:
    """The file for phones gives the same features as PyTorch, and the same bytes each time."""
    pytest.importorskip("executorch")
    edge = without_random_layers(edge_of(cell_of(context, tiny, "cut").models([1])[0]))
    images = torch.rand(3, 1, 8, 8) * 2 - 1
    program = export_executorch(edge, images[:1])
    run = executorch_session(program)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat([run(one) for one in images.split(1)]), edge(images), atol=1e-5, rtol=0)
    assert export_executorch(edge, images[1:2]) == program


def test_times_are_apart(deployed: Deployment) -> None:
    """Both halves have their milliseconds in both runtimes, and no metric depends on them."""
    times = [f"{half}_{runtime}_milliseconds" for half in ("edge", "cloud") for runtime in ("torch", "onnx_runtime")]
    assert all(deployed.timings[name] > 0 for name in (*times, "edge_onnx_runtime_int8_milliseconds"))
    assert not set(deployed.timings) & set(deployed.metrics)


def test_equal_networks_give_equal_bytes(context: DataContext, tiny: Tiny, deployed: Deployment) -> None:
    """Exporting the same edge again, in another process and from an example of another size, changes nothing."""
    edge = without_random_layers(edge_of(cell_of(context, tiny, "cut").models([1])[0]))

    assert export(edge, torch.zeros(5, 1, 8, 8), ("images", "features"), 20) == deployed.files["edge.onnx"]


def test_whatever_draws_is_left_out(toy: Any) -> None:
    """Layers with a generator do nothing in what is deployed, wherever they stand; the network itself keeps them."""
    (network,) = toy.networks(0)
    chance = torch.nn.Sequential(GaussianNoise(9.0), RandomDropout(0.5))
    noisy = BlockNet([("chance", chance), *network.named_children()])
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(without_random_layers(noisy)(images), network.eval()(images))
    assert isinstance(chance[0], GaussianNoise)


def test_a_whole_network_is_refused(context: DataContext, tiny: Tiny) -> None:
    """There is nothing to put on an edge device."""
    with pytest.raises(UserError) as raised:
        deploy_cell(entry(tiny), cell_of(context, tiny, "base"), context, WHERE)
    assert str(raised.value) == f"{WHERE}.cell: found cut, whose networks are whole, allowed one with network.cut"


def test_files_of_another_network_are_refused(
    context: DataContext, tiny: Tiny, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not compute the network's features ends in one line with the difference."""
    files = {"images": deployed.files["edge.onnx"], "features": deployed.files["cloud.onnx"]}
    monkeypatch.setattr(deploy, "export", lambda *given: files[given[2][0]])
    with pytest.raises(UserError) as raised:
        deploy_cell(entry(tiny, network=0), cell_of(context, tiny, "cut"), context, WHERE)
    line = rf"{WHERE}.tolerance: features_error 0\.\d+ between PyTorch and ONNX Runtime, allowed at most 0\.0001"
    assert re.fullmatch(line, str(raised.value))


def test_other_data_are_refused(context: DataContext, tiny: Tiny) -> None:
    """A cell of another dataset is named."""
    cell = cell_of(context, tiny, "cut")
    other = replace(cell, manifest=replace(cell.manifest, fingerprint="other", data="mnist"))
    with pytest.raises(UserError, match="found networks trained on mnist, allowed digits"):
        deploy_cell(entry(tiny), other, context, WHERE)


def test_a_network_that_finds_identities_ends_with_its_embedding(context: DataContext, tiny: Tiny) -> None:
    """Its cloud gives what pictures are compared by, not the classes that it was trained on."""
    cut = {**tiny["train"]["cut"]["network"]["cut"], "after": 3, "bottleneck": None}
    task = {"identities": 2, "images": 2, "margin": 0.3, "triplet_weight": 1.0, "label_smoothing": 0.1}
    network = {**tiny["train"]["cut"]["network"], "model": "photos_resnet", "cut": cut, "reidentification": task}
    manifest = context.manifest(read(NetworkSettings, {**network, "seeds": [0]}, "tiny"))
    cell = Cell(manifest, [manifest.fresh(generator(0, Purpose.INITIAL_WEIGHTS)).state_dict()], [{}])
    _, cloud = deploy._halves(cell, entry(tiny), WHERE)
    model = embedder(cell.models([0])[0]).eval()
    assert [name for name, _ in cloud.named_children()] == ["block3", "block4", "mean", "neck"]
    assert cloud(torch.rand(2, 16, 4, 4)).shape == model(torch.rand(2, 1, 8, 8)).shape == (2, 32)
