"""Image files to pixels: what a file shows is what a record has, or it is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privprune.datasets.decoding import decode_all, open_image
from privprune.datasets.folder_images import FolderImages
from privprune.errors import UserError

RAMP = np.arange(256).reshape(16, 16)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_16_bit_grey_image_keeps_its_greys(tmp_path: Path, mode: str) -> None:
    """The value 257 v of 16 bits is the grey v of 8 bits; the values between go to the nearest."""
    path = tmp_path / "deep.png"
    Image.fromarray((RAMP * 257).astype(np.uint16)).save(path)
    assert np.array_equal(np.asarray(open_image(path, path, mode).convert("L")), RAMP)
    Image.fromarray(np.minimum(RAMP * 257 + 128, 65535).astype(np.uint16)).save(path)
    assert np.array_equal(np.asarray(open_image(path, path, mode).convert("L")), RAMP)


def test_a_set_of_16_bit_images_is_decoded_like_its_8_bit_twin(tmp_path: Path) -> None:
    """The whole way of a set of image files, not one file alone."""
    files = []
    for name, pixels in (("deep.png", (RAMP * 257).astype(np.uint16)), ("shallow.png", RAMP.astype(np.uint8))):
        Image.fromarray(pixels).save(tmp_path / name)
        files.append(tmp_path / name)
    deep, shallow = decode_all(lambda path: open_image(path, path, "L"), files)
    assert np.array_equal(deep, shallow)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_an_image_of_32_bits_is_refused(tmp_path: Path, kind: type) -> None:
    """Nothing in such a file says which value is white."""
    path = tmp_path / "deep.tiff"
    Image.fromarray(RAMP.astype(kind)).save(path)
    with pytest.raises(UserError, match=r"deep\.tiff: .*found 32 bits per channel \([IF]\), allowed 8 or 16"):
        open_image(path, path, "RGB")


def test_a_name_that_is_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    """Names are stored in UTF-8; the message has the byte's escape, and can be printed on any terminal."""
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    with pytest.raises(UserError, match="found a name that is not UTF-8, allowed UTF-8") as refused:
        FolderImages(tmp_path, ["train/a/good.png", f"train/a/{name}"])
    assert str(refused.value).encode().decode().startswith("train/a/caf\\udce9.png: ")
    assert FolderImages(tmp_path, ["träin/ä.png"]).packed().numpy().tobytes().decode() == "träin/ä.png"
