"""Utility and privacy of a deployed network by the precision of its edge and of what it sends.

Six variants with 8 and 4 bits: the edge in float32 or int8, each with its features sent as float32, or rounded to so
many bits with a scale per image. All are measured alike, through ONNX Runtime, and through the noise of the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from privprune.attacks.inversion.linear_estimator import LinearEstimator
from privprune.attacks.inversion.lmmse import Grouping
from privprune.attacks.inversion.plateau import HeldOutShare
from privprune.cells import Cell
from privprune.metrics.reidentification import rank_queries
from privprune.models import WIRE, reseed
from privprune.models.random_layers import RandomLayer
from privprune.randomness import Purpose, generator
from privprune.settings import Range, RecordCount
from privprune.split_service.codec import SCALE_BYTES, body_bytes, rounded
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext
from privprune.workflow.inversion_targets import evenly_spaced

Array = np.ndarray[Any, Any]
Half = Callable[[Array], Array]
_AT_ONCE = 100  # images in a batch
_RANKS = ("mean_average_precision", "rank_1", "rank_5")


@dataclass(frozen=True)
class QuantisationSettings:
    """How a deployed network is quantised, and how what it leaks is measured.

    Attributes:
        calibration: training images, evenly spaced, whose features set the ranges of int8.
        wire_bits: the numbers of bits, other than 32, with which features are sent.
        known: training images, evenly spaced, that the attacker knows.
        scored: test images, evenly spaced, on which its error is measured.
        features: how many features it uses at most, see `LmmseSettings`.
        validation: share of its images on which it chooses its ridge.

    """

    calibration: Annotated[int, Range(2, 10_000)]
    wire_bits: tuple[Literal[8, 4], ...]
    known: RecordCount
    scored: RecordCount
    features: Annotated[int, Range(1, 20_000)]
    validation: HeldOutShare

    def __post_init__(self) -> None:
        """Refuse the same width twice."""
        if len(set(self.wire_bits)) != len(self.wire_bits):
            raise ValueError(f"wire_bits: found {list(self.wire_bits)}, allowed 8 and 4, once each")


@dataclass(frozen=True)
class QuantisedNetwork:
    """One network as it is deployed.

    Attributes:
        cell: that it is of.
        number: of the target.
        edges: `float32` and `int8` -> images, float32 [n, C, H, W] in [-1, 1], to features.
        cloud: features to logits or embeddings.
        context: the data.

    """

    cell: Cell
    number: int
    edges: Mapping[str, Half]
    cloud: Half
    context: DataContext

    def images(self, records: Tensor) -> Array:
        """Return the images of records, int64 [n], as the edge takes them: float32 [n, C, H, W]."""
        return as_input(self.context.dataset.images[records.to(self.context.device)]).cpu().numpy()

    def features(self, edge: str, records: Tensor) -> Array:
        """Return the features of records, int64 [n], without noise: float32 [n, ...]."""
        return np.concatenate([self.edges[edge](self.images(part)) for part in records.split(_AT_ONCE)])

    def wire(self, use: str) -> nn.Module | None:
        """Return the random layer of the wire on the CPU, with draws of its own for each use; None without one."""
        model = self.cell.models([self.number])[0]
        seed = self.cell.manifest.seeds[self.number]
        reseed(model, generator(seed, Purpose.DEPLOYMENT, self.number, use).initial_seed())
        return random_wire(model)


def random_wire(model: nn.Module) -> nn.Module | None:
    """Return the layer of a network that draws random numbers between edge and cloud; None where there is none."""
    wire = model.get_submodule(WIRE)
    return wire.cpu().eval() if isinstance(wire, RandomLayer) else None


def measure_variants(network: QuantisedNetwork, settings: QuantisationSettings) -> dict[str, float]:
    """Measure each variant.

    Returns:
        `<variant>_wire_bytes` of one image, scale and offset included, `<variant>_test_accuracy` or the three of a
        re-identification network, in [0, 1], and `<variant>_lmmse_mse` on [0, 1]. Variants are `float32`,
        `float32_8_bit`, `int8_8_bit` and so on: the precision of the edge, then that of the wire if it is not float32.

    """
    test = _test_records(network.context)
    members = network.context.members(network.cell.manifest, network.number)
    known, scored = evenly_spaced(members, settings.known), evenly_spaced(test, settings.scored)
    widths = (None, *settings.wire_bits)
    found = {}
    for edge in network.edges:
        of_known, of_scored = network.features(edge, known), network.features(edge, scored)
        outputs = _outputs(network, edge, widths)
        for bits in widths:
            variant = edge if bits is None else f"{edge}_{bits}_bit"
            sent = arriving(of_known, network.wire("known"), bits), arriving(of_scored, network.wire("scored"), bits)
            found[f"{variant}_wire_bytes"] = float(wire_bytes(of_scored[0].size, bits))
            utility = _utility(network, outputs[bits])
            found |= {f"{variant}_{name}": value for name, value in utility.items()}
            found[f"{variant}_lmmse_mse"] = _lmmse_error(network, settings, (sent[0], known), (sent[1], scored))
    return found


def wire_bytes(values: int, bits: int | None) -> int:
    """Return the bytes of one image's features, with scale and offset where they are rounded."""
    return body_bytes(values, "float32") if bits is None else body_bytes(values, f"uint{bits}") + SCALE_BYTES


