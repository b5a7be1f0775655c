"""Pictures from anywhere: what a viewer shows is what a record has, or the file is refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privprune.datasets.decoding import open_image
from privprune.datasets.pictures import SUFFIXES, square_picture, without_warnings
from privprune.errors import UserError

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
TURNED = {  # EXIF orientation -> what a camera stores of an upright picture, as operations on its array
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright.swapaxes(0, 1), 2),
    8: lambda upright: np.rot90(upright, 3),
}


def decoded(path: Path, channels: int = 3, side: int = 16) -> np.ndarray:
    """Decode a file as the stage does."""
    with without_warnings():
        return np.asarray(square_picture(path, side, channels))


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    """Write an image file."""
    path = folder / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("deep.png", RAMP.astype(np.uint16) * 257),
        ("deep.tiff", RAMP.astype(np.uint16) * 257),
        ("deep.pgm", RAMP.astype(np.int32) * 257),
        ("shallow.png", RAMP),
    ],
)
def test_a_ramp_of_16_bits_is_the_ramp_of_8(tmp_path: Path, name: str, pixels: np.ndarray) -> None:
    """All 256 greys come out, where Pillow's own conversion makes all but one white."""
    path = saved(tmp_path, name, Image.fromarray(pixels))
    assert np.array_equal(decoded(path, 1), RAMP)
    assert np.array_equal(decoded(path, 3), np.stack([RAMP] * 3, axis=-1))


def tiff(bits: int, white_is_zero: bool, values: bytes) -> bytes:
    """Write a grey TIFF of 16 x 16 pixels by hand."""
    tags = [
        *((256, 16), (257, 16), (258, bits), (259, 1), (262, 0 if white_is_zero else 1)),
        *((273, 8 + 2 + 9 * 12 + 4), (277, 1), (278, 16), (279, len(values))),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + values


def test_a_tiff_of_12_bits_and_one_whose_zero_is_white_keep_their_greys(tmp_path: Path) -> None:
    """White is 4,095 in the first, and 0 in the second."""
    values = np.rint(RAMP.astype(np.float64).ravel() * 4095 / 255).astype(int)
    pairs = values.reshape(-1, 2)
    packed = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs.tolist())
    (tmp_path / "twelve.tiff").write_bytes(tiff(12, white_is_zero=False, values=packed))
    assert np.array_equal(decoded(tmp_path / "twelve.tiff", 1), RAMP)
    inverted = (65535 - RAMP.astype(np.uint16) * 257).astype("<u2").tobytes()
    (tmp_path / "inverted.tiff").write_bytes(tiff(16, white_is_zero=True, values=inverted))
    assert np.array_equal(decoded(tmp_path / "inverted.tiff", 1), RAMP)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["jpg", "png", "tiff"])
def test_a_turned_picture_becomes_upright(tmp_path: Path, orientation: int, kind: str) -> None:
    """Each of the eight orientations of EXIF, in each format that has them."""
    upright = np.zeros((16, 16, 3), dtype=np.uint8)
    upright[:8, :8], upright[:8, 8:], upright[8:, :8] = RED, GREEN, BLUE
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "jpg" else {}
    path = saved(tmp_path, f"turned.{kind}", stored, exif=exif, **options)
    assert np.abs(decoded(path).astype(int) - upright).max() < 10


def test_transparent_parts_show_white_whatever_the_kind_of_transparency(tmp_path: Path) -> None:
    """Alpha of colour and of grey, a transparent colour of a palette, and of an image without alpha."""
    half = np.zeros((16, 16), dtype=np.uint8)
    half[:, 8:] = 255  # opaque at the right, where the picture is red or black
    colour = np.dstack([np.full((16, 16, 3), RED, dtype=np.uint8), half])
    grey = np.dstack([np.zeros((16, 16), dtype=np.uint8), half])
    indexed = Image.fromarray((half // 255).astype(np.uint8), "P")
    indexed.putpalette([*GREEN, *RED])
    keyed = Image.fromarray(np.where(half[..., None] > 0, RED, GREEN).astype(np.uint8))
    right = {"alpha.png": RED, "grey.png": (0, 0, 0), "palette.gif": RED, "palette.png": RED, "keyed.png": RED}
    saved(tmp_path, "alpha.png", Image.fromarray(colour))
    saved(tmp_path, "grey.png", Image.fromarray(grey))
    saved(tmp_path, "palette.gif", indexed, transparency=0)
    saved(tmp_path, "palette.png", indexed, transparency=0)
    saved(tmp_path, "keyed.png", keyed, transparency=GREEN)
    for name, expected in right.items():
        found = decoded(tmp_path / name)
        assert (found[:, :8] == WHITE).all(), name
        assert (found[:, 8:] == expected).all(), name
    half_seen = Image.new("RGBA", (16, 16), (*RED, 128))
    assert decoded(saved(tmp_path, "half.png", half_seen))[0, 0].tolist() == [255, 127, 127]


def test_palettes_cmyk_and_black_and_white_are_converted(tmp_path: Path) -> None:
    """The colour that a viewer shows, also where the file has another model of colour."""
    indexed = Image.fromarray(np.tile(np.uint8([[0, 1]]), (16, 8)), "P")
    indexed.putpalette([*RED, *BLUE])
    assert decoded(saved(tmp_path, "palette.png", indexed))[0, :2].tolist() == [list(RED), list(BLUE)]
    for kind in ("jpg", "tiff"):
        printed = Image.new("RGB", (16, 16), RED).convert("CMYK")
        found = decoded(saved(tmp_path, f"cmyk.{kind}", printed))[8, 8].astype(int)
        assert np.abs(found - RED).max() < 5, kind
    bits = Image.fromarray(np.tile(np.uint8([[0, 255]]), (16, 8))).convert("1")
    assert decoded(saved(tmp_path, "bits.png", bits), 1)[0, :2].tolist() == [0, 255]


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp", "pages.tiff", "phone.mpo.jpg"])
def test_of_several_pictures_in_a_file_the_first_counts(tmp_path: Path, name: str) -> None:
    """The first frame, page or photograph; the second is another."""
    first, second = Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), BLUE)
    options: dict[str, object] = {"lossless": True} if name.endswith("webp") else {}
    options |= {"format": "MPO"} if ".mpo" in name else {}
    path = saved(tmp_path, name, first, save_all=True, append_images=[second], **options)
    with Image.open(path) as opened:
        assert getattr(opened, "n_frames", 1) == 2
    assert np.abs(decoded(path)[8, 8].astype(int) - RED).max() < 5


