"""What the features of one target cost and reveal: sizes, conditional entropy, error bound, Lipschitz constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from privprune.cells import Cell
from privprune.checks import Check, check, not_computed
from privprune.metrics.conditional_entropy import (
    RECORDS_PER_FEATURE,
    entropy_bound,
    image_entropy,
    information_bound,
    mse_bound,
)
from privprune.metrics.lipschitz import edge_lipschitz, local_lipschitz
from privprune.models import BlockNet, count_parameters, edge_parts, repeatable
from privprune.randomness import Purpose, generator
from privprune.training.batches import as_input
from privprune.workflow.context import DataContext
from privprune.workflow.inversion_targets import InversionTarget, ScoringPlan, evenly_spaced, prepare_target

_FLOAT = 4  # bytes
_LEVELS = 255  # images are bytes
_IMAGES_OF_ENTROPY = 2_000  # distances between all pairs of them are computed
_PIXELS_OF_CODE = 2**18  # of all coded images: 256 of 32 x 32
_FEWEST_CODED = 4  # images
_FEATURES_OF_MIXTURE = 50_000
_COMPONENTS_PER_CLASS = 3  # CEM's k = 3n
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
        of what the sent features say of the noise-free ones (CEM, Theorem 2), in nats, infinite without noise, and
        larger for noise that is not Gaussian;
        `mixture_records_per_feature`, of which 4 are enough for it to be one;
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
    components = _COMPONENTS_PER_CLASS * context.dataset.classes
    features = attacker.features(records).flatten(1)
    bound = information_bound(features, target.deviation, components, mixture_draws)
    wire = cell.manifest.cut.wire if cell.manifest.cut is not None else None
    not_gaussian = values * wire.noise_negentropy if wire is not None else 0.0
    return {
        "feature_values": float(values),
        "feature_bytes": float(_FLOAT * values),
        "edge_parameters": float(count_parameters(target.halves.encoder)),
        "cloud_parameters": float(count_parameters(target.halves.cloud)),
        "mean_image_mse": mean_image_mse,
        "mixture_information": bound.nats + not_gaussian,
        "mixture_records_per_feature": bound.records_per_feature,
        **_lipschitz(target, records, context, generator(seed, Purpose.LIPSCHITZ, number)),
    }


class ImageEntropy(NamedTuple):
    """The entropy H(x) of a distribution of images, in nats per image.

    Attributes:
        estimate: no larger than the bound.
        bound: from above, by a lossless code.

    """

    estimate: float
    bound: float


@dataclass(frozen=True)
class TrainingImages:
    """Samples of the images that the targets of a cell were trained on; targets often share them.

    Attributes:
        sets: int64 [n] each, different sets of records.
        set_of: for each target, the position of its set in `sets`.

    """

    sets: list[Tensor]
    set_of: list[int]

    def entropy(self, seed: int, number: int, context: DataContext) -> ImageEntropy:
        """Estimate and bound the entropy H(x) of one of the sets.

        Args:
            seed: of the random numbers.
            number: position of the set.
            context: the data.

        """
        images = context.dataset.images[self.sets[number].to(context.device)]
        pixels = images.shape[-2] * images.shape[-1]
        coded = evenly_spaced(torch.arange(len(images)), max(_PIXELS_OF_CODE // pixels, _FEWEST_CODED))
        bound = entropy_bound(images[coded.to(images.device)])
        draws = generator(seed, Purpose.CONDITIONAL_ENTROPY, None, number)
        return ImageEntropy(min(image_entropy(images.flatten(1).float() / _LEVELS, draws), bound), bound)


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


def with_error_bound(metrics: dict[str, float], entropy: ImageEntropy, dimensions: int) -> dict[str, float]:
    """Add the entropies, and the bound of any attack's error (CEM, Theorem 1).

    Without noise the information is infinite and the theorem says nothing: there is then no `mixture_information`,
    `conditional_entropy` or `mse_bound`, and a check of `bound_checks` says why.

    Args:
        metrics: what `measure_features` returned.
        entropy: H(x) of the training images.
        dimensions: number of values of an image.

    """
    with_entropy = {
        **metrics,
        "image_entropy_bound": entropy.bound,
        "mse_bound_nothing_sent": mse_bound(entropy.bound, dimensions),
    }
    if math.isinf(with_entropy["mixture_information"]):
        del with_entropy["mixture_information"]
        return with_entropy
    conditional = entropy.estimate - metrics["mixture_information"]
    return {**with_entropy, "conditional_entropy": conditional, "mse_bound": mse_bound(conditional, dimensions)}


def bound_checks(targets: Sequence[dict[str, float]]) -> tuple[Check, ...]:
    """Return what must hold before the estimated bound of the error may be used.

    Args:
        targets: what `with_error_bound` returned for each target of a cell.

    """
    if any("mse_bound" not in metrics for metrics in targets):
        why = "without noise the features carry infinite information, and Theorem 1 of CEM does not apply"
        return (not_computed("noise on the features", "above", 0.0, why),)
    records = [metrics["mixture_records_per_feature"] for metrics in targets]
    reason = "records per feature of each covariance; with fewer the information is estimated too low"
    return (check("enough records for the covariance", records, "at least", RECORDS_PER_FEATURE, reason),)


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
