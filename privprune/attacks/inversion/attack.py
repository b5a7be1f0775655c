"""The interface of every inversion attack: settings in the constructor, the threat model in the call, images out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from privprune.attacks.inversion.threat_model import AttackerData, ThreatModel
from privprune.models.decoder import DecoderSize


@dataclass(frozen=True)
class Reconstruction:
    """The result of an attack on the features of the scored images.

    Attributes:
        images: float32 [m, C, H, W] in [0, 1].
        history: curves of the attack's own training or optimisation, one number per epoch, or per step or group of
            steps where there are no epochs.

    """

    images: Tensor
    history: Mapping[str, list[float]] = field(default_factory=dict)


class Inversion(ABC):
    """Base class of model inversion attacks; an attack must define `__call__` and may replace the other defaults.

    Attributes:
        attacker_data: which images it trains on; None for an attack that trains on no images.
        limit: how many images it inverts at most; None for any number. The images that are set aside to choose the
            strongest attack come on top.
        queries: how often each image is transmitted where the wire is random.

    """

    attacker_data: AttackerData | None = None
    limit: int | None = None
    queries: int = 1

    @abstractmethod
    def __call__(self, threat: ThreatModel, generator: torch.Generator) -> Reconstruction:
        """Invert the features of `threat.scored`; the generator (on the CPU) is the only source of randomness."""

    def doubled(self) -> Self | None:
        """Return the same attack with twice the epochs or steps; None, the default, where it has none."""
        return None

    def check(  # noqa: B027 (not abstract: most attacks accept any features)
        self, feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]
    ) -> None:
        """Refuse features that the attack cannot invert; by default none.

        Args:
            feature_shape: of one image's features, (c, h, w) or (c,).
            image_shape: (C, H, W).

        Raises:
            ValueError: the attack cannot invert them; one line.

        """

    @property
    def surrogate_size(self) -> DecoderSize | None:
        """Size of the surrogate decoder that the attack starts from; None, the default, where it starts from none.

        A surrogate is the decoder against which the target was trained, as in PATROL and ResSFL.
        """
        return None

    def check_surrogate(  # noqa: B027 (not abstract: most attacks use no surrogate)
        self, surrogate: Mapping[str, Tensor], feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]
    ) -> None:
        """Refuse a target whose surrogate the attack cannot start from; by default none.

        Args:
            surrogate: state dict of the decoder that the target was trained against; empty where there was none.
            feature_shape: of one image's features, (c, h, w) or (c,).
            image_shape: (C, H, W).

        Raises:
            ValueError: there is no surrogate, or it has another architecture; one line.

        """
