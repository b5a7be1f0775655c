"""The linear minimum mean squared error estimator of images, in closed form (Kay, Estimation Theory, 1993, Chapter 12).

x^ = E[x] + C_xz (C_zz + N)^-1 (z - E[z]), where the moments of images x and of noise-free features z are those of the
attacker's own images, and N = deviation^2 / queries I is the covariance of the noise on the wire. For an edge that is
linear, Gaussian images and Gaussian noise no attack has a lower error. Elsewhere it is the least that an attack must
reach to have looked at the features: it costs a second, and nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from privprune.attacks.inversion.attack import Inversion, Reconstruction
from privprune.attacks.inversion.linear_estimator import LinearEstimator
from privprune.attacks.inversion.method import InversionAttack
from privprune.attacks.inversion.plateau import HeldOutShare
from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.settings import Range, RecordCount, Repeats

_RECONSTRUCTED_AT_ONCE = 2_000  # images


@dataclass(frozen=True)
class LmmseSettings:
    """Settings of the estimator.

    Attributes:
        attacker_data: `train`, the target's training records, or `infer`, the first 90 % of the test records.
        queries: how often each image is transmitted where the wire is random; the features are averaged.
        records: how many of the known records it uses at most, evenly spaced; null for all.
        features: how many features it uses at most; more are added up in as many random groups, see `Grouping`.
        validation: share of these records on which the ridge is chosen; 0 for none, and then no ridge.

    """

    attacker_data: AttackerData
    queries: Repeats
    records: RecordCount | None
    features: Annotated[int, Range(1, 20_000)]  # whose covariance is one dense matrix
    validation: HeldOutShare


class LmmseAttack(Inversion):
    """Estimate every image by a linear function of what was sent of it, clipped to [0, 1]. History: none.

    Where the wire adds independent noise of known variance, the moments are those of noise-free features, and the
    variance is added. Where it is random in another way (dropout, a random edge), they are those of features that the
    attacker transmitted itself, with as many queries.
    """

    def __init__(self, settings: LmmseSettings) -> None:
        self.settings = settings
        self.attacker_data, self.queries = settings.attacker_data, settings.queries

    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Estimate all scored images; the generator deals features into groups where there are too many."""
        settings, known = self.settings, threat.auxiliary
        if settings.records is not None and settings.records < len(known):
            known = known[torch.arange(settings.records, device=known.device) * len(known) // settings.records]
        features, noise = _known_features(threat, known, settings.queries)
        observed = threat.observed(settings.queries).flatten(1)
        if features.shape[1] > settings.features:
            grouping = Grouping(features.shape[1], settings.features, generator)
            features, observed = grouping(features), grouping(observed)
        estimator = LinearEstimator(features, noise, threat.images, known)
        estimator.choose_ridge(settings.validation)
        parts = [estimator(part) for part in observed.split(_RECONSTRUCTED_AT_ONCE)]
        return Reconstruction(torch.cat(parts).clamp(0, 1).view(-1, *threat.image_shape))


def _known_features(threat: ThreatModel, known: Tensor, queries: int) -> tuple[Tensor, float]:
    """Return features of the known records, float32 [n, p], and the variance of the noise that is not yet on them."""
    deviation = threat.noise
    if deviation is None:
        return threat.query(known, queries).flatten(1), 0.0
    features = threat.features(known)
    if not deviation:
        features = threat.sent(features, 1)
    return features.flatten(1), deviation**2 / queries


class Grouping:
    """A random projection: features are dealt into groups, and those of a group are added up with random signs.

    The sums are divided by the square root of the group's size, so that independent noise of equal variance keeps its
    law: the rows of the projection are orthonormal. It takes one pass over the features, and no matrix.
    """

    def __init__(self, features: int, groups: int, generator: torch.Generator) -> None:
        """Deal so many features into so many groups, by a generator of the CPU."""
        self._groups, self._each = groups, -(-features // groups)
        self._order = torch.randperm(features, generator=generator)
        self._signs = 2.0 * torch.randint(2, (features,), generator=generator) - 1
        present = torch.ones(features)
        self._scale = self._dealt(present[None])[0].sum(0).rsqrt()

    def _dealt(self, values: Tensor) -> Tensor:
        """Arrange values, [n, features], as [n, size of a group, groups], with zeros where there are too few."""
        missing = self._groups * self._each - values.shape[1]
        return torch.nn.functional.pad(values, (0, missing)).view(len(values), self._each, self._groups)

    def __call__(self, values: Tensor) -> Tensor:
        """Project features [n, features] to [n, groups]."""
        device = values.device
        signed = values[:, self._order.to(device)] * self._signs.to(device)
        return self._dealt(signed).sum(1) * self._scale.to(device)


METHOD = InversionAttack(
    name="lmmse",
    settings=LmmseSettings,
    attack=LmmseAttack,
    examples=(
        {
            "attack": "lmmse",
            "attacker_data": "train",
            "queries": 2,
            "records": None,
            "features": 4096,
            "validation": 0.1,
        },
        {"attack": "lmmse", "attacker_data": "infer", "queries": 1, "records": 50, "features": 20, "validation": 0.1},
    ),
)
