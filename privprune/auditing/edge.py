"""An edge of any kind as an attacker on its features sees it: a threat model without a cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from privprune.attacks.inversion import ThreatModel
from privprune.auditing.queries import device_of
from privprune.auditing.settings import SplitSettings
from privprune.errors import UserError, shown
from privprune.randomness import Purpose, generator

Prepare = Callable[[Tensor], Tensor]  # images [n, C, H, W] from 0 to 1 -> what the edge takes
_FEWEST = 20  # images
_PROBED = 4  # images that are sent twice, to see whether the edge is random
_PIXEL = 255


@dataclass(frozen=True)
class DividedImages:
    """Images by what they are to the attacker: int64 each, in ascending order.

    Attributes:
        known: it learns on these.
        scored: it is scored on these, and has nothing but their features.
        selection: on these, which are neither, the strongest attack is chosen.

    """

    known: Tensor
    scored: Tensor
    selection: Tensor

    @property
    def inverted(self) -> Tensor:
        """Scored and selection images, int64 in ascending order."""
        return torch.cat([self.scored, self.selection]).sort().values


class _Edge(nn.Module):
    """The user's edge behind the conversion from images in [-1, 1], which is what attacks send through it."""

    def __init__(self, edge: nn.Module, prepare: Prepare | None) -> None:
        super().__init__()
        self.edge, self._prepare = edge, prepare

    def forward(self, images: Tensor) -> Tensor:
        """Return features [n, c] or [n, c, h, w]; others are flattened."""
        unit = (images + 1) / 2
        features = self.edge(unit if self._prepare is None else self._prepare(unit))
        if not isinstance(features, Tensor) or not features.is_floating_point() or features.dim() < 2:
            found = f"{features.dtype} {tuple(features.shape)}" if isinstance(features, Tensor) else type(features)
            raise UserError(f"edge: sends {found}, allowed a tensor of floating-point numbers [images, ...]")
        if len(features) != len(images):
            raise UserError(f"edge: sends {len(features)} features of {len(images)} images, allowed one each")
        if not bool(features.detach().isfinite().all()):
            raise UserError("edge: sends NaN or infinity, allowed finite numbers")
        return features if features.dim() in (2, 4) else features.flatten(1)


def read_images(images: Any) -> Tensor:
    """Read images into memory, as bytes: uint8 [n, C, H, W].

    Args:
        images: float from 0 to 1 or uint8 [n, C, H, W], or a dataset of such images [C, H, W], alone or with a class.

    Raises:
        UserError: they are of another form or range, or too few.

    """
    found = _stacked(images) if isinstance(images, Dataset) else images
    if not isinstance(found, Tensor) or found.dim() != 4:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"images: found {shown(shape)}, allowed a Dataset, or a tensor [n, channels, height, width]")
    if len(found) < _FEWEST:
        raise UserError(f"images: found {len(found)}, allowed at least {_FEWEST}")
    if found.dtype == torch.uint8:
        return found
    low, high = float(found.min()), float(found.max())
    if not found.is_floating_point() or not (low >= 0 and high <= 1):
        raise UserError(
            f"images: found {found.dtype} from {low:g} to {high:g}, allowed floating-point numbers from 0 to 1, or "
            "uint8; a normalisation belongs into `prepare`"
        )
    return (found.detach() * _PIXEL).round().to(torch.uint8)


def _stacked(images: Any) -> Tensor:
    try:
        items = [images[place] for place in range(len(images))]
        return torch.stack([torch.as_tensor(one[0] if isinstance(one, tuple | list) else one) for one in items])
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as failure:
        raise UserError(f"images: not a dataset of images of one shape ({failure})") from failure


def divide_images(images: int, settings: SplitSettings, seed: int) -> DividedImages:
    """Divide images at random into known ones, scored ones and those for the choice of the strongest attack."""
    order = torch.randperm(images, generator=generator(seed, Purpose.INVERSION, None, "division"))
    known = round(settings.known * images)
    scored = min(settings.images, int((images - known) / (1 + settings.selection)))
    selection = min(max(1, round(settings.selection * scored)), images - known - scored)
    if min(known, scored, selection) < 1 or scored < 2:
        raise UserError(
            f"images: found {images}, of which {known} are known, {scored} scored and {selection} for selection, "
            "allowed at least 1, 2 and 1"
        )
    parts = order[: known + scored + selection].split([known, scored, selection])
    return DividedImages(*(part.sort().values for part in parts))


def threat_model(edge: nn.Module, prepare: Prepare | None, images: Tensor, divided: DividedImages) -> ThreatModel:
    """Return what an attacker has: the edge, which sends what it computes, and the known images.

    The edge is random if it sends different features of the same images; its randomness is then sampled anew for every
    transmission, in the attack too.
    """
    device = device_of(edge)
    encoder = _Edge(edge, prepare)
    pixels = images.to(device)
    labels = torch.zeros(len(images), dtype=torch.int64, device=device)
    known, scored = divided.known.to(device), divided.inverted.to(device)
    none = known[:0]

    def threat(*, random: bool) -> ThreatModel:
        return ThreatModel(
            encoder=encoder,
            wire=nn.Identity(),
            random=random,
            random_edge=random,
            share=1.0,
            images=pixels,
            auxiliary=known,
            leaked=none,
            scored=scored,
            surrogate={},
            labels=labels,
            classes=1,
            cloud=nn.Identity(),
        )

    plain = threat(random=False)
    once, twice = (plain.features(known[:_PROBED]) for _ in range(2))
    return plain if torch.equal(once, twice) else threat(random=True)


def has_gradient(threat: ThreatModel) -> bool:
    """Return whether features have a gradient with respect to the image."""
    image = torch.zeros(1, *threat.image_shape, device=threat.images.device, requires_grad=True)
    return bool(threat.encoder(image).requires_grad)
