"""A deployed network that is written by hand, and a server for it: no network has to be trained or exported."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from privprune.split_service.pair import CLOUD_FILE, EDGE_FILE, EDGE_INT8_FILE, PAIR_FILE, Pair, file_hash, model_hash
from privprune.split_service.server import Server, serve_folder

IMAGES, FEATURES = (3, 2, 2), (4, 1, 3)


def half(name: str, given: str, weight: np.ndarray, shape: tuple[int, ...]) -> bytes:
    """Return a half that flattens its input and multiplies it by a matrix."""
    values = [
        helper.make_tensor_value_info(given, TensorProto.FLOAT, ["batch", None, None, None]),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]),
    ]
    constants = [
        numpy_helper.from_array(weight.astype(np.float32), "weight"),
        numpy_helper.from_array(np.array([-1, *shape]), "shape"),
    ]
    nodes = [
        helper.make_node("Flatten", [given], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["made"]),
        helper.make_node("Reshape", ["made", "shape"], [name]),
    ]
    graph = helper.make_graph(nodes, name, values[:1], values[1:], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(made.SerializeToString())


Write = Callable[..., Pair]


@pytest.fixture
def write() -> Write:
    """Return a function that writes a network to a folder: its class is that of the largest value of the image."""

    def written(folder: Path, **changed: object) -> Pair:
        edge, cloud = half("features", "images", np.eye(12), FEATURES), half("logits", "features", np.eye(12), (12,))
        files = {EDGE_FILE: edge, EDGE_INT8_FILE: edge, CLOUD_FILE: cloud}
        facts = {
            "format": 1,
            "model": model_hash(edge, cloud),
            "files": {name: file_hash(content) for name, content in files.items()},
            "images": IMAGES,
            "features": FEATURES,
            "output": "logits",
            "noise": 0.0,
            "left_out": (),
        }
        pair = Pair(**{**facts, **changed})  # type: ignore[arg-type]
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / PAIR_FILE).write_text(json.dumps(pair.as_json()), encoding="utf-8")
        return pair

    return written


@pytest.fixture
def listen() -> Iterator[Callable[[Path], Server]]:
    """Return a function that starts a server for a folder on a free port; all are stopped after the test."""
    started: list[tuple[Server, threading.Thread]] = []

    def start(folder: Path) -> Server:
        server = serve_folder(folder, ("127.0.0.1", 0))
        server.seconds = 0.5
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()
