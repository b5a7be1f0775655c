"""The membership inference network of Nasr, Shokri and Houmansadr (CCS 2018, arXiv 1807.05852, section 4).

From a classifier's prediction and the true label, it infers whether a record was trained on. Min-Max regularisation
trains against it, and MIA-Pruning (section 5.1) uses it as its attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

NasrVariant = Literal["paper", "released"]

# Hidden widths of each branch. `paper`: as in Lab41/cyphercat and MIA-SafeCompress, which follow the paper's figure.
# `released`: SPIN-UMass/ML-Privacy-Regulization, PPN_ALEXNET_GIT.py, for CIFAR-100.
_PREDICTION_BRANCH: dict[NasrVariant, tuple[int, ...]] = {"paper": (1024, 512, 64), "released": (1024, 512, 64)}
_LABEL_BRANCH: dict[NasrVariant, tuple[int, ...]] = {"paper": (512, 64), "released": (128, 64)}
_COMMON: dict[NasrVariant, tuple[int, ...]] = {"paper": (256, 64, 1), "released": (256, 128, 64, 1)}
_WEIGHT_DEVIATION = 0.01


class NasrNetwork(nn.Module):
    """M membership networks in one module, one per attacked classifier.

    Args:
        classes: C, the number of the classifiers' classes.
        variant: `paper` reads posteriors and labels coded 0/1; `released` reads raw logits and labels coded -1/+1,
            and has other widths.
        generators: one per member; its weights are drawn from it alone.

    """

    def __init__(self, classes: int, variant: NasrVariant, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.classes = classes
        self.variant = variant
        self.prediction = _perceptron((classes, *_PREDICTION_BRANCH[variant]), generators)
        self.label = _perceptron((classes, *_LABEL_BRANCH[variant]), generators)
        joined = _PREDICTION_BRANCH[variant][-1] + _LABEL_BRANCH[variant][-1]
        self.common = _perceptron((joined, *_COMMON[variant]), generators)[:-1]  # no ReLU after the last layer

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

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        """Draw the weights from N(0, 0.01^2), as Nasr et al. do, member by member; biases are 0."""
        super().__init__()
        drawn = [torch.empty(inputs, outputs).normal_(0, _WEIGHT_DEVIATION, generator=one) for one in generators]
        self.weight = nn.Parameter(torch.stack(drawn))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Apply each member's layer to its own batch."""
        return torch.baddbmm(self.bias, values, self.weight)


def _perceptron(widths: tuple[int, ...], generators: Sequence[torch.Generator]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [MemberLinear(inputs, outputs, generators), nn.ReLU()]
    return nn.Sequential(*layers)
