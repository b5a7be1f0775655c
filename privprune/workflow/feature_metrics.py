"""What the features of one target cost and reveal: sizes, conditional entropy, error bound, Lipschitz constants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.cells import Cell
from privprune.metrics.conditional_entropy import image_entropy, information, mse_bound
from privprune.metrics.lipschitz import edge_lipschitz, local_lipschitz
from privprune.models import BlockNet, count_parameters, edge_parts, repeatable
from privprune.randomness import Purpose, generator
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext
from privprune.workflow.inversion_targets import InversionTarget, ScoringPlan, evenly_spaced, prepare_target

_FLOAT = 4  # bytes
_LEVELS = 255  # images are bytes
_IMAGES_OF_ENTROPY = 2_000  # distances between all pairs of them are computed
_FEATURES_OF_MIXTURE = 50_000
_COMPONENTS_PER_CLASS = 3  # CEM's k = 3n
_RECORDS_PER_FEATURE = 4  # at least, in each component on average: covariances of fewer records are too narrow
_DEVIATION = 0.1  # (ours) of the noise behind Lipschitz constants, of images in [-1, 1]; the same in every record
_IMAGES_OF_LIPSCHITZ = 500  # members, evenly spaced


def measure_features(
    seed: int, cut: str | int | None, cell: Cell, number: int, context: DataContext
) -> dict[str, float]:
    """Measure what one target sends, and how much it reveals of the images.

    Args:
        seed: of all random numbers.
        cut: where a whole network is cut; None for a network with a cut of its own.
        cell: the networks.
        number: which of them.
        context: the data.

    Returns:
        `feature_values` and `feature_bytes` per image; `edge_parameters` and `cloud_parameters`; `mean_image_mse`, the
        mean squared error of the mean training image as a guess of test images; `mixture_information`, an upper bound
        of what the sent features say of the noise-free ones (CEM, Theorem 2), in nats, infinite without noise;
        `edge_lipschitz`, and `lipschitz_1` to `lipschitz_N` of its blocks.

    """
    wire_draws, mixture_draws = (generator(seed, Purpose.CONDITIONAL_ENTROPY, number, part) for part in (0, 1))
    target = prepare_target(cell, number, cut, context, wire_draws)
    members = target.records.members.to(context.device)
    attacker = target.threat_model(ScoringPlan(members, *[members[:1]] * 4), context)
    values = math.prod(target.halves.feature_shape(attacker.image_shape))
    unseen = attacker.targets(target.records.test.to(context.device))
    training_images = attacker.targets(evenly_spaced(members, _IMAGES_OF_ENTROPY))
    mean_image_mse = float((unseen - training_images.mean(0)).square().mean())
    records = evenly_spaced(members, _FEATURES_OF_MIXTURE)
    most_components = max(1, len(records) // (_RECORDS_PER_FEATURE * values))
    components = min(_COMPONENTS_PER_CLASS * context.dataset.classes, most_components)
    features = attacker.features(records).flatten(1)
    return {
        "feature_values": float(values),
        "feature_bytes": float(_FLOAT * values),
        "edge_parameters": float(count_parameters(target.halves.encoder)),
        "cloud_parameters": float(count_parameters(target.halves.cloud)),
        "mean_image_mse": mean_image_mse,
        "mixture_information": information(features, target.deviation, components, mixture_draws),
        **_lipschitz(target, records, context, generator(seed, Purpose.LIPSCHITZ, number)),
    }


@dataclass(frozen=True)
class TrainingImages:
    """Samples of the images that the targets of a cell were trained on; targets often share them.

    Attributes:
        sets: int64 [n] each, different sets of records.
        set_of: for each target, the position of its set in `sets`.

    """

    sets: list[Tensor]
    set_of: list[int]

    def entropy(self, seed: int, number: int, context: DataContext) -> float:
        """Estimate the entropy H(x) of one of the sets, in nats per image.

        Args:
            seed: of the random numbers.
            number: position of the set.
            context: the data.

        """
        images = context.dataset.images[self.sets[number].to(context.device)].float() / _LEVELS
        return image_entropy(images.flatten(1), generator(seed, Purpose.CONDITIONAL_ENTROPY, None, number))


def collect_training_images(cell: Cell, context: DataContext) -> TrainingImages:
    """Sample the training images of each target of a cell; equal sets are collected once."""
    sets: list[Tensor] = []
    set_of: list[int] = []
    for number in range(cell.manifest.targets):
        sample = evenly_spaced(context.members(cell.manifest, number), _IMAGES_OF_ENTROPY)
        position = next((place for place, other in enumerate(sets) if torch.equal(sample, other)), len(sets))
        if position == len(sets):
            sets.append(sample)
        set_of.append(position)
    return TrainingImages(sets, set_of)


def with_error_bound(metrics: dict[str, float], entropy: float, dimensions: int) -> dict[str, float]:
    """Add the conditional entropy, and the bound of any attack's error (CEM, Theorem 1); drop infinite values.

    Args:
        metrics: what `measure_features` returned.
        entropy: H(x) of the training images, in nats.
        dimensions: number of values of an image.

    """
    conditional = entropy - metrics["mixture_information"]
    bounded = {**metrics, "conditional_entropy": conditional, "mse_bound": mse_bound(conditional, dimensions)}
    return {name: value for name, value in bounded.items() if math.isfinite(value)}


def _lipschitz(
    target: InversionTarget, members: Tensor, context: DataContext, draws: torch.Generator
) -> dict[str, float]:
    """Measure normalised local Lipschitz constants of the edge and of each of its blocks, see `metrics.lipschitz`."""
    images = as_input(context.dataset.images[evenly_spaced(members, _IMAGES_OF_LIPSCHITZ)])
    blocks = [repeatable(part) for part in edge_parts(BlockNet(target.halves.encoder.named_children()))]
    same_noise = torch.Generator().manual_seed(draws.initial_seed())  # the edge and its blocks see the same images
    constants = local_lipschitz(blocks, images, _DEVIATION, draws)
    whole = edge_lipschitz(repeatable(target.halves.encoder), images, _DEVIATION, same_noise)
    return {"edge_lipschitz": whole, **{f"lipschitz_{number}": one for number, one in enumerate(constants, 1)}}
