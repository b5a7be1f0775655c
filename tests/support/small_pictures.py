"""Small copies of the sets that are picture files: Tiny ImageNet, FaceScrub and the ORL faces."""

from __future__ import annotations

import functools
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import md5
from torch import Tensor

from privprune.datasets.families import tiny_imagenet


@functools.cache
def picture(number: int, width: int, height: int, *, mode: str = "RGB", kind: str = "PNG") -> bytes:
    """Return a picture file whose pixels are drawn from its number."""
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, kind)
    return packed.getvalue()


def pixels_of(content: bytes, mode: str = "RGB") -> np.ndarray:
    """Return what Pillow decodes, with the channels first."""
    found = np.asarray(Image.open(io.BytesIO(content)).convert(mode))
    return found[None] if mode == "L" else found.transpose(2, 0, 1)


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


class SmallTinyImagenet:
    """The files of Tiny ImageNet, below its folder: as many classes as wanted, two training images and a test image."""

    def __init__(self, classes: int = 3) -> None:
        wnids = [f"n{number:08d}" for number in range(classes)]
        self.train = {
            f"train/{wnid}/images/{wnid}_{number}.JPEG": self.image(label * 2 + number)
            for label, wnid in enumerate(wnids)
            for number in range(2)
        }
        backwards = list(reversed(wnids))
        self.test = {f"val/images/val_{number}.JPEG": self.image(90 + number) for number in range(classes)}
        lines = [f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62\n" for number, wnid in enumerate(backwards)]
        self.test_labels = list(reversed(range(classes)))
        self.files = {
            "wnids.txt": "\n".join(backwards).encode(),
            **self.train,
            **{f"train/{wnid}/{wnid}_boxes.txt": b"" for wnid in wnids},
            **self.test,
            "val/val_annotations.txt": "".join(lines).encode(),
            "test/images/test_0.JPEG": self.image(1000),
        }

    @staticmethod
    def image(number: int) -> bytes:
        """Every fifth file is grey, as some of the official ones are."""
        return picture(number % 100, 64, 64, mode="RGB" if number % 5 else "L", kind="JPEG")

    def archive(self) -> bytes:
        """Return the files as the official archive packs them."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(zipfile.ZipInfo(f"tiny-imagenet-200/{name}"), content)  # no date: always the same
        return packed.getvalue()

    def official(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the loader know the small archive as the official one."""
        monkeypatch.setattr(tiny_imagenet, "MD5", md5(self.archive()))

    def same(self, images: Tensor, labels: Tensor) -> bool:
        """Whether these are all the records: training images by sorted name, then those of validation by their list."""
        expected = np.stack([pixels_of(content) for content in (*self.train.values(), *self.test.values())])
        wanted = [label for label in range(len(self.test)) for _ in range(2)] + self.test_labels
        return bool((images.numpy() == expected).all() and labels.tolist() == wanted)

    def write(self, root: Path) -> Path:
        """Write the unpacked files in the official layout."""
        write(root / "tiny-imagenet-200", self.files)
        return root / "tiny-imagenet-200"


def write_facescrub(root: Path, people: int = 3) -> dict[str, bytes]:
    """Write two training pictures and one of validation per person, of several sizes and kinds; return them."""
    files = {}
    for person in range(people):
        kind, suffix = (("JPEG", "jpg"), ("PNG", "PNG"), ("JPEG", "jpeg"))[person % 3]
        for part, number in (("train", 0), ("train", 1), ("validate", 2)):
            content = picture(person % 7 + number, 40 + 30 * number, 60, kind=kind)
            files[f"{part}/Person_{person:03d}/{number}.{suffix}"] = content
    write(root / "facescrub", files)
    return files


def write_orl_faces(root: Path, kind: str = "png") -> dict[str, bytes]:
    """Write the 400 pictures of 40 people; return them."""
    made = [picture(number, 92, 112, mode="L", kind={"png": "PNG", "pgm": "PPM"}[kind]) for number in range(20)]
    files = {f"s{s}/{n}.{kind}": made[(s * 3 + n) % 20] for s in range(1, 41) for n in range(1, 11)}
    write(root / "orl_faces", files)
    return files
