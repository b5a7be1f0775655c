"""A small vision transformer (Dosovitskiy et al. 2021) with batch normalisation, as an edge for small images (ours).

PATROL scales what a normalisation gives, and removes the channels that it scales to 0. Layer normalisation mixes all
channels of a token, so that none can be removed without a change of the others. Here, as in LeViT (Graham et al., ICCV
2021), batch normalisation follows each linear map instead, which is a convolution of one pixel on the map of tokens.
Positions come from a depthwise convolution in front of each block (Chu et al., "Conditional positional encodings", ICLR
2023). Inside attention nothing is removed; the channels of the tokens, the hidden ones and whole branches are.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import small_normal, uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import ModelSpec
from privprune.models.reidentification import head
from privprune.models.residual import Residual, ShortcutOnly

_CHANNELS, _HEADS, _BLOCKS, _EXPANSION = 48, 3, 6, 2
_PATCH = 4  # pixels; 64 tokens of 32 x 32 images


class _Added(Residual):
    """What all parts of a block share: their branch is added to the tokens, and can be removed."""

    branch_norm = "project.norm"

    def __init__(self) -> None:
        super().__init__()
        self.shortcut = nn.Identity()

    def without_branch(self) -> ShortcutOnly:
        """Return a part that passes the tokens on unchanged."""
        return ShortcutOnly(nn.Identity(), nn.Identity())


class Position(_Added):
    """Depthwise 3 x 3 convolution, which tells each token where it is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.project = block(conv=conv, norm=nn.BatchNorm2d(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens [batch, channels, height, width] to the same shape."""
        return self.joined(self.project(tokens), tokens)


class Attention(_Added):
    """Multi-head self-attention between all tokens of an image."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = -(-channels // heads) * heads
        self.query, self.key, self.value = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(3))
        self.project = block(conv=nn.Conv2d(inner, channels, 1, bias=False), norm=nn.BatchNorm2d(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens [batch, channels, height, width] to the same shape."""
        query, key, value = (
            layer(tokens).flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)  # [batch, heads, tokens, channels of a head]
        maps = mixed.transpose(2, 3).flatten(1, 2).unflatten(2, tokens.shape[2:])
        return self.joined(self.project(maps), tokens)


class Perceptron(_Added):
    """Two linear maps of each token, with normalisation and GELU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = block(
            conv=nn.Conv2d(channels, hidden, 1, bias=False), norm=nn.BatchNorm2d(hidden), gelu=nn.GELU()
        )
        self.project = block(conv=nn.Conv2d(hidden, channels, 1, bias=False), norm=nn.BatchNorm2d(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens [batch, channels, height, width] to the same shape."""
        return self.joined(self.project(self.expand(tokens)), tokens)


def small_vit(shape: Shape, width: float) -> BlockNet:
    """Build stem, block1 to block6, mean, neck, fc; image sizes a multiple of 4.

    The stem cuts images into patches of 4 x 4 pixels by two convolutions of stride 2, as is usual for few images. Each
    block has a position encoding, three heads and a perceptron of twice the channels. Tokens stay on their
    map [batch, 48, height / 4, width / 4].
    """
    channels, half = scaled(_CHANNELS, width), scaled(_CHANNELS // 2, width)
    stem = block(
        conv1=nn.Conv2d(shape.in_channels, half, 3, stride=2, padding=1, bias=False),
        norm1=nn.BatchNorm2d(half),
        relu=nn.ReLU(),
        conv2=nn.Conv2d(half, channels, 3, stride=2, padding=1, bias=False),
        norm2=nn.BatchNorm2d(channels),
    )
    blocks: list[tuple[str, nn.Module]] = [("stem", stem)]
    for number in range(1, _BLOCKS + 1):
        parts = block(
            position=Position(channels),
            attention=Attention(channels, _HEADS),
            perceptron=Perceptron(channels, _EXPANSION * channels),
        )
        blocks.append((f"block{number}", parts))
    return BlockNet([*blocks, *head(channels, shape.classes)])


METHOD = ModelSpec(
    name="small_vit",
    builder=small_vit,
    image_multiple=_PATCH,
    convolution=uniform,
    linear=small_normal,
    example=Shape(in_channels=3, image_size=16, classes=10),
)