def arriving(features: Array, wire: nn.Module | None, bits: int | None) -> Array:
    """Return what arrives of features, float32 [n, ...]: noise is added first, as the device does it, then rounded."""
    if wire is not None:
        with torch.no_grad():
            features = wire(torch.from_numpy(features)).numpy()
    return features if bits is None else rounded(features, bits)


def _test_records(context: DataContext) -> Tensor:
    return torch.arange(context.dataset.official_train, len(context.dataset.labels))


def _outputs(network: QuantisedNetwork, edge: str, widths: tuple[int | None, ...]) -> dict[int | None, Tensor]:
    """Return the cloud's outputs for all test records by the bits on the wire, float32 [test records, outputs].

    Features of all test records at once could be larger than memory.
    """
    wires = {bits: network.wire("test") for bits in widths}
    outputs: dict[int | None, list[Array]] = {bits: [] for bits in widths}
    for part in _test_records(network.context).split(_AT_ONCE):
        features = network.features(edge, part)
        for bits, wire in wires.items():
            outputs[bits].append(network.cloud(arriving(features, wire, bits)))
    return {bits: torch.from_numpy(np.concatenate(found)) for bits, found in outputs.items()}


def _utility(network: QuantisedNetwork, outputs: Tensor) -> dict[str, float]:
    """Measure outputs for all test records, float32 [test records, outputs]."""
    dataset = network.context.dataset
    test = _test_records(network.context).to(network.context.device)
    labels = dataset.labels[test].cpu()
    if network.cell.manifest.reidentification is None:
        return {"test_accuracy": float((outputs.argmax(1) == labels).float().mean())}
    assert dataset.cameras is not None  # noqa: S101 (checked when the dataset was fetched)
    cameras = dataset.cameras[test].cpu()
    queries, gallery = slice(None, dataset.queries), slice(dataset.queries, None)
    ranks = rank_queries(
        outputs[queries], labels[queries], cameras[queries], outputs[gallery], labels[gallery], cameras[gallery]
    ).summary()
    return {name: float(getattr(ranks, name)) for name in _RANKS}


def _lmmse_error(
    network: QuantisedNetwork, settings: QuantisationSettings, known: tuple[Array, Tensor], scored: tuple[Array, Tensor]
) -> float:
    """Return the mean squared error of the linear estimate of the scored images, on [0, 1].

    Args:
        network: of which the features are.
        settings: of the attack.
        known: features, float32 [n, ...], as the attacker transmitted them itself, and their records, int64 [n].
        scored: features, float32 [m, ...], that it observed, and their records, int64 [m].

    """
    features, observed = (torch.from_numpy(values).flatten(1) for values, _ in (known, scored))
    images, truth = (_bytes_of(network.context, records) for _, records in (known, scored))
    if features.shape[1] > settings.features:
        seed = network.cell.manifest.seeds[network.number]
        draws = generator(seed, Purpose.DEPLOYMENT, network.number, "lmmse")
        grouping = Grouping(features.shape[1], settings.features, draws)
        features, observed = grouping(features), grouping(observed)
    estimator = LinearEstimator(features, 0.0, images, torch.arange(len(images)))
    estimator.choose_ridge(settings.validation)
    estimate = estimator(observed).clamp(0, 1)
    return float((estimate - truth.flatten(1).float() / 255).square().mean())


def _bytes_of(context: DataContext, records: Tensor) -> Tensor:
    """Return the images of records, int64 [n], as bytes on the CPU: uint8 [n, C, H, W]."""
    images: Tensor = context.dataset.images[records.to(context.device)].to(torch.uint8).cpu()
    return images
