"""Networks for re-identification: a head with BNNeck, and how it is trained.

BNNeck (Luo et al., Bag of tricks and a strong baseline for deep person re-identification, CVPR workshops 2019): a
triplet loss reads the mean of the feature maps; the classifier reads it after batch normalisation, which is also the
embedding by which images are compared. The same networks can be trained as classifiers.
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
AtLeastTwo = Annotated[int, Range(2, 65_536)]
Smoothing = Annotated[float, Range(0, 1, open_high=True)]


@dataclass(frozen=True)
class ReidentificationSettings:
    """How networks are trained for re-identification.

    Attributes:
        identities: P, the number of identities in a batch.
        images: K, the number of images of each identity in a batch.
        margin: by how much the farthest image of the same identity has to be nearer than the nearest of another one.
        triplet_weight: weight of the triplet loss, relative to the cross-entropy over identities.
        label_smoothing: part of the cross-entropy's target that is spread evenly over all identities.

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
    """Batch normalisation with a scale and without a shift, so that cosine similarity stays meaningful."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.register_parameter("bias", None)

    def reset_parameters(self) -> None:
        """Reset the running statistics, and set the scale to one."""
        self.reset_running_stats()
        nn.init.ones_(self.weight)


def head(channels: int, classes: int) -> list[tuple[str, nn.Module]]:
    """Return the blocks after the last feature map: global mean, BNNeck, a linear layer without bias."""
    return [(MEAN, GlobalMean()), (NECK, Neck(channels)), ("fc", nn.Linear(channels, classes, bias=False))]


def has_neck(model: nn.Module) -> bool:
    """Whether a network has BNNeck's head, which re-identification needs."""
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