def test_the_largest_central_square_is_resized(tmp_path: Path) -> None:
    """Nothing is stretched, and what lies beyond the square is not there; each pixel averages what it covers."""
    wide = np.zeros((32, 64, 3), dtype=np.uint8)
    wide[:, 16:32], wide[:, 32:48] = RED, BLUE
    found = decoded(saved(tmp_path, "wide.png", Image.fromarray(wide)))
    assert (found[:, :7] == RED).all()
    assert (found[:, 9:] == BLUE).all()
    lines = np.tile(np.uint8([[0, 255]]), (160, 80))
    assert (
        np.abs(decoded(saved(tmp_path, "lines.png", Image.fromarray(lines)), 1)[4:12, 4:12].astype(int) - 128).max() < 4
    )


def test_a_large_jpeg_looks_as_its_png(tmp_path: Path) -> None:
    """It is decoded at a fraction of its size, which no record shows."""
    smooth = np.linspace(0, 255, 800)[:, None] * np.ones((1, 600))
    image = Image.fromarray(np.dstack([smooth, smooth.T[:600].repeat(2, 0)[:800, :600], 255 - smooth]).astype(np.uint8))
    jpeg, png = saved(tmp_path, "large.jpg", image, quality=95), saved(tmp_path, "large.png", image)
    assert np.abs(decoded(jpeg).astype(int) - decoded(png)).max() < 8


def png_of(width: int, height: int) -> bytes:
    """Return a PNG file that says it has so many pixels, and has none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def encoded(kind: str, **options: object) -> bytes:
    """Return a noisy picture in a format."""
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, kind, **options)  # type: ignore[arg-type]
    return content.getvalue()


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty.png": lambda: b"",
    "text.jpg": lambda: b"<html>not found</html>",
    "bomb.png": lambda: png_of(50_000, 50_000),
    "large.png": lambda: png_of(10_000, 10_000),
    **{f"half.{kind}": lambda kind=kind: (whole := encoded(kind))[: len(whole) // 2] for kind in SUFFIXES},
    **{f"start.{kind}": lambda kind=kind: encoded(kind)[:30] for kind in SUFFIXES},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_picture_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    """Zero bytes, text, bombs, and each format cut off in its middle or after its first bytes."""
    path = tmp_path / name
    path.write_bytes(BROKEN[name]())
    with pytest.raises(UserError) as refused:
        decoded(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    bomb = "found a picture of more than 89,478,485 pixels, allowed at most these"
    assert (bomb in line) == (name in ("bomb.png", "large.png"))
    assert ("cannot identify image file" in line) or name not in ("empty.png", "text.jpg")
    assert "missing" not in line.removeprefix(f"{path}: ").partition(" (")[0]


def test_a_file_is_called_missing_only_where_it_is(tmp_path: Path) -> None:
    """A path without a file says so, and nothing of images that cannot be read."""
    path = tmp_path / "gone.png"
    for refused in (lambda: decoded(path), lambda: open_image(path, path, "RGB")):
        with pytest.raises(UserError) as told:
            refused()
        assert str(told.value) == f"{path}: the image is missing"


def test_a_format_that_runs_programs_is_not_opened(tmp_path: Path) -> None:
    """PostScript would start Ghostscript, whatever the file is called."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n")
    with pytest.raises(UserError, match="not readable as an image"):
        decoded(path)
