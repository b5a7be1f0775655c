"""Images that stay in the user's folder and are decoded when they are indexed, for sets too large for one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from privprune.datasets.decoding import open_image, pixels_of
from privprune.errors import UserError

SHORTER_SIDE, CROP = 256, 224  # the single-crop evaluation of ImageNet, as torchvision's pretrained networks expect it


class FolderImages:
    """Image files of a folder that behave like a uint8 tensor [N, 3, side, side].

    They support `len`, `.shape`, `.device`, `.to` and indexing by an int64 tensor only. With a side, whole images are
    resized to squares. Without one, each is the central 224 x 224 of an image whose shorter side is resized to 256.
    """

    def __init__(
        self, root: Path, files: Sequence[str], device: torch.device | str = "cpu", side: int | None = None
    ) -> None:
        """Store where the images are.

        Raises:
            UserError: a file's name is not UTF-8, in which names are stored.

        """
        for name in (str(root), *files):
            if not name.isascii():
                _check_encoding(name)
        self.root = root
        self.side = side
        self.device = torch.device(device)  # where indexing puts the decoded images
        self.files = tuple(files)  # relative to root, with forward slashes

    @classmethod
    def unpacked(cls, root: Path, packed: Tensor, side: int | None) -> FolderImages:
        """Build from the tensor of file names that `packed` returned.

        Raises:
            UserError: the folder does not exist (any more).

        """
        if not root.is_dir():
            raise UserError(f"{root}: the folder of the images is gone, put it back or fetch the data set again")
        return cls(root, packed.numpy().tobytes().decode().split("\0"), side=side)

    def packed(self) -> Tensor:
        """Return the file names as one uint8 tensor, separated by zeros."""
        return torch.frombuffer(bytearray("\0".join(self.files).encode()), dtype=torch.uint8)

    def subset(self, indices: Tensor) -> FolderImages:
        """Return the images at these positions, int64 [n], still in their files."""
        return FolderImages(self.root, [self.files[index] for index in indices.tolist()], self.device, self.side)

    def to(self, device: torch.device | str) -> FolderImages:
        """Return the same images, which indexing then decodes to another device."""
        return FolderImages(self.root, self.files, device, self.side)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape that a tensor of all images would have."""
        side = self.side or CROP
        return (len(self.files), 3, side, side)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Decode the images at these positions, int64 [n], to uint8 [n, 3, side, side].

        Raises:
            UserError: a file is missing or is not an image.

        """
        paths = [self.root / self.files[index] for index in indices.tolist()]
        if not paths:
            return torch.empty(0, *self.shape[1:], dtype=torch.uint8, device=self.device)
        decode = partial(_decoded, side=self.side)
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            return torch.stack(list(threads.map(decode, paths))).to(self.device)


def _check_encoding(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"{name}: found a name that is not UTF-8, allowed UTF-8; rename the file or folder") from None


def _decoded(path: Path, side: int | None) -> Tensor:
    """Return one image, uint8 [3, side, side], resized to a square, or to a shorter side of 256 and cropped to 224."""
    image = open_image(path, path, "RGB")  # some of ImageNet's files are grey or CMYK
    if side is not None:
        return _tensor(image.resize((side, side), Image.Resampling.BILINEAR))
    width, height = image.size
    shorter = min(width, height)
    image = image.resize((SHORTER_SIDE * width // shorter, SHORTER_SIDE * height // shorter), Image.Resampling.BILINEAR)
    left, top = round((image.width - CROP) / 2), round((image.height - CROP) / 2)
    return _tensor(image.crop((left, top, left + CROP, top + CROP)))


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(pixels_of(image))
