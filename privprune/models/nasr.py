"""The membership inference network of Nasr, Shokri and Houmansadr (CCS 2018, arXiv 1807.05852, section 4).

From a classifier's prediction and the true label, it infers whether a record was trained on. Min-Max regularisation
trains against it, and MIA-Pruning (section 5.1) uses it as its attack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

NasrVariant = Literal["paper", "released"]
Initialisation = Literal["nasr", "he"]

# Hidden widths of each branch. `paper`: as in Lab41/cyphercat and MIA-SafeCompress, which follow the paper's figure.
# `released`: SPIN-UMass/ML-Privacy-Regulization, PPN_ALEXNET_GIT.py, for CIFAR-100.
_PREDICTION_BRANCH: dict[NasrVariant, tuple[int, ...]] = {"paper": (1024, 512, 64), "released": (1024, 512, 64)}
_LABEL_BRANCH: dict[NasrVariant, tuple[int, ...]] = {"paper": (512, 64), "released": (128, 64)}
_COMMON: dict[NasrVariant, tuple[int, ...]] = {"paper": (256, 64, 1), "released": (256, 128, 64, 1)}
GUESSING = -math.log(4)  # the gain, see `metrics.membership.gain`, of a network that answers 1/2 to everything
_WEIGHT_DEVIATION = 0.01  # of Nasr et al.


class NasrNetwork(nn.Module):
    """M membership networks in one module, one per attacked classifier.

    Args:
        classes: C, the number of the classifiers' classes.
        variant: `paper` reads posteriors and labels coded 0/1; `released` reads raw logits and labels coded -1/+1,
            and has other widths.
        generators: one per member; its weights are drawn from it alone.
        initialisation: of the weights, see `MemberLinear`.

    """

    def __init__(
        self,
        classes: int,
        variant: NasrVariant,
        generators: Sequence[torch.Generator],
        initialisation: Initialisation = "nasr",
    ) -> None:
        super().__init__()
        self.classes = classes
        self.variant = variant
        self.prediction = _perceptron((classes, *_PREDICTION_BRANCH[variant]), generators, initialisation)
        self.label = _perceptron((classes, *_LABEL_BRANCH[variant]), generators, initialisation)
        joined = _PREDICTION_BRANCH[variant][-1] + _LABEL_BRANCH[variant][-1]
        self.common = _perceptron((joined, *_COMMON[variant]), generators, initialisation)[:-1]  # no ReLU at the end

    def seen(self, logits: Tensor) -> Tensor:
        """Turn a classifier's logits into this variant's input, of the same shape."""
        return logits.softmax(-1) if self.variant == "paper" else logits

    def forward(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """Infer the membership of records.

        Args:
            predictions: float [M, batch, C], as `seen` returns them.
            labels: int64 [M, batch], the true classes.

        Returns:
            [M, batch]: the logit of "member"; the paper's output is its sigmoid.

        """
        coded = F.one_hot(labels, self.classes).to(predictions.dtype)
        if self.variant == "released":
            coded = coded * 2 - 1
        features = torch.cat([self.prediction(predictions), self.label(coded)], dim=-1)
        judged: Tensor = self.common(features)
        return judged.squeeze(-1)


class MemberLinear(nn.Module):
    """M linear layers in one batched product: [M, batch, inputs] to [M, batch, outputs]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        generators: Sequence[torch.Generator],
        initialisation: Initialisation = "nasr",
    ) -> None:
        """Draw the weights member by member; biases are 0.

        They are drawn from N(0, 0.01^2), as those of Nasr et al., or from N(0, 2 / inputs), by which the scale of the
        values is the same in all layers before ReLUs (He et al. 2015, arXiv 1502.01852, Equation 10).
        """
        super().__init__()
        deviation = _WEIGHT_DEVIATION if initialisation == "nasr" else (2 / inputs) ** 0.5
        drawn = [torch.empty(inputs, outputs).normal_(0, deviation, generator=one) for one in generators]
        self.weight = nn.Parameter(torch.stack(drawn))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Apply each member's layer to its own batch."""
        return torch.baddbmm(self.bias, values, self.weight)


def _perceptron(
    widths: tuple[int, ...], generators: Sequence[torch.Generator], initialisation: Initialisation
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [MemberLinear(inputs, outputs, generators, initialisation), nn.ReLU()]
    return nn.Sequential(*layers)
