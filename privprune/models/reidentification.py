"""Networks that find identities again: a head with BNNeck, and how it is trained.

BNNeck (Luo et al., Bag of tricks and a strong baseline for deep person re-identification, CVPR workshops 2019): a
triplet loss sees the mean of the feature maps, the classifier sees it normalised over the batch, and so does who
compares two images later. The same networks serve as classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from privprune.models.block_net import BlockNet, split
from privprune.models.layers import GlobalMean
from privprune.settings import NonNegative, Range

MEAN, NECK = "mean", "neck"  # blocks whose outputs are the feature of the triplet loss and the embedding
AtLeastTwo = Annotated[int, Range(2, None)]
Smoothing = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class ReidentificationSettings:
    """How networks learn to find identities again.

    Attributes:
        identities: P, of a batch.
        images: K, of each of them.
        margin: by which the farthest image of the same identity has to be nearer than the nearest of another one.
        triplet_weight: of the triplet loss, where that of the identities' cross-entropy is 1.
        label_smoothing: probability that the cross-entropy's target spreads evenly over all identities.

    """

    identities: AtLeastTwo
    images: AtLeastTwo
    margin: NonNegative
    triplet_weight: NonNegative
    label_smoothing: Smoothing

    @property
    def batch(self) -> int:
        """Records of a batch, P x K."""
        return self.identities * self.images


class Neck(nn.BatchNorm1d):
    """Batch normalisation with a scale and without a shift, so that angles from the origin keep their meaning."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.register_parameter("bias", None)

    def reset_parameters(self) -> None:
        """Scale by one."""
        self.reset_running_stats()
        nn.init.ones_(self.weight)


def head(channels: int, classes: int) -> list[tuple[str, nn.Module]]:
    """Return the blocks after the last feature map: mean over the places, BNNeck, a linear layer without bias."""
    return [(MEAN, GlobalMean()), (NECK, Neck(channels)), ("fc", nn.Linear(channels, classes, bias=False))]


def has_neck(model: nn.Module) -> bool:
    """Whether a network has the head that re-identification needs."""
    return isinstance(model, BlockNet) and NECK in model.block_names


def embedder(model: BlockNet) -> BlockNet:
    """Return the network up to BNNeck, which maps images to embeddings [batch, D]; it shares the network's modules.

    Raises:
        UserError: the network has no such block.

    """
    return split(model, NECK)[0]


def batch_hard_triplet(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return the batch-hard triplet loss (Hermans et al., In defense of the triplet loss, 2017, Equation 5).

    Args:
        features: float [batch, D].
        labels: int64 [batch], identities.
        margin: m in mean_i max(0, m + max_p d(i, p) - min_n d(i, n)), d the Euclidean distance.

    """
    squares = features.square().sum(1)
    distances = (squares[:, None] + squares - 2 * features @ features.T).clamp(min=1e-12).sqrt()
    same = labels[:, None] == labels
    farthest = distances.masked_fill(~same, -torch.inf).amax(1)
    nearest = distances.masked_fill(same, torch.inf).amin(1)
    return (margin + farthest - nearest).clamp(min=0).mean()
