"""What one target of an inversion sends: sizes, how much that leaves unknown, and how the edge passes on changes."""

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
from privprune.workflow.inversion_targets import ScoringPlan, Target, evenly, target

_FLOAT = 4  # bytes
_LEVELS = 255  # images are bytes
_IMAGES_OF_BOUND = 2_000  # records for H(x): distances between all of them are measured
_FEATURES_OF_BOUND = 50_000
_COMPONENTS_PER_CLASS = 3  # CEM's k = 3n
_RECORDS_PER_FEATURE = 4  # in each component at least, on average: covariances of fewer records are too narrow
_DEVIATION = 0.1  # (ours) of the noise behind Lipschitz constants, of images in [-1, 1]; the same in every record
_IMAGES_OF_CONSTANTS = 500  # members that they are measured on, evenly spaced


def facts(seed: int, cut: str | int | None, cell: Cell, number: int, context: DataContext) -> dict[str, float]:
    """Measure what one target sends, and what it tells.

    Args:
        seed: of all that is random.
        cut: where a whole network is cut; None for its own cut.
        cell: the networks.
        number: which of them.
        context: its data.

    Returns:
        name -> value; the information is infinite without noise.

    """
    attacked = target(cell, number, cut, context, generator(seed, Purpose.CONDITIONAL_ENTROPY, number, 0))
    members = attacked.pools.members.to(context.device)
    victim = attacked.victim(ScoringPlan(members, members[:1], members[:1], members[:1]), context)
    values = math.prod(attacked.halves.feature_shape(victim.image_shape))
    found = {
        "feature_values": float(values),
        "feature_bytes": float(_FLOAT * values),
        "edge_parameters": float(count_parameters(attacked.halves.encoder)),
        "cloud_parameters": float(count_parameters(attacked.halves.cloud)),
    }
    unseen = victim.targets(attacked.pools.test.to(context.device))
    shown = victim.targets(evenly(members, _IMAGES_OF_BOUND))
    found["mean_image_mse"] = float((unseen - shown.mean(0)).square().mean())
    records = evenly(members, _FEATURES_OF_BOUND)
    enough = max(1, len(records) // (_RECORDS_PER_FEATURE * values))
    components = min(_COMPONENTS_PER_CLASS * context.dataset.classes, enough)
    features = victim.features(records).flatten(1)
    draws = generator(seed, Purpose.CONDITIONAL_ENTROPY, number, 1)
    found["mixture_information"] = information(features, attacked.deviation, components, draws)
    found |= _lipschitz(attacked, records, context, generator(seed, Purpose.LIPSCHITZ, number))
    return found


@dataclass(frozen=True)
class Shown:
    """The images that the targets of a cell have learnt from, for their entropy: targets often share them.

    Attributes:
        sets: int64 [n] each, records; no two are the same.
        of: for each target, which of them is its own.

    """

    sets: list[Tensor]
    of: list[int]

    def entropy(self, seed: int, number: int, context: DataContext) -> float:
        """Estimate H(x) of one of the sets, in nats per image."""
        images = context.dataset.images[self.sets[number].to(context.device)].float() / _LEVELS
        return image_entropy(images.flatten(1), generator(seed, Purpose.CONDITIONAL_ENTROPY, None, number))


def shown(cell: Cell, context: DataContext) -> Shown:
    """Collect the images behind H(x), each set once."""
    sets: list[Tensor] = []
    of: list[int] = []
    for number in range(cell.manifest.targets):
        own = evenly(context.members(cell.manifest, number), _IMAGES_OF_BOUND)
        same = next((place for place, other in enumerate(sets) if torch.equal(own, other)), len(sets))
        if same == len(sets):
            sets.append(own)
        of.append(same)
    return Shown(sets, of)


def bounded(found: dict[str, float], entropy: float, dimensions: int) -> dict[str, float]:
    """Add what the features leave unknown of an image, and the bound of any attack's error; leave infinite values out.

    Args:
        found: what `facts` measured.
        entropy: H(x), nats.
        dimensions: numbers of an image.

    """
    conditional = entropy - found["mixture_information"]
    told = {**found, "conditional_entropy": conditional, "mse_bound": mse_bound(conditional, dimensions)}
    return {name: value for name, value in told.items() if math.isfinite(value)}


def _lipschitz(attacked: Target, members: Tensor, context: DataContext, draws: torch.Generator) -> dict[str, float]:
    """Measure normalised local Lipschitz constants of the edge and of each of its blocks, see `metrics.lipschitz`."""
    images = as_input(context.dataset.images[evenly(members, _IMAGES_OF_CONSTANTS)])
    blocks = [repeatable(part) for part in edge_parts(BlockNet(attacked.halves.encoder.named_children()))]
    same_noise = torch.Generator().manual_seed(draws.initial_seed())  # the edge and its blocks see the same images
    constants = local_lipschitz(blocks, images, _DEVIATION, draws)
    whole = edge_lipschitz(repeatable(attacked.halves.encoder), images, _DEVIATION, same_noise)
    return {"edge_lipschitz": whole, **{f"lipschitz_{number}": one for number, one in enumerate(constants, 1)}}
